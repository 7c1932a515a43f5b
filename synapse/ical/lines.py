"""The text of iCalendar as components and properties (RFC 5545, 3.1 to 3.4); `reading` interprets them.

Dates are left as text. The library's own reader resolves zones as it reads, keeps those of one file for all later
ones, and expands any rule that a file has for them.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from icalendar.parser import Contentline, Contentlines
from icalendar.prop import vInline

from synapse.errors import Malformed

_UNESCAPED = re.compile(r'\\(.)', re.DOTALL)
_ESCAPES = str.maketrans({'\\': r'\\', ';': r'\;', ',': r'\,', '\n': r'\n'})
_CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Property:
    """One line: `DTSTART;TZID=Europe/Berlin:20261014T160000`."""

    name: str
    raw: str
    parameters: dict[str, str] = field(default_factory=dict)

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
    """Whether its END is missing."""

    def all(self, name: str) -> list[Property]:
        return [item for item in self.properties if item.name == name]

    def first(self, name: str) -> Property | None:
        return next((item for item in self.properties if item.name == name), None)

    def text(self, name: str) -> str:
        """Return the text of the first property with this name, stripped; empty if there is none."""
        found = self.first(name)
        return '' if found is None else found.text.strip()


def read_components(data: bytes) -> list[Component]:
    """Return the calendars in a file; events and zones outside of any make one of their own.

    A component whose END is missing, in a truncated file for example, is marked as `is_cut`.

    :raises Malformed: if there is no whole event or zone, and no calendar that ends
    """
    found: list[Component] = []
    open_ones: list[Component] = []
    for line in _lines(data):
        _read_line(line, open_ones, found)
    has_more = any(component.parts for component in open_ones)
    while open_ones:
        _cut(open_ones, found)
    calendars = [component for component in found if component.name == 'VCALENDAR']
    loose = [component for component in found if component.name in ('VEVENT', 'VTIMEZONE') and not component.is_cut]
    if loose:
        calendars.append(Component('VCALENDAR', parts=loose))
    if not has_more and not any(not calendar.is_cut for calendar in calendars):
        if found and found[-1].is_cut:
            name = _innermost(found[-1]).name
            raise _malformed(f'The file ends inside a {name}.', 'It may be truncated: export it again.')
        raise _malformed('This is not a calendar file.', 'Choose one that begins with BEGIN:VCALENDAR.')
    return calendars


def _innermost(component: Component) -> Component:
    while component.parts and component.parts[-1].is_cut:
        component = component.parts[-1]
    return component


def _lines(data: bytes) -> Iterator[Contentline]:
    lines: list[Contentline] = Contentlines.from_ical(_decoded(data))  # type: ignore[no-untyped-call]
    yield from (line for line in lines if line.strip())


def _decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8 by RFC 5545, 3.1.4, else what its mark says or older programs write."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode('utf-16', errors='replace')
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        return data.decode('cp1252', errors='replace')


def _read_line(line: Contentline, open_ones: list[Component], done: list[Component]) -> None:
    item = _property(line)
    if item is not None and item.name == 'BEGIN':
        open_ones.append(Component(item.raw.strip().upper()))
    elif item is not None and item.name == 'END':
        _end(item.raw.strip().upper(), open_ones, done)
    elif open_ones and item is None:
        open_ones[-1].broken.append(line)
    elif open_ones and item is not None:
        open_ones[-1].properties.append(item)


def _end(name: str, open_ones: list[Component], done: list[Component]) -> None:
    if all(component.name != name for component in open_ones):
        raise _malformed(f'The file ends a {name} that it did not begin.', 'It may be damaged: export it again.')
    while open_ones[-1].name != name:
        _cut(open_ones, done)
    _close(open_ones, done)


def _cut(open_ones: list[Component], done: list[Component]) -> None:
    open_ones[-1].is_cut = True
    _close(open_ones, done)


def _close(open_ones: list[Component], done: list[Component]) -> None:
    component = open_ones.pop()
    (open_ones[-1].parts if open_ones else done).append(component)


def _property(line: Contentline) -> Property | None:
    try:
        name, parameters, raw = line.raw_parts()
    except ValueError:
        return None
    texts: Mapping[str, object] = parameters  # a parameter given twice is a list
    return Property(name.upper(), raw, {key.upper(): value for key, value in texts.items() if isinstance(value, str)})


def _malformed(message: str, hint: str) -> Malformed:
    return Malformed('not_a_calendar', message, hint)


def plain(text: str) -> str:
    """Return text without control characters, which a property cannot hold, with line feeds as line ends."""
    return _CONTROLS.sub(' ', text.replace('\r\n', '\n').replace('\r', '\n'))


def escaped(text: str) -> vInline:
    r"""Return text as the value of a property. The library's own escaping breaks the line at `\N`, as in `C:\New`."""
    return vInline(plain(text).translate(_ESCAPES))
