"""The command line: flags and subcommands; wrong usage gets one sentence and exit code 2."""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from synapse.settings import Settings


_SET = """a parameter; repeatable. A list is JSON, --set 'command=["echo", "hi"]', or one --set for each of its items,
--set command=echo --set command=hi. A mapping is JSON too, or --set env=NAME=VALUE for each of its names"""


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """A parsed command line. `name` is `serve`, `open` or `run`."""

    name: str
    settings: 'Settings'
    only_print: bool = False
    pipeline: str = ''
    values: dict[str, list[str]] = field(default_factory=dict)
    """What `--set` was given for each parameter, in order."""
    profile: str | None = None


def parse(arguments: list[str]) -> CommandLine:
    """Parse the command line; prints help or an error and exits if it cannot."""
    given = _parser().parse_args(arguments)
    settings = _settings(given)
    if given.command == 'open':
        return CommandLine(name='open', settings=settings, only_print=given.print)
    if given.command == 'run':
        values: dict[str, list[str]] = {}
        for name, value in map(_pair, given.set):
            values.setdefault(name, []).append(value)
        return CommandLine(name='run', settings=settings, pipeline=given.pipeline, values=values, profile=given.profile)
    return CommandLine(name='serve', settings=settings)


def fail(message: str, code: int) -> NoReturn:
    """Print one sentence to standard error and exit."""
    print(message, file=sys.stderr, flush=True)
    raise SystemExit(code)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f'{message[:1].upper()}{message[1:]}. Try: python main.py --help', 2)


def _parser() -> argparse.ArgumentParser:
    # The same flags before and after the subcommand; SUPPRESS keeps the defaults of one from overwriting the other.
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument('--data', type=Path, metavar='DIR', help='data folder (default: the user data folder)')
    common.add_argument('--host', help='address to listen on (default: 127.0.0.1)')
    common.add_argument('--port', type=int, help='port to listen on; 0 picks a free one (default: 8000)')
    common.add_argument('--workers', type=int, metavar='N', help='maximum number of runs at the same time')
    common.add_argument('--no-browser', action='store_true', help='do not open a browser')
    common.add_argument('--native', action='store_true', help='open a window of its own instead of a browser')
    common.add_argument('--no-login', action='store_true', help='do not ask for a sign-in (loopback only)')
    parser = _Parser(prog='python main.py', parents=[common], description='Synapse, the control room for automations.')
    commands = parser.add_subparsers(dest='command', metavar='{open,run}', parser_class=_Parser)
    opener = commands.add_parser('open', parents=[common], help='open the running control room, signed in')
    opener.add_argument('--print', action='store_true', help='print the link instead of opening a browser')
    runner = commands.add_parser('run', parents=[common], help='start a run in the control room and follow its log')
    runner.add_argument('pipeline', metavar='PIPELINE', help='class name of the pipeline, such as PublishVideo')
    runner.add_argument('--set', action='append', default=[], metavar='NAME=VALUE', help=_SET)
    runner.add_argument('--profile', metavar='ID', help='id of the profile to run with')
    return parser


def _settings(given: argparse.Namespace) -> 'Settings':
    # Pydantic takes longer to import than the help to print.
    from pydantic import ValidationError

    from synapse.sentences import sentence_of
    from synapse.settings import settings_from

    names = ('host', 'port', 'data', 'workers', 'native', 'no_browser', 'no_login')
    flags = {name: getattr(given, name, None) for name in names}
    try:
        settings = settings_from(flags)
    except ValidationError as error:
        first = error.errors()[0]
        name = '.'.join(str(part) for part in first['loc']).replace('_', '-')
        fail(f'--{name}: {sentence_of(first)} Try: python main.py --help', 2)
    if not settings.is_loopback:
        fail(
            f'{settings.host} is reachable from other machines, and Synapse runs commands: that requires a password, '
            'which this version does not support yet. Use --host 127.0.0.1, and ssh -L from elsewhere.',
            2,
        )
    return settings


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals or not name:
        fail(f'--set takes NAME=VALUE, not {text}.', 2)
    return name, value
