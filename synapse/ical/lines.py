"""The text of iCalendar as components and properties (RFC 5545, 3.1 to 3.4); `reading` interprets them.

Dates are left as text. The library's own reader resolves zones as it reads, keeps those of one file for all later
ones, and expands any rule that a file has for them.
"""

import codecs
import io
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from icalendar.parser import Contentline
from icalendar.prop import vInline

from synapse.errors import Malformed
from synapse.language import _

_UNESCAPED = re.compile(r'\\(.)', re.DOTALL)
_ESCAPES = str.maketrans({'\\': r'\\', ';': r'\;', ',': r'\,', '\n': r'\n'})
_CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f]')
_BARE_ZONE = re.compile(
    r'((?:DTSTART|DTEND|RECURRENCE-ID|EXDATE|RDATE)(?:;[^":;]*)*?;TZID=)([^":;]*[:,][^";]*)((?:;[^":;]*)*:[^":]*)', re.I
)
"""A date in a zone whose name should be quoted: `DTSTART;TZID=GMT+05:30:20311006T100000`. Dates have no colon."""
_IN_CALENDARS = frozenset({'VEVENT', 'VTODO', 'VJOURNAL', 'VFREEBUSY', 'VTIMEZONE'})
_PLAIN = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=[A-Za-z0-9/_+.-]+)*):(.*)', re.DOTALL)
"""A line that needs no care with quotes, blanks and escapes before its value: nearly every one. The library's parser
looks at each character of the value too, and would take most of the time for a file."""
_NO_PARAMETERS: Mapping[str, str] = {}
UNUSED = frozenset(
    {
        *('ACKNOWLEDGED', 'ACTION', 'ATTACH', 'ATTENDEE', 'CLASS', 'COMMENT', 'CONFERENCE', 'CONTACT', 'CREATED'),
        *('GEO', 'IMAGE', 'LOCATION', 'ORGANIZER', 'STYLED-DESCRIPTION', 'TRANSP', 'TRIGGER', 'URL', 'X-ALT-DESC'),
        *('X-APPLE-STRUCTURED-LOCATION', 'X-GOOGLE-CONFERENCE'),
    }
)
"""Properties that must be readable and are not kept, so that a long file does not fill the memory."""


@dataclass(frozen=True, slots=True)
class Property:
    """One line: `DTSTART;TZID=Europe/Berlin:20261014T160000`."""

    name: str
    raw: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The value with its escapes decoded: RFC 5545, 3.3.11."""
        return _UNESCAPED.sub(lambda found: '\n' if found[1] in 'nN' else found[1], self.raw)


@dataclass(slots=True)
class Component:
    """What is between BEGIN and END; `broken` are the lines in it that aren't properties."""

    name: str
    properties: list[Property] = field(default_factory=list)
    parts: list['Component'] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    is_cut: bool = False
    """Whether its END is missing, or something of what is in it."""
    is_truncated: bool = False
    """Whether the file ends before it does."""

    def all(self, name: str) -> list[Property]:
        return [item for item in self.properties if item.name == name]

    def first(self, name: str) -> Property | None:
        return next((item for item in self.properties if item.name == name), None)

    def text(self, name: str) -> str:
        """Return the text of the first property with this name, stripped; empty if there is none."""
        found = self.first(name)
        return '' if found is None else found.text.strip()


def read_components(data: bytes, closed: Callable[[str], None] = lambda __: None) -> list[Component]:
    """Return the calendars in a file; events and zones outside of any make one of their own.

    A component whose END is missing is marked as `is_cut`; of a truncated file the last calendar is marked as such.

    :param closed: called with the name of each component as it ends
    :raises Malformed: if there is no whole event or zone, and no calendar that ends
    """
    found: list[Component] = []
    open_ones: list[Component] = []
    for line in _lines(data):
        _read_line(line, open_ones, found, closed)
    has_more = any(component.parts for component in (*found, *open_ones))
    is_truncated = bool(open_ones)
    while open_ones:
        _cut(open_ones, found)
    calendars = [component for component in found if component.name == 'VCALENDAR']
    loose = [component for component in found if component.name in ('VEVENT', 'VTIMEZONE') and not component.is_cut]
    if loose:
        calendars.append(Component('VCALENDAR', parts=loose))
    if not calendars or (not has_more and all(calendar.is_cut for calendar in calendars)):
        if found and found[-1].is_cut:
            name = _innermost(found[-1]).name
            raise _malformed(_('The file ends inside a {name}.', name=name), _('It may be truncated: export it again.'))
        raise _malformed(_('This is not a calendar file.'), _('Choose one that begins with BEGIN:VCALENDAR.'))
    if is_truncated:
        calendars[-1].is_cut = calendars[-1].is_truncated = True
    _require_ends([part for calendar in calendars for part in calendar.parts if part.name == 'VEVENT'])
    return calendars


def _require_ends(events: Sequence[Component]) -> None:
    """Check that not every event is ended by the END of something else."""
    strays = [line for event in events for line in event.broken if line.startswith('END:')]
    if strays and all(event.is_cut for event in events):
        name = strays[0].removeprefix('END:')
        raise _malformed(
            _('The file ends a {name} that it did not begin.', name=name), _('It may be damaged: export it again.')
        )


def _innermost(component: Component) -> Component:
    while component.parts and component.parts[-1].is_cut:
        component = component.parts[-1]
    return component


def _lines(data: bytes) -> Iterator[str]:
    """Yield the lines, unfolded before they are decoded, since a fold may be inside of a character: RFC 5545, 3.1.

    One by one: a regular expression over ten megabytes holds up the event loop even in a thread.
    """
    pieces = [b'']
    for piece in io.BytesIO(_in_bytes(data)):
        text = piece.rstrip(b'\r\n')
        if pieces[0] and text[:1] in (b' ', b'\t'):
            pieces.append(text[1:])
        elif text:
            yield from _joined(pieces)
            pieces = [text]
    yield from _joined(pieces)


def _joined(pieces: list[bytes]) -> Iterator[str]:
    line = _decoded(pieces[0] if len(pieces) == 1 else b''.join(pieces))
    if line.strip():
        yield line


def _in_bytes(data: bytes) -> bytes:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode('utf-16', errors='replace').encode()
    return data.removeprefix(codecs.BOM_UTF8)


def _decoded(line: bytes) -> str:
    """Return the text of a line: UTF-8 by RFC 5545, 3.1.4, else what older programs write."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode('cp1252', errors='replace')


def _read_line(line: str, open_ones: list[Component], done: list[Component], closed: Callable[[str], None]) -> None:
    item = _property(line)
    if item is not None and item.name == 'BEGIN':
        _begin(item.raw.strip().upper(), open_ones, done)
    elif item is not None and item.name == 'END':
        name = item.raw.strip().upper()
        _end(name, open_ones, done)
        closed(name)
    elif open_ones and item is None:
        open_ones[-1].broken.append(line)
    elif open_ones and item is not None and item.name not in UNUSED:
        open_ones[-1].properties.append(item)


def _begin(name: str, open_ones: list[Component], done: list[Component]) -> None:
    """Open a component. Those that it cannot be in have lost their END."""
    if name == 'VCALENDAR' or name in _IN_CALENDARS:
        while open_ones and (name == 'VCALENDAR' or open_ones[-1].name != 'VCALENDAR'):
            _cut(open_ones, done)
    open_ones.append(Component(name))


def _end(name: str, open_ones: list[Component], done: list[Component]) -> None:
    if all(component.name != name for component in open_ones):
        if open_ones:  # its BEGIN is lost, and its lines are among those of the component around it
            open_ones[-1].broken.append(f'END:{name}')
            open_ones[-1].is_cut = open_ones[-1].name == 'VCALENDAR'
        return
    while open_ones[-1].name != name:
        _cut(open_ones, done)
    _close(open_ones, done)


def _cut(open_ones: list[Component], done: list[Component]) -> None:
    open_ones[-1].is_cut = True
    _close(open_ones, done)


def _close(open_ones: list[Component], done: list[Component]) -> None:
    component = open_ones.pop()
    (open_ones[-1].parts if open_ones else done).append(component)


def _property(line: str) -> Property | None:
    line = _BARE_ZONE.sub(r'\1"\2"\3', line)
    plain_one = _PLAIN.fullmatch(line)
    if plain_one is not None:
        name, given, raw = plain_one.groups()
        pairs = (pair.partition('=') for pair in given.split(';')[1:])
        texts: Mapping[str, object] = {key: value for key, __, value in pairs} if given else _NO_PARAMETERS
    else:
        try:
            name, texts, raw = Contentline(line).raw_parts()  # type: ignore[no-untyped-call]
        except ValueError:
            return None
    # A parameter given twice is a list.
    own = {sys.intern(key.upper()): value for key, value in texts.items() if isinstance(value, str)}
    return Property(sys.intern(name.upper()), raw, own or _NO_PARAMETERS)


def _malformed(message: str, hint: str) -> Malformed:
    return Malformed('not_a_calendar', message, hint)


def plain(text: str) -> str:
    """Return text without control characters, which a property cannot hold, with line feeds as line ends."""
    return _CONTROLS.sub(' ', text.replace('\r\n', '\n').replace('\r', '\n'))


def escaped(text: str) -> vInline:
    r"""Return text as the value of a property. The library's own escaping breaks the line at `\N`, as in `C:\New`."""
    return vInline(plain(text).translate(_ESCAPES))
