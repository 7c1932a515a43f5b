"""Cards: their frame, their empty state, the four figures of the dashboard and the small curves in them."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from synapse.calendar.events import work_in_words
from synapse.language import N_, Words, _

from .html import attribute, el, for_readers, icon, placed
from .scope import Scope
from .words import millis

K = TypeVar('K', bound=Hashable)
R = TypeVar('R', bound='Row')
CHAPTERS = Words(
    {
        'first-run': N_('Guide: the first run'),
        'notifications': N_('Guide: be told'),
        'phone': N_('Guide: on the phone and in your network'),
        'plan': N_('Guide: plan it'),
        'profiles': N_('Guide: say where results go'),
        'watch-folder': N_('Guide: watch a folder'),
        'write-a-pipeline': N_('Guide: write a pipeline'),
    }
)
"""Links to pages of the guide, by the names of their files."""


class Card(Scope):
    """A titled section; controls next to the title go into `head`, everything else into the card itself."""

    def __init__(self, title: str, classes: str = '', *, label: str = '') -> None:
        super().__init__('section')
        self.classes(f'glass-card {classes}')
        self.props['aria-label'] = label or title
        with self, el('div', 'sy-head') as self.head:
            el('h2', text=title)
            self.count = el('span', 'sy-count')


def card_name(title: str, name: str, *, href: str = '') -> None:
    """Draw the title at the head of a card, with the name that programs use after or below it, as there is room."""
    with el('div', 'pipe-name sy-grow'):
        with el('h2'):
            if href:
                el('a', '', title, href=href)
            else:
                el('span', text=title)
        if name:
            el('span', 'sy-cap sy-mono', name)


@contextmanager
def empty(title: str, text: str, icon_name: str) -> Iterator[None]:
    """The empty state of a card; the body of the `with` adds what to do about it."""
    with el('div', 'eb'):
        with el('span', 'ei'):
            icon(icon_name, size=20)
        el('b', text=title)
        el('p', 'sy-cap', text)
        yield


def guide_link(page: str, classes: str = '') -> TextElement:
    """Return a small link to a page of the guide, for where there is nothing to see yet.

    :param classes: `is-flush` where it begins a line
    """
    link = el('a', f'sy-btn is-ghost is-sm {classes}', href=f'/help/{page}')
    with link:
        icon('info', size=14)
        el('span', text=CHAPTERS[page])
    return for_readers(link)


def set_props(element: ui.element, **attributes: Any) -> None:
    """Set attributes, named as in `el`; the browser is sent only those that change. None removes an attribute."""
    for name, value in attributes.items():
        name = attribute(name)
        value = placed(element, name, value)
        if element.props.get(name) != value:
            element.props.set_optional(name, value)


def set_class(element: ui.element, name: str, is_on: object) -> None:
    """Give an element this class, or remove it."""
    element.classes(add=name if is_on else '', remove='' if is_on else name)


class Row(Protocol):
    """A line of a list, with its element."""

    row: TextElement


def keep_rows(place: ui.element, rows: dict[K, R], keys: Sequence[K], make: Callable[[K], R]) -> None:
    """Let a list hold one row for each of these keys, in this order; a row whose key stays is moved, not made again."""
    for key in rows.keys() - set(keys):
        rows.pop(key).row.delete()
    for index, key in enumerate(keys):
        if key not in rows:
            with place:
                rows[key] = make(key)
        if place.default_slot.children.index(rows[key].row) != index:
            rows[key].row.move(target_index=index)


TICKING = '\u200a'
"""The text of a clock while the browser counts: unlike any real text, so setting one is always a change."""


def tick(element: TextElement, *, since: datetime | None = None, until: datetime | None = None, text: str = '') -> None:
    """Let the browser count up from `since` or down to `until`; show `text` if both are None."""
    is_ticking = since is not None or until is not None
    element.set_text(TICKING if is_ticking else text)
    set_props(element, data_since=millis(since) if since else None, data_until=millis(until) if until else None)


class StatCard(Scope):
    """A figure, what it means and how it was on the last days; pressing it shows the runs behind it."""

    def __init__(self, name: str, target: str, *, narrow: str = '') -> None:
        super().__init__('button')
        self.classes('stat-card').props['type'] = 'button'
        self.on('click', lambda: ui.navigate.to(target))
        self._name = name
        with self:
            with el('span', 'k'):
                el('span', 'is-wide-only' if narrow else '', f'{name} ')
                if narrow:
                    el('span', 'is-phone-only', f'{narrow} ')
            with el('span', 'v'):
                self._value = el('span')
                self._note = el('small')
            # It gives way to the words, in width only.
            size = {'width': '96', 'height': '30', 'viewBox': '0 0 96 30', 'preserveAspectRatio': 'none'}
            self._spark = el('svg', 'spark', aria_hidden='true', **size)

    def show(self, value: str, note: str) -> None:
        self._value.set_text(f'{value} ')  # readers and voice control need the spaces between its parts
        self._note.set_text(note)
        set_props(self, aria_label=_('{name}: {value}, {note}', name=self._name, value=value, note=note))

    def bars(self, values: Sequence[float], *, color: str = 'var(--cmd-text-3)', is_alarm: bool = False) -> None:
        """Draw one bar per day, today last. Today stands out; with `is_alarm`, every day above zero does."""
        top = max([*values, 1])
        width = 96 / max(1, len(values))
        self._spark.clear()
        with self._spark:
            for index, value in enumerate(values):
                height = max(1.5, 28 * value / top)
                is_strong = value > 0 if is_alarm else index == len(values) - 1
                el(
                    'rect',
                    x=f'{index * width:.1f}',
                    y=f'{30 - height:.1f}',
                    width=f'{width - 1.5:.1f}',
                    height=f'{height:.1f}',
                    rx='1',
                    fill=color if is_strong or not is_alarm else 'var(--cmd-text-3)',
                    opacity='1' if is_strong else '0.5',
                )

    def curve(self, values: Sequence[float | None], color: str) -> None:
        """Draw a line over the days, with a dot on the last one."""
        self._spark.clear()
        self._spark.style(f'--sc:var(--cmd-{color})')
        points = points_of(values, width=96, height=30)
        if points:
            with self._spark:
                draw(points, height=30)
                el('circle', 'd', cx=f'{points[-1][0]:.1f}', cy=f'{points[-1][1]:.1f}', r='2.5')


Points = list[tuple[float, float]]


def points_of(
    values: Sequence[float | None], *, width: float, height: float, low: float | None = None, high: float | None = None
) -> Points:
    """Return where the values lie in a box of this size; None is skipped, and fewer than two values make no curve."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return []
    smallest = min(value for _, value in known) if low is None else low
    largest = max(value for _, value in known) if high is None else high
    span = (largest - smallest) or 1.0
    first, last = known[0][0], known[-1][0]
    room = height - 8
    flat = largest == smallest
    return [
        (
            2 + (width - 6) * (index - first) / (last - first),
            height / 2 if flat else 4 + room * (1 - (value - smallest) / span),
        )
        for index, value in known
    ]


def line_of(points: Points) -> str:
    return 'M' + ' L'.join(f'{x:.1f} {y:.1f}' for x, y in points) if points else ''


def area_of(points: Points, height: float) -> str:
    if not points:
        return ''
    return f'{line_of(points)} L{points[-1][0]:.1f} {height:g} L{points[0][0]:.1f} {height:g}Z'


def draw(points: Points, *, height: float) -> tuple[TextElement, TextElement]:
    """Draw a curve and its area inside an `svg.spark`; return both paths, the area first."""
    return el('path', 'f', d=area_of(points, height)), el('path', 'l', d=line_of(points))


def work_box(pipeline: str, parameters: Mapping[str, Any], profile: str | None) -> None:
    """Show exactly what would run."""
    text = '\n'.join(work_in_words(pipeline, parameters, profile))
    el('pre', 'im-work', text, tabindex='0', aria_label=_('It runs'))
