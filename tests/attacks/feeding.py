"""Attacks by content: names, sizes, bodies, types, texts and paths, from those who may come in or through them."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from tests.attacks.attack import Answer, Attack, Target
from tests.attacks.reaching import JSON
from tests.parts.hostile import HOSTILE

NAMES = {
    'that leads out': '../../../../tmp/pwned.mp4',
    'that leads out backwards': '..\\..\\pwned.mp4',
    'that is a path': '/etc/passwd',
    'that is a flag': '-rf',
    'that is a command': '$(touch pwned).mp4',
    'that is the folder above': '..',
    'that is the folder': '.',
    'that is hidden': '.bashrc',
    'that is long': f'{"a" * 300}.mp4',
    'that reads backwards': 'invoice\u202e4pm.exe',
    'that is a tag': '<img src=x onerror=alert(1)>.mp4',
    'that is a device': 'CON',
    'that is empty': '',
    'that has a line end': 'a%0d%0aSet-Cookie: x=1',
}
PATHS = (
    '../../../token',
    '..%2f..%2f..%2ftoken',
    '%2e%2e/%2e%2e/%2e%2e/token',
    '%2fetc%2fpasswd',
    '....//....//....//token',
    '..%5c..%5c..%5ctoken',
    '%00token',
    'a%2f..%2f..%2f..%2ftoken',
    '.',
    '%252e%252e%252f%252e%252e%252f%252e%252e%252ftoken',
)
IDS = ('..', '%2e%2e', 'x%00', 'x%0a', 'a' * 65, "'%20OR%201=1--", '-1', '1e9', '９', '%F0%9F%92%A9')
MALFORMED = {
    'nothing': b'',
    'half an object': b'{"pipeline": ',
    'a list': b'[]',
    'a text': b'"RunCommand"',
    'a number': b'1',
    'null': b'null',
    'bytes': b'\xff\xfe\x00\x01',
    'a thousand lists': b'[' * 1000,
    'the same name twice': b'{"pipeline": "Nothing", "pipeline": "Nowhere"}',
    'NaN': b'{"pipeline": "RunCommand", "parameters": {"command": NaN}}',
    'a number without end': b'{"pipeline": "RunCommand", "parameters": {"timeout": 1e999}}',
    'a lone surrogate': b'{"pipeline": "\\ud800", "parameters": {}}',
    'NUL': b'{"pipeline": "Run\\u0000Command", "parameters": {}}',
    'a prototype': b'{"__proto__": {"scope": "admin"}, "pipeline": "Nothing"}',
    'a class': b'{"pipeline": {"py/object": "os.system"}, "parameters": {}}',
}
WRONG_VALUES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': 'rm -rf /'}}),
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': []}}),
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': ['a\x00b']}}),
    ('POST', '/runs', {'pipeline': 'os.system', 'parameters': {'command': ['x']}}),
    ('POST', '/runs', {'pipeline': '../pipelines/evil.py', 'parameters': {}}),
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': ['true'], 'surprise': 1}}),
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'state': 'succeeded'}),
    ('POST', '/runs', {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'profile': '../x'}),
    ('POST', '/runs', {'pipeline': 'PublishVideo', 'parameters': {'video': 'inbox:../../token'}}),
    ('POST', '/runs', {'pipeline': 'PublishVideo', 'parameters': {'video': 'inbox:x/../../token'}}),
    ('POST', '/runs', {'pipeline': 'PublishVideo', 'parameters': {'video': 'http://127.0.0.1:1/x'}}),
    ('POST', '/profiles', {'label': 'x', 'color': 'red;background:url(http://evil.example)', 'icon': 'x'}),
    ('POST', '/profiles', {'label': 'x', 'secrets': {'A B\n': 'x'}}),
    ('POST', '/profiles', {'label': 'x', 'destination': 'gopher://evil.example/x'}),
    ('POST', '/scheduler/create', {'title': 'x', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}),
    (
        'POST',
        '/scheduler/create',
        {
            'title': 'x',
            'pipeline': 'RunCommand',
            'parameters': {'command': ['true']},
            'start': '2030-01-01T10:00',
            'timezone': '../../etc/passwd',
        },
    ),
    (
        'POST',
        '/scheduler/create',
        {
            'title': 'x',
            'pipeline': 'RunCommand',
            'parameters': {'command': ['true']},
            'start': '2030-01-01T10:00',
            'rrule': 'FREQ=SECONDLY;COUNT=99999999999',
        },
    ),
    ('POST', '/logs', {'level': 'root', 'message': 'x'}),
    ('POST', '/logs', {'level': 'info', 'message': 'x', 'seq': 1}),
    ('POST', '/queue/move', {'run': '../x', 'to': -1}),
)
QUERIES = (
    '/logs?level=%27%20OR%201=1',
    '/logs?limit=-1',
    '/logs?limit=99999999999999999999',
    '/logs?before=-99999999999999999999',
    '/logs?start=yesterday',
    '/runs?limit=501',
    '/runs?state=%3Cscript%3E',
    '/runs?before=%00',
    '/scheduler/list?start=0000-00-00',
    '/logs/export?format=..%2fx',
    '/logs?q=' + '%28' * 600,
)
CALENDAR = ('Content-Type', 'text/calendar')
STRANGER_CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Stranger//EN\r
BEGIN:VEVENT\r
UID:attack-1@example\r
DTSTAMP:20260101T000000Z\r
DTSTART:20300101T090000Z\r
SUMMARY:Birthday of Anna\r
X-SYNAPSE-PIPELINE:RunCommand\r
X-SYNAPSE-PARAMETERS:{"command": ["touch", "pwned"]}\r
X-SYNAPSE-ENABLED:TRUE\r
X-SYNAPSE-SIGNATURE:00000000000000000000000000000000\r
END:VEVENT\r
END:VCALENDAR\r
"""
STRANGER_CRONTAB = b'@reboot touch pwned\n* * * * * touch pwned\n'


def attacks(target: Target) -> Iterator[Attack]:
    yield from _uploads()
    yield from _paths()
    yield from _bodies()
    yield from _texts()
    yield from _files()


def _uploads() -> Iterator[Attack]:
    for words, name in NAMES.items():
        yield Attack(
            f'a file with a name {words}',
            'POST',
            '/api/v1/uploads',
            (('Content-Type', 'multipart/form-data; boundary=x'),),
            _part(name),
            'script',
            frozenset({201, 400, 422}),
            check=_stays_in_the_inbox,
            stores=True,
        )
    broken = (('Content-Type', 'multipart/form-data; boundary=x'),)
    for words, body in {
        'without an end': _part('a.mp4')[:-6],
        'without a part': b'--x--\r\n',
        'without a boundary': b'hello',
        'with a header only': b'--x\r\nContent-Disposition: form-data; name="file"',
    }.items():
        yield Attack(f'an upload {words}', 'POST', '/api/v1/uploads', broken, body, 'script', frozenset({400, 422}))
    yield Attack(
        'an upload in JSON', 'POST', '/api/v1/uploads', (JSON,), b'{"file": "x"}', 'script', frozenset({400, 415})
    )


def _paths() -> Iterator[Attack]:
    missing = frozenset({400, 404})
    for path in PATHS:
        yield Attack(
            f'an output {path}',
            path=f'/api/v1/runs/RUN/artifacts/{path}',
            by='script',
            statuses=missing,
            check=_gives_no_token,
        )
        yield Attack(
            f'a static file {path}', path=f'/static/{path}', by='browser', statuses=missing, check=_gives_no_token
        )
    for id in IDS:
        written = id if id.isascii() else '%EF%BC%99'
        for kind in ('runs', 'scheduler', 'profiles', 'watches'):
            yield Attack(
                f'{kind} {written[:20]}', path=f'/api/v1/{kind}/{written}', by='script', statuses=missing | {422}
            )
        yield Attack(
            f'a deletion of {written[:20]}', 'DELETE', f'/api/v1/inbox/{written}', by='script', statuses=missing | {422}
        )


def _bodies() -> Iterator[Attack]:
    for words, body in MALFORMED.items():
        yield Attack(
            f'a run of {words}', 'POST', '/api/v1/runs', (JSON,), body, 'script', frozenset({400, 404, 413, 422})
        )
    for method, path, values in WRONG_VALUES:
        body = json.dumps(values).encode()
        yield Attack(
            f'{path} with {body[:90].decode()}',
            method,
            f'/api/v1{path}',
            (JSON,),
            body,
            'script',
            frozenset({400, 404, 422}),
        )
    for query in QUERIES:
        yield Attack(
            f'the query {query[:40]}', path=f'/api/v1{query}', by='script', statuses=frozenset({200, 400, 422})
        )
    large = b'{"level": "info", "message": "' + b'a' * 1_000_001 + b'"}'
    yield Attack('a body of a megabyte', 'POST', '/api/v1/logs', (JSON,), large, 'script', frozenset({413}))
    chunks = b'%x\r\n%s\r\n0\r\n\r\n' % (len(large), large)
    yield Attack(
        'a body of a megabyte, unannounced',
        'POST',
        '/api/v1/logs',
        (JSON, ('Transfer-Encoding', 'chunked')),
        chunks,
        'script',
        frozenset({413}),
    )


def _texts() -> Iterator[Attack]:
    for words, text in HOSTILE.items():
        body = json.dumps({'level': 'info', 'message': text, 'source': 'attack'}).encode()
        yield Attack(
            f'a line with {words}',
            'POST',
            '/api/v1/logs',
            (JSON,),
            body,
            'script',
            frozenset({201, 422}),
            stores=True,
        )
    yield Attack(
        'lines as text',
        path='/api/v1/logs/export?format=txt&source=attack',
        by='script',
        statuses=frozenset({200}),
        check=_rules_no_terminal,
    )
    yield Attack(
        'lines as a table',
        path='/api/v1/logs/export?format=csv&source=attack',
        by='script',
        statuses=frozenset({200}),
        check=_runs_in_no_spreadsheet,
    )


def _files() -> Iterator[Attack]:
    """Files of strangers. What they bring must not run."""
    yield Attack(
        'a calendar of a stranger',
        'POST',
        '/api/v1/scheduler/import',
        (CALENDAR,),
        STRANGER_CALENDAR,
        'script',
        frozenset({200}),
        check=_is_switched_off,
        stores=True,
    )
    yield Attack(
        'a crontab of a stranger',
        'POST',
        '/api/v1/scheduler/import-crontab',
        (('Content-Type', 'text/plain'),),
        STRANGER_CRONTAB,
        'script',
        frozenset({200}),
        check=_is_switched_off,
        stores=True,
    )


def _part(name: str) -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    return head.encode() + b'Content-Type: text/html\r\n\r\n<script>alert(1)</script>\r\n--x--\r\n'


def _stays_in_the_inbox(target: Target, answer: Answer) -> str:
    if answer.status != 201:
        return ''
    for item in answer.json():
        name = item['name']
        if not name or any(char in '/\\' or char < ' ' for char in name) or len(name.encode()) > 255:
            return f'is called {name!r}'
    inbox = (target.program.data / 'inbox').resolve()
    outside = [path for path in target.program.data.rglob('*') if 'pwned' in path.name and inbox not in path.parents]
    return f'wrote {outside}' if outside else ''


def _gives_no_token(target: Target, answer: Answer) -> str:
    return 'gives the token away' if target.program.token in answer.text or 'root:' in answer.text else ''


def _rules_no_terminal(target: Target, answer: Answer) -> str:
    """Read by a person with `cat`, and each line with its own time and level."""
    left = {char for char in answer.text if (char < ' ' and char not in '\t\n') or '\x7f' <= char < '\xa0'}
    lines = [line for line in answer.text.splitlines() if 'attack' not in line]
    return f'has {left}' if left else f'has the lines {lines[:3]}' if lines else ''


def _runs_in_no_spreadsheet(target: Target, answer: Answer) -> str:
    rows = list(csv.reader(io.StringIO(answer.text)))
    if len(rows) < len(HOSTILE) // 2:
        return f'has {len(rows)} rows'
    live = [cell for row in rows[1:] for cell in row if cell[:1] in ('=', '+', '-', '@', '\t', '\r')]
    return f'has the cells {live[:3]}' if live else ''


def _is_switched_off(target: Target, answer: Answer) -> str:
    events = target.ask('/scheduler/list')['events']
    awake = [event['title'] for event in events if event['enabled']]
    return f'switched on: {awake}' if awake else '' if events else 'kept nothing'
