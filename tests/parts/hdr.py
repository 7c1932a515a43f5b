"""A raw HDR picture of known colours, counted from the recommendations and not by a filter that is under test."""

from array import array
from collections.abc import Callable, Sequence

Rgb = Sequence[float]

WHITE_NITS = 203
"""ITU-R BT.2408: white paper in HDR."""
_PEAK_NITS = 1000
_BT2020 = ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
"""Of BT.709, ITU-R BT.2087."""
_LUMA = (0.2627, 0.6780, 0.0593)


def raw_frame(size: tuple[int, int], colour_at: Callable[[int, int], Rgb], curve: str) -> bytes:
    """A frame of yuv420p10le in BT.2020, limited range.

    :param colour_at: linear BT.709 at x and y, in which 1.0 is `WHITE_NITS`; the same in each 2 x 2 pixels
    :param curve: `smpte2084` or `arib-std-b67`
    """
    wide, high = size
    known: dict[tuple[float, ...], tuple[int, int, int]] = {}

    def code(x: int, y: int) -> tuple[int, int, int]:
        colour = tuple(colour_at(x, y))
        return known.setdefault(colour, _code(colour, curve))

    luma = array('H', (code(x, y)[0] for y in range(high) for x in range(wide)))
    chroma = [array('H', (code(x, y)[at] for y in range(0, high, 2) for x in range(0, wide, 2))) for at in (1, 2)]
    return b''.join(plane.tobytes() for plane in (luma, *chroma))


def _code(colour: Rgb, curve: str) -> tuple[int, int, int]:
    nits = [max(0.0, WHITE_NITS * sum(a * b for a, b in zip(row, colour, strict=True))) for row in _BT2020]
    red, green, blue = _pq(nits) if curve == 'smpte2084' else _hlg(nits)
    luma = sum(a * b for a, b in zip(_LUMA, (red, green, blue), strict=True))
    return (
        round(64 + 876 * luma),
        round(512 + 896 * (blue - luma) / 1.8814),
        round(512 + 896 * (red - luma) / 1.4746),
    )


def _pq(nits: Rgb) -> list[float]:
    """SMPTE ST 2084."""
    powers = [(value / 10_000) ** (2610 / 16384) for value in nits]
    return [((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375 for power in powers]


def _hlg(nits: Rgb) -> list[float]:
    """ITU-R BT.2100 on a display of 1,000 nits."""
    light = [value / _PEAK_NITS for value in nits]
    scene = sum(a * b for a, b in zip(_LUMA, light, strict=True)) ** ((1 - 1.2) / 1.2) if any(light) else 1.0
    return [_hlg_of_scene(min(1.0, value * scene)) for value in light]


def _hlg_of_scene(value: float) -> float:
    from math import log

    return (3 * value) ** 0.5 if value <= 1 / 12 else 0.17883277 * log(12 * value - 0.28466892) + 0.55991073
