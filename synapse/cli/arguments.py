"""The command line: flags and subcommands; wrong usage gets one sentence and exit code 2."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from synapse import program
from synapse.language import AUTO, N_, _, read_language, speak, translated

if TYPE_CHECKING:
    from synapse.settings import Settings

T = TypeVar('T')

_SET = N_(
    'a parameter; repeatable. A list is JSON, --set \'command=["echo", "hi"]\', or one --set for each of its items,\n'
    '--set command=echo --set command=hi. A mapping is JSON too, or --set env=NAME=VALUE for each of its names'
)

_ALLOW_HOST = N_(
    'a name at which it is reached through a proxy, such as synapse.example.com or https://name:8443;\n'
    'repeatable. The first one is in the links for people'
)
_TRUSTED_PROXY = N_('address or network of a proxy whose X-Forwarded-* or Forwarded headers are believed; repeatable')


_OF_ARGPARSE = (
    N_('usage: '),
    N_('positional arguments'),
    N_('options'),
    N_('show this help message and exit'),
    N_('the following arguments are required: %s'),
    N_('unrecognized arguments: %s'),
    N_('argument %(argument_name)s: %(message)s'),
    N_('invalid choice: %(value)r (choose from %(choices)s)'),
    N_('invalid %(type)s value: %(value)r'),
    N_('not allowed with argument %s'),
    N_('ambiguous option: %(option)s could match %(matches)s'),
    N_('expected one argument'),
)


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """A parsed command line. `name` is `serve`, or the subcommand."""

    name: str
    settings: 'Settings'
    only_print: bool = False
    only_looks: bool = False
    pipeline: str = ''
    values: dict[str, list[str]] = field(default_factory=dict)
    """What `--set` was given for each parameter, in order."""
    profile: str | None = None
    run: str = ''
    answer: str = ''
    event: str = ''
    at: str = ''
    action: str = ''
    """Of `queue`: `show`, `pause`, `drain` or `resume`; of `service`: `install`, `status` or `uninstall`.

    Of `machines`: `show`, `open`, `shut`, `drain`, `resume` or `remove`.
    """
    because: str = ''
    length: str = ''
    until: str = ''
    file: str = ''
    """Of `restore`."""
    passphrase_file: str = ''
    without_secrets: bool = False
    replaces: bool = False
    at_boot: bool = False
    code: str = ''
    machine: str = ''
    listen: tuple[str, int] | None = None
    """Of `worker`, which has the address of the scheduler in `at`."""


def parse(arguments: list[str]) -> CommandLine:
    """Parse the command line; prints help or an error and exits if it cannot."""
    speak_as_asked(arguments)
    given = _parsed(arguments)
    settings = _settings(given)
    if given.command == 'open':
        return CommandLine(
            name='open', settings=settings, only_print=given.print, only_looks=given.look, at=_url(given.at)
        )
    if given.command == 'run':
        values: dict[str, list[str]] = {}
        for name, value in map(_pair, given.set):
            values.setdefault(name, []).append(value)
        return CommandLine(name='run', settings=settings, pipeline=given.pipeline, values=values, profile=given.profile)
    if given.command == 'answer':
        return CommandLine(name='answer', settings=settings, run=given.run, answer=given.answer)
    if given.command == 'why':
        return CommandLine(name='why', settings=settings, event=given.event, at=given.at)
    if given.command == 'queue':
        how = {'because': given.because, 'length': given.length, 'until': given.until}
        return CommandLine(name='queue', settings=settings, action=given.action, **how)
    if given.command == 'machines':
        return CommandLine(name='machines', settings=settings, action=given.action, machine=given.name)
    if given.command == 'restore':
        return CommandLine(
            name='restore',
            settings=settings,
            file=given.file,
            passphrase_file=given.passphrase_file,
            without_secrets=given.without_secrets,
            replaces=given.replace,
        )
    if given.command == 'worker':
        _check_worker(given)
        return CommandLine(
            name='worker',
            settings=settings,
            at=_scheduler(given.address),
            code=given.code or '',
            machine=given.name or '',
            listen=_own_address(given.listen) if given.listen is not None else None,
        )
    if given.command == 'service':
        return CommandLine(name='service', settings=settings, action=given.action, at_boot=given.boot)
    return CommandLine(name=given.command or 'serve', settings=settings)


def _parsed(arguments: list[str]) -> argparse.Namespace:
    given = _parser().parse_args(arguments)
    if given.command == 'worker' and len(words := _line_in(given.address)) > 1:
        place = arguments.index(given.address)
        given = _parser().parse_args([*arguments[:place], *words, *arguments[place + 1 :]])
    return given


def _line_in(address: str) -> list[str]:
    """Return the words from the address on: the whole line of the first machine may be pasted as one word."""
    words = address.split()
    start = next((place for place, word in enumerate(words) if '://' in word), len(words))
    return words[start:]


def _check_worker(given: argparse.Namespace) -> None:
    """Exit with 2 if a worker was given what only the first machine has, or a flag that says nothing."""
    from synapse.settings import Settings

    for name in vars(given).keys() - _OF_WORKER:
        if name in Settings.model_fields:
            flag = f'--{name.replace("_", "-")}'
            text = _('{flag} belongs to the first machine: a worker has no use for it.', flag=flag)
            fail(_('{error} Try: {program} --help', program=f'{program.NAME} worker', error=text), 2)
    for name in ('code', 'name'):
        if (value := getattr(given, name)) is not None and not value.strip():
            text = _('--{name} takes a text, not nothing.', name=name)
            fail(_('{error} Try: {program} --help', program=f'{program.NAME} worker', error=text), 2)


def speak_as_asked(arguments: list[str]) -> None:
    """Choose the language first: help and errors are said in it too."""
    asked = os.environ.get('SYNAPSE_LANGUAGE', AUTO)
    for before, word in pairwise(['', *arguments]):
        if before == '--language' or word.startswith('--language='):
            asked = word.removeprefix('--language=')
    speak(read_language(asked) or AUTO)


def fail(message: str, code: int) -> NoReturn:
    """Print one sentence to standard error and exit."""
    print(message, file=sys.stderr, flush=True)
    raise SystemExit(code)


_SHARED = frozenset({'data', 'language'})
"""Flags that mean something for every subcommand. It takes the others too, so that one line of flags fits all."""


_OF_WORKER = frozenset({*_SHARED, 'workers', 'offer'})
"""Flags of the control room that a worker has too; any other would be a mistake there."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(_('{error}. Try: {program} --help', program=self.prog, error=f'{message[:1].upper()}{message[1:]}'), 2)


def _parser() -> argparse.ArgumentParser:
    argparse._ = translated  # type: ignore[attr-defined]  # which it calls for its own texts, see `_OF_ARGPARSE`
    parser = _Parser(prog=program.NAME, parents=[_flags()], description=_('Synapse, the control room for automations.'))
    commands = parser.add_subparsers(
        dest='command',
        metavar='{open,run,answer,why,queue,machines,password,crontab,service,restore,worker}',
        parser_class=_Parser,
    )
    common = _flags(_SHARED)
    opener = commands.add_parser(
        'open', parents=[_flags({*_SHARED, 'native'})], help=_('open the running control room, signed in')
    )
    opener.add_argument('--print', action='store_true', help=_('print the link instead of opening a browser'))
    opener.add_argument(
        '--look', action='store_true', help=_('a link for a browser that may only look, such as a screen')
    )
    opener.add_argument('--at', metavar='URL', help=_('print it for this address, such as that of an ssh -L'))
    runner = commands.add_parser('run', parents=[common], help=_('start a run in the control room and follow its log'))
    runner.add_argument('pipeline', metavar='PIPELINE', help=_('class name of the pipeline, such as PublishVideo'))
    runner.add_argument('--set', action='append', default=[], metavar='NAME=VALUE', help=translated(_SET))
    runner.add_argument('--profile', metavar='ID', help=_('id of the profile to run with'))
    answerer = commands.add_parser('answer', parents=[common], help=_('answer the question of a run'))
    answerer.add_argument('run', metavar='RUN', help=_('number or id of the run'))
    answerer.add_argument('answer', metavar='ANSWER', help=_('a choice or a text, or the fields of a form as JSON'))
    asker = commands.add_parser('why', parents=[common], help=_('say why an event did or did not run at a moment'))
    asker.add_argument('event', metavar='EVENT', help=_('id or name of the event'))
    asker.add_argument('at', metavar='AT', help=_("a time of the event such as '2026-10-14 16:00', or an ISO moment"))
    commands.add_parser('password', parents=[common], help=_('set the password for sign-in from other machines'))
    queue = commands.add_parser('queue', parents=[common], help=_('say how the queue is, pause, drain or resume it'))
    queue.add_argument('action', nargs='?', default='show', choices=('show', 'pause', 'drain', 'resume'))
    end = queue.add_mutually_exclusive_group()
    end.add_argument(
        '--for', dest='length', default='', metavar='LENGTH', help=_('resume by itself after, such as 15m')
    )
    end.add_argument('--until', default='', metavar='TIME', help=_("resume by itself at, such as '2026-10-15 08:00'"))
    queue.add_argument('--because', default='', metavar='TEXT', help=_('why, which is shown on every page'))
    park = commands.add_parser(
        'machines', parents=[common], help=_('say how the machines are, let one join, rest or go')
    )
    park.add_argument(
        'action', nargs='?', default='show', choices=('show', 'open', 'shut', 'drain', 'resume', 'remove')
    )
    park.add_argument('name', nargs='?', default='', metavar='NAME', help=_('what the machine is called'))
    servant = commands.add_parser('service', parents=[_flags()], help=_('have it start with the session'))
    servant.add_argument('action', choices=('install', 'status', 'uninstall'))
    servant.add_argument('--boot', action='store_true', help=_('start it with the machine, before you sign in'))
    commands.add_parser('crontab', parents=[common], help=_('print the events that are switched on as a crontab'))
    restorer = commands.add_parser('restore', parents=[common], help=_('make a data folder of a backup'))
    restorer.add_argument('file', metavar='FILE', help=_('the backup, a .tar.gz'))
    restorer.add_argument('--replace', action='store_true', help=_('set aside what the data folder holds'))
    restorer.add_argument('--passphrase-file', default='', metavar='FILE', help=_('its first line opens the secrets'))
    restorer.add_argument('--without-secrets', action='store_true', help=_('leave the secrets out'))
    joiner = commands.add_parser(
        'worker',
        parents=[_flags(_OF_WORKER)],
        help=_('carry out runs for a control room elsewhere'),
    )
    joiner.add_argument('address', metavar='ADDRESS', help=_('where to join, such as tls://10.0.0.5:8786'))
    joiner.add_argument('--code', metavar='CODE', help=_('the code of the cluster; kept for the next time'))
    joiner.add_argument('--name', metavar='NAME', help=_('what this machine is called (default: its name)'))
    joiner.add_argument(
        '--listen', metavar='HOST[:PORT]', help=_('address of this machine at which the others reach it')
    )
    return parser


def _flags(shown: Collection[str] | None = None) -> _Parser:
    """Return the flags of the control room, which are taken before and after a subcommand.

    :param shown: those that its help names, without hyphens; all unless given
    """
    # SUPPRESS keeps the defaults of one from overwriting the other.
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS)

    def add(name: str, *, help: str, **options: Any) -> None:
        is_shown = shown is None or name.removeprefix('--') in shown
        flags.add_argument(name, help=help if is_shown else argparse.SUPPRESS, **options)

    add('--data', type=Path, metavar='DIR', help=_('data folder (default: the user data folder)'))
    add('--host', help=_('address to listen on (default: 127.0.0.1)'))
    add('--port', type=int, help=_('port to listen on; 0 picks a free one (default: 8000)'))
    add('--workers', type=int, metavar='N', help=_('maximum number of runs at the same time'))
    add('--no-browser', action='store_true', help=_('do not open a browser'))
    add('--no-link', action='store_true', help=_('do not print a sign-in link'))
    add('--native', action='store_true', help=_('open a window of its own instead of a browser'))
    add('--no-login', action='store_true', help=_('do not ask for a sign-in (loopback only)'))
    add('--allow-host', action='append', metavar='NAME', help=translated(_ALLOW_HOST))
    add('--trusted-proxy', action='append', metavar='ADDRESS', help=translated(_TRUSTED_PROXY))
    add('--base-path', metavar='PATH', help=_('path below which it is reached, such as /synapse'))
    add('--password-file', metavar='FILE', help=_('file whose first line is the password for sign-in'))
    add('--tls-cert', metavar='FILE', help=_('certificate in PEM, with those that vouch for it'))
    add('--tls-key', metavar='FILE', help=_('its private key in PEM'))
    add('--cluster', nargs='?', const='', metavar='ADDRESS', help=_('let other machines join, or use this scheduler'))
    add('--cluster-port', type=int, metavar='PORT', help=_('where they join (default: 8786)'))
    add('--offer', action='append', metavar='NAME=N', help=_('what this machine has for pipelines that need it: gpu=1'))
    add('--language', metavar='TAG', help=_('language of pages and messages: en or pt-BR'))
    return flags


def _settings(given: argparse.Namespace) -> 'Settings':
    # Pydantic takes longer to import than the help to print.
    from pydantic import ValidationError

    from synapse.sentences import sentence_of
    from synapse.settings import settings_from

    names = ('host', 'port', 'data', 'workers', 'native', 'no_browser', 'no_link', 'no_login')
    reach = ('allow_host', 'trusted_proxy', 'base_path', 'password_file', 'tls_cert', 'tls_key')
    more = ('language', 'cluster', 'cluster_port', 'offer')
    flags = {name: getattr(given, name, None) for name in names + reach + more}
    try:
        settings = settings_from(flags)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first['loc'][0]).replace('_', '-')
        at = f'{program.NAME} {given.command or ""}'.rstrip()
        fail(_('--{name}: {error} Try: {program} --help', program=at, name=name, error=sentence_of(first)), 2)
    if given.command is None or getattr(given, 'action', '') == 'install':
        _check_password_file(settings)
        _check_lan(settings)
    if settings.no_login and (settings.allow_host or settings.trusted_proxy):
        fail(
            _(
                '--no-login is for this machine only. With --allow-host or --trusted-proxy, everyone who reaches the '
                'proxy could run commands.'
            ),
            2,
        )
    return settings


def _check_password_file(settings: 'Settings') -> None:
    """Exit with 2 if the file that should hold the password does not."""
    if settings.password_file is None:
        return
    from synapse.credentials.password import first_line, problem_of

    try:
        problem = problem_of(first_line(settings.password_file))
    except (OSError, ValueError):
        problem = _('it cannot be read as text.')
    if problem:
        text = _('The first line of {file} is no password: {problem}', file=settings.password_file, problem=problem)
        fail(text, 2)


def _check_lan(settings: 'Settings') -> None:
    """Exit with 2 unless whoever reaches this from another machine needs a password."""
    if settings.is_loopback:
        return
    if settings.no_login:
        text = _('--no-login is for this machine only, and {host} is reachable from others.', host=settings.host)
        fail(text, 2)
    if settings.password_file is None and not (settings.data / 'password').exists():
        fail(
            _(
                '{host} is reachable from other machines, and Synapse runs commands: set a password first, with '
                '{program} password, or give --password-file FILE.',
                host=settings.host,
                program=program.NAME,
            ),
            2,
        )


def _scheduler(text: str) -> str:
    from synapse.settings import cluster_address

    text = text.partition('--code')[0]  # what follows is secret, and an error shows the rest
    return _read(cluster_address, text)


def _own_address(text: str) -> tuple[str, int]:
    from synapse.settings import own_address

    return _read(own_address, text)


def _read(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        fail(_('{error} Try: {program} --help', program=f'{program.NAME} worker', error=error), 2)


def _url(text: str | None) -> str:
    if text is None:
        return ''
    found = re.fullmatch(r'https?://(?:[^\s/?#@:]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?(?:/[^\s?#]*)?', text)
    if found is None or int(found[1] or 1) not in range(1, 65536):
        fail(_('--at takes an address such as http://127.0.0.1:9000, not {text}.', text=text or _('nothing')), 2)
    return f'{text.rstrip("/")}/'


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition('=')
    if not equals or not name:
        fail(_('--set takes NAME=VALUE, not {text}.', text=text), 2)
    return name, value
