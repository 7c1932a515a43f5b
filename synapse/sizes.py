"""Sizes of memory, disks and logs as pipelines write them, such as `2 GB`, and as people read them."""

import re

from synapse.language import ENGLISH, _, language

Size = int | str

_UNITS = {
    '': 1,
    'B': 1,
    **{f'{letter}B': 1000**power for power, letter in enumerate('KMGT', 1)},
    **{f'{letter}IB': 1024**power for power, letter in enumerate('KMGT', 1)},
}
_BINARY = ((1024**4, 'TiB'), (1024**3, 'GiB'), (1024**2, 'MiB'), (1024, 'KiB'))
_TEXT = re.compile(r'(\d+(?:\.\d+)?)\s*([A-Za-z]*)')


def parse_size(value: Size) -> int:
    """Return the bytes of a whole number, or of text like `'500 MB'`, `'1.5 GB'` or `'2 GiB'`.

    :raises ValueError: if it is neither, or less than one byte
    """
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip())
        unit = _UNITS.get(found[2].upper()) if found else None
        count = round(float(found[1]) * unit) if found and unit else 0
    else:
        count = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if count < 1:
        raise ValueError(_('{value!r} is not a size; write bytes, or text like "500 MB" or "2 GB"', value=value))
    return count


def short_size(count: float) -> str:
    """Return a size in words, without a decimal that says nothing: `2 GB`, `2.1 GB`, `2,1 GB` in other languages."""
    return _with_point(_written(round(count)).replace('.0 ', ' '))


def limit_size(count: int) -> str:
    """Return a limit as it was set: `2 GiB` for 2 GiB, which is no round number in units of 1000."""
    return size_beside(count, count)


def size_beside(count: float, limit: int) -> str:
    """Return a size in units like those of a limit that is named beside it: `1.9 GiB` beside `2 GiB`."""
    if limit % 1024**2 or limit % 1000**2 == 0:
        return short_size(count)
    unit, name = next((unit for unit in _BINARY if count >= unit[0]), _BINARY[-1])
    return _with_point(f'{count / unit:.1f}'.removesuffix('.0')) + f' {name}'


def size_of(count: int) -> str:
    """Return a size such as `812 B`, `9.1 kB` or `1.2 GB`, as its reader writes numbers; units are powers of 1000."""
    return _with_point(_written(count))


def _written(count: int) -> str:
    size, unit = float(count), 'B'
    for larger in ('kB', 'MB', 'GB', 'TB', 'PB'):
        if round(size) >= 1000:
            size, unit = size / 1000, larger
    return f'{size:.0f} {unit}' if unit == 'B' or round(size, 1) >= 100 else f'{size:.1f} {unit}'


def _with_point(text: str) -> str:
    if language() == ENGLISH:
        return text  # runs, which say sizes too, need not load Babel
    from synapse.language.formats import pointed

    return pointed(text)
