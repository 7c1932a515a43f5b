"""What is told, as text for people and as data for commands."""

import platform
from collections.abc import Sequence
from typing import Any

from synapse.language import _, _n
from synapse.records import Record

from .records import Note

MAX_BODY = 1_800
"""Discord takes 2,000 characters, and refuses more."""
LISTED = 10
_TYPES = {'failed': 'failure', 'succeeded': 'success', 'paused': 'info'}


class Text(Record):
    """One message. `alerts` has what it is about, for commands."""

    title: str
    body: str
    type: str
    """In the words of Apprise: `info`, `success`, `warning` or `failure`."""
    url: str
    """Where the details are."""
    count: int
    alerts: tuple[dict[str, Any], ...]


def text_of(notes: Sequence[Note], room: str, *, lost: int = 0) -> Text:
    """Return one message about all of these.

    :param room: the address at which people reach the control room
    :param lost: how many earlier alerts could not be sent
    """
    looks = {note.look for note in notes}
    count = sum(note.count for note in notes)
    parts = [_paragraph(note, room) for note in notes[-LISTED:]] if len(notes) > 1 else [_details(notes[0], room)]
    if len(notes) > LISTED:
        left = len(notes) - LISTED
        parts.append(_n('And {count} more alert: {address}', 'And {count} more alerts: {address}', left, address=room))
    if lost:
        parts.append(
            _n(
                '{count} earlier alert could not be sent here. The bell has them.',
                '{count} earlier alerts could not be sent here. The bell has them.',
                lost,
            )
        )
    body = '\n\n'.join(parts)
    return Text(
        title=_title(notes[0]) if len(notes) == 1 else _title_of_many(count, _title(notes[-1])),
        body=f'{body if len(body) <= MAX_BODY else body[: MAX_BODY - 1] + "…"}\n\n{_footer()}',
        type=_TYPES.get(looks.pop(), 'warning') if len(looks) == 1 else 'failure' if 'failed' in looks else 'warning',
        url=_link(notes[0], room) if len(notes) == 1 else room,
        count=count,
        alerts=tuple(_data(note, room) for note in notes),
    )


def trial_text(room: str) -> Text:
    """Return the message of the test button."""
    return Text(
        title=_('Test from Synapse'),
        body='\n\n'.join((_('Alerts of this channel arrive here.'), room, _footer())),
        type='info',
        url=room,
        count=0,
        alerts=(),
    )


def _footer() -> str:
    name = platform.node()
    return _('Synapse on {name}', name=name) if name else _('Synapse on this machine')


def _title_of_many(count: int, newest: str) -> str:
    return _n('{count} alert: {newest} and others', '{count} alerts: {newest} and others', count, newest=newest)


def _title(note: Note) -> str:
    if note.count == 1:
        return note.title
    return _n('{title} ({count} time)', '{title} ({count} times)', note.count, title=note.title)


def _details(note: Note, room: str) -> str:
    return '\n\n'.join(filter(None, [note.text, _link(note, room)]))


def _paragraph(note: Note, room: str) -> str:
    return '\n'.join(filter(None, [_title(note), note.text, _link(note, room)]))


def _link(note: Note, room: str) -> str:
    return f'{room.rstrip("/")}{note.target}'


def _data(note: Note, room: str) -> dict[str, Any]:
    data = note.as_json()
    del data['look'], data['key'], data['target']
    return data | {'url': _link(note, room)}
