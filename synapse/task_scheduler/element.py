"""XML as plain elements, without anything that lets a small file become a large one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from synapse.language import _

MAX_DEPTH = 30
MAX_ELEMENTS = 100_000


class NotReadable(ValueError):
    """A text that is no XML, or has a DTD; the message is a sentence."""


@dataclass(slots=True)
class Element:
    """An element; its name is without the namespace."""

    name: str
    line: int
    text: str = ''
    children: list['Element'] = field(default_factory=list)

    def all(self, path: str) -> Iterator['Element']:
        """Yield the elements at a path such as `Triggers/TimeTrigger`."""
        first, __, rest = path.partition('/')
        for child in self.children:
            if child.name == first:
                yield from child.all(rest) if rest else (child,)

    def find(self, path: str) -> 'Element | None':
        return next(self.all(path), None)

    def value(self, path: str) -> str:
        found = self.find(path)
        return '' if found is None else found.text.strip()


def read_xml(text: str) -> Element:
    """Return the root.

    :raises NotReadable: if it isn't well-formed, nested too deeply, too long, or has a DTD, which could define entities
    """
    # The declaration may still say UTF-16, which the text no longer is.
    parser = expat.ParserCreate('utf-8', namespace_separator=' ')
    parser.buffer_text = True
    top = Element('', 0)
    path, count = [top], 0

    def start(name: str, __: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(path) > MAX_DEPTH or count > MAX_ELEMENTS:
            raise NotReadable(_('The XML is nested too deeply, or has too many elements.'))
        element = Element(name.rpartition(' ')[2], parser.CurrentLineNumber)
        path[-1].children.append(element)
        path.append(element)

    def data(text: str) -> None:
        path[-1].text += text

    def doctype(*__: object) -> None:
        raise NotReadable(_('The XML has a DTD, which a task does not need.'))

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda __: path.pop()
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.encode('utf-8', errors='replace'), True)
    except expat.ExpatError as error:
        raise NotReadable(_('The XML cannot be read: {error}.', error=error)) from error
    return top.children[0]
