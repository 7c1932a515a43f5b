"""Write docs/reference from the code: settings, calls of the API, the pipeline class, messages.

python scripts/reference.py   after flags, routes, docstrings or messages have changed; a test says when
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

REFERENCE = Path('docs/reference')
HEAD = '<!-- Written by scripts/reference.py from the code. -->\n\n# {title}\n\n{intro}\n\n'
DEFAULTS = {'data': 'the user data folder', 'workers': 'up to 4, as the machine has processors'}
"""Of settings whose default depends on the machine."""
METHODS = ('get', 'post', 'put', 'patch', 'delete')


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog='python scripts/reference.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    ensure_packages()
    (ROOT / REFERENCE).mkdir(exist_ok=True)
    for path, text in written():
        path.write_text(text, encoding='utf-8')
    return 0


def written() -> Iterator[tuple[Path, str]]:
    """Yield each file of the reference with what must be in it, for the code as it is now."""
    from synapse.language import ENGLISH, own_language, speak

    before = own_language()
    speak(ENGLISH)
    try:
        for name, write in (('settings', settings), ('api', api), ('pipeline', pipeline), ('messages', messages)):
            yield ROOT / REFERENCE / f'{name}.md', re.sub(r'\n{3,}', '\n\n', write()).rstrip() + '\n'
    finally:
        speak(before)


# Settings


def settings() -> str:
    """Flags, variables and commands, from argparse and `synapse.settings`."""
    from synapse.cli.arguments import _parser
    from synapse.settings import Settings

    parser = _parser()
    flags = {action.dest: action for action in parser._actions if action.option_strings and action.dest != 'help'}
    notes = notes_of(Settings)
    rows: list[tuple[str, ...]] = []
    for name, field in Settings.model_fields.items():
        action = flags.get(name)
        flag = f'`{argument(action)}`' if action else ''
        default = DEFAULTS.get(name) or shown(field.get_default(call_default_factory=False))
        about = (action.help if action else None) or notes.get(name, '')
        rows.append((flag, f'`SYNAPSE_{name.upper()}`', default, about.partition(' (default:')[0]))
    intro = (
        'Flags come first, then variables, then the defaults. Sizes are in bytes; a variable for a flag without a '
        'value is `1` or `0`; several values are separated by commas.'
    )
    text = HEAD.format(title='Settings and commands', intro=intro)
    text += table(('flag', 'variable', 'default', ''), rows)
    text += '\n## Commands\n\nAll of them take the flags above too, before or after.\n'
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    helps = {choice.dest: choice.help for choice in commands._choices_actions}
    for name, command in commands.choices.items():
        own = [action for action in command._actions if action.dest not in flags and action.dest != 'help']
        text += f'\n### `python main.py {name}`\n\n{sentence(helps[name])}\n\n'
        text += table(('argument', ''), [(f'`{argument(action)}`', action.help or choices(action)) for action in own])
    return text


def argument(action: argparse.Action) -> str:
    value = action.metavar or ('' if action.option_strings else action.dest.upper())
    return f'{" ".join(action.option_strings[-1:])} {value}'.strip()


def choices(action: argparse.Action) -> str:
    return ', '.join(f'`{choice}`' for choice in action.choices or ())


def notes_of(kind: type) -> dict[str, str]:
    """What the text under each field of a class says, on one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    notes = {}
    for field, note in pairwise(getattr(body, 'body', ())):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(note, ast.Expr):
            notes[field.target.id] = ' '.join(ast.literal_eval(note.value).split())
    return notes


# API


def api() -> str:
    """Every call with what it takes, from the OpenAPI document that the program serves."""
    from synapse.api.rest.app import build_api
    from synapse.control_room import ControlRoom
    from synapse.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        document = build_api(ControlRoom.build(Settings(data=Path(folder)))).openapi()
    schemas = document['components']['schemas']
    intro = (
        'All addresses begin with `/api/v1`; the same is at `/api/v1/docs` of a running Synapse, ready to try. Send '
        'the token as `Authorization: Bearer TOKEN`. An error is `{"error": {"code", "message", "hint"}}`.'
    )
    text = HEAD.format(title='REST API', intro=intro)
    for room, paths in groupby(document['paths'].items(), key=lambda item: item[0].split('/')[1]):
        text += f'\n## {room.capitalize()}\n'
        for path, calls in paths:
            for method in METHODS:
                if method in calls:
                    text += call(method, path, calls[method], schemas)
    text += '\n## Objects\n'
    for name, schema in schemas.items():
        if 'properties' in schema and 'Validation' not in name and not name.startswith('Body_'):
            text += f'\n### {title_of(name)}\n\n{schema.get("description", "")}\n\n{fields(schema, schemas)}'
    return text


def call(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    text = f'\n### `{method.upper()} {path}`\n\n{operation.get("description", "")}\n\n'
    rows = [
        (
            f'`{item["name"]}`',
            item['in'],
            kind_of(item['schema'], schemas),
            'required' if item['required'] else default_of(item['schema']),
        )
        for item in operation.get('parameters', ())
    ]
    text += table(('parameter', 'in', 'type', 'default'), rows)
    for kind, content in operation.get('requestBody', {}).get('content', {}).items():
        schema = content['schema']
        name = schema.get('$ref', '').rpartition('/')[2]
        if name.startswith('Body_'):
            text += f'\nBody, `{kind}`:\n\n{fields(schemas[name], schemas)}'
        else:
            text += f'\nBody, `{kind}`: {kind_of(schema, schemas)}\n'
    return text


def fields(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    required = schema.get('required', ())
    rows = [
        (
            f'`{name}`',
            kind_of(field, schemas),
            'required' if name in required else default_of(field),
            field.get('description', ''),
        )
        for name, field in schema['properties'].items()
    ]
    return table(('field', 'type', 'default', ''), rows)


def title_of(name: str) -> str:
    """`Order of runs` for the `Order` of `synapse.api.rest.runs`, where another module has one too."""
    *_, room, kind = ['', *name.split('__')]
    return f'{kind} of {room}' if room else kind


def kind_of(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The type of a value in words, such as `array of string, at most 50`."""
    if '$ref' in schema:
        name = schema['$ref'].rpartition('/')[2]
        target = schemas[name]
        if 'enum' in target:
            return ', '.join(f'`{value}`' for value in target['enum'])
        return f'[{title_of(name)}](#{title_of(name).lower().replace(" ", "-")})'
    options = schema.get('anyOf') or schema.get('oneOf')
    if options:
        return ' or '.join(kind_of(option, schemas) for option in options)
    if 'enum' in schema:
        return ', '.join(f'`{value}`' for value in schema['enum'])
    if 'const' in schema:
        return f'`{schema["const"]}`'
    kind = str(schema.get('format') or schema.get('type') or 'any')
    if kind == 'array' and schema.get('items'):
        kind = f'array of {kind_of(schema["items"], schemas)}'
    bounds = {
        'minLength': 'at least',
        'maxLength': 'at most',
        'minimum': 'from',
        'maximum': 'to',
        'maxItems': 'at most',
    }
    return ', '.join([kind, *(f'{words} {schema[key]:,}' for key, words in bounds.items() if key in schema)])


def default_of(schema: dict[str, Any]) -> str:
    return shown(schema.get('default'))


# Pipeline


def pipeline() -> str:
    """The names that a pipeline file imports, from their docstrings."""
    from synapse.host.profile import RunProfile
    from synapse.host.run import Run, RunLog
    from synapse.pipelines.pipeline import Pipeline, ProgramFailed, StepFailed, step

    intro = '`from synapse import Pipeline, Run, StepFailed, step` is all that a pipeline file needs.'
    text = HEAD.format(title='Pipeline files', intro=intro)
    text += f'\n## `Pipeline`\n\n{markdown(inspect.getdoc(Pipeline))}\n'
    text += f'\n## `@step{signature(step)}`\n\n{markdown(inspect.getdoc(step))}\n'
    for kind in (Run, RunLog, RunProfile, StepFailed, ProgramFailed):
        text += f'\n## `{kind.__name__}`\n\n{markdown(inspect.getdoc(kind))}\n'
        text += ''.join(f'\n- `{name}`: {note}' for name, note in notes_of(kind).items()) + '\n'
        for name, member in vars(kind).items():
            if name.startswith('_') or not (inspect.isfunction(member) or isinstance(member, property)):
                continue
            head = name if isinstance(member, property) else f'{name}{signature(member)}'
            text += f'\n### `{kind.__name__}.{head}`\n\n{markdown(inspect.getdoc(member))}\n'
    return text


def signature(function: Any) -> str:
    """The parameters of a function without `self` and without types, which its text has in words."""
    found = inspect.signature(function)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in found.parameters.items()
        if name not in ('self', 'function')
    ]
    return str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))


def markdown(docstring: str | None) -> str:
    """A docstring as Markdown: code after `::` in a block, and its fields as a list."""
    text = inspect.cleandoc(docstring or '')
    text = re.sub(r'::\n\n((?:(?:    .*)?\n)+(?:    .*)?)', lambda found: code_block(found[1]), text + '\n')
    text = re.sub(r'^:param (\w+): ', r'- `\1`: ', text, flags=re.MULTILINE)
    text = re.sub(r'^:ivar (\w+): ', r'- `\1`: ', text, flags=re.MULTILINE)
    text = re.sub(r'^:raises (\w+): ', r'- raises `\1` ', text, flags=re.MULTILINE)
    return re.sub(r'^:returns?: ', '- returns ', text, flags=re.MULTILINE)


def code_block(text: str) -> str:
    return f':\n\n```python\n{textwrap.dedent(text).strip()}\n```\n\n'


# Messages


def messages() -> str:
    """What `/ws/updates` says and understands, and what the parts of the program tell each other."""
    from synapse.api.updates import socket

    intro = (
        '`/ws/updates` sends JSON objects `{"type", "seq", "time", "data"}`; `seq` grows by one, so that a client that '
        'was away asks for what it has missed by `resume`. The bus is for code of Synapse itself.'
    )
    text = HEAD.format(title='Messages', intro=intro)
    types = socket.UpdateType.__args__  # type: ignore[attr-defined]
    text += '\n## What `/ws/updates` sends\n\n' + ''.join(f'- `{name}`\n' for name in types)
    text += '\nand about the connection `connected`, `ping`, `pong` and `lagged`.\n'
    text += '\n## What `/ws/updates` understands\n'
    for name, model in socket._MODELS.items():
        schema = model.model_json_schema()
        text += f'\n### `{name}`\n\n{fields(schema, schema.get("$defs", {}))}'
    text += '\n## The bus of the program\n'
    for kind in sorted(message_kinds(), key=lambda item: (item.__module__, item.__name__)):
        values = ', '.join(f'`{field.name}: {plain(field.type)}`' for field in dataclasses.fields(kind))
        about = ' '.join(inspect.cleandoc(kind.__doc__ or '').split('\n\n')[0].split())
        text += f'\n### `{kind.__name__}`\n\n`{kind.__module__}`. {about}\n\n{values}\n'
    return text


def message_kinds() -> Iterable[type]:
    """Every message of the program, once all its modules are imported."""
    import synapse
    from synapse.bus import Message

    for module in pkgutil.walk_packages(synapse.__path__, 'synapse.'):
        if not module.name.endswith(('__main__', '.zygote', '.worker')):
            importlib.import_module(module.name)
    kinds, rest = set(), [Message]
    while rest:
        rest += (found := rest.pop()).__subclasses__()
        kinds |= {found} - {Message}
    # A class with slots replaces the one that it was made of, which Python still knows.
    return [kind for kind in kinds if getattr(sys.modules[kind.__module__], kind.__name__, None) is kind]


# Shared


def plain(kind: Any) -> str:
    return (
        kind if isinstance(kind, str) else kind.__name__ if isinstance(kind, type) else str(kind).replace('typing.', '')
    )


def shown(value: Any) -> str:
    """A default for people; empty for none."""
    if value in (None, '', (), [], {}) or 'PydanticUndefined' in str(value):
        return ''
    if isinstance(value, bool):
        return 'on' if value else 'off'
    return f'{value:,}' if isinstance(value, int) and value > 100_000 else f'`{value}`'


def sentence(text: str | None) -> str:
    return f'{(text or "")[:1].upper()}{(text or "")[1:]}.'


def table(head: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> str:
    """A table of Markdown; empty without rows."""
    cells = [[' '.join(str(cell or '').split()).replace('|', '\\|') for cell in row] for row in rows]
    if not cells:
        return ''
    lines = [head, tuple('---' for _ in head), *cells]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


if __name__ == '__main__':
    sys.exit(main())
