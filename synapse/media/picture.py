"""How a picture is published: filters for ffmpeg that keep it as its viewer saw it, as a pure function of the file."""

from dataclasses import dataclass
from typing import Literal

from synapse.language import _

from .probe import VideoStream

Aspect = Literal['keep', '16:9', '9:16', '1:1']
Fit = Literal['pad', 'crop']

_RATIOS = {'16:9': 16 / 9, '9:16': 9 / 16, '1:1': 1.0}
_ALPHA_DECODERS = {'vp8': 'libvpx', 'vp9': 'libvpx-vp9'}
"""ffmpeg's own decoders of these skip the transparency, which WebM keeps beside the picture."""
REFERENCE_WHITE = 203
"""Nits of white paper in HDR, ITU-R BT.2408; it becomes the white of BT.709, what is brighter is compressed."""
_HDR_PEAK = 1000
"""Nits up to which highlights differ from each other after tone-mapping."""
_KNEE = 0.97
"""Part of BT.709's range that tone-mapping leaves as it is, so that white paper is white (253 of 255)."""
_OTHER_CURVES = frozenset({'smpte2084', 'arib-std-b67', 'linear'})
"""Those that look different from BT.709's if they are shown as that."""
_MATRICES = frozenset({'bt709', 'smpte170m', 'bt470bg', 'bt2020nc', 'fcc', 'smpte240m'})


@dataclass(frozen=True, slots=True)
class PictureWishes:
    """What a person chose about the picture.

    :param short_side: pixels of the shorter side
    :param enlarge: whether a smaller picture is enlarged to that
    :param background: `#rrggbb` for bars and behind transparent pictures
    :param keep_hdr: whether HDR is kept instead of tone-mapped
    :param has_zscale: whether this ffmpeg has the filter zscale
    """

    short_side: int = 1080
    aspect: Aspect = 'keep'
    fit: Fit = 'pad'
    enlarge: bool = False
    background: str = '#000000'
    keep_hdr: bool = False
    has_zscale: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """How ffmpeg makes the published picture.

    :param size: width and height, both even
    :param filters: for `-vf`: bring it to its size, then to its colours and shape, and tag it with them
    :param pixel_format: for the encoder
    :param hdr: whether it is still HDR, which takes a 10-bit encoder
    :param decoder: ffmpeg's name of the decoder to use, empty for its own choice
    :param changes: what is done to it, in a few words each
    """

    size: tuple[int, int]
    filters: str
    pixel_format: str
    hdr: bool
    decoder: str
    changes: tuple[str, ...]

    @property
    def input_arguments(self) -> list[str]:
        """What ffmpeg needs before the input."""
        return ['-c:v', self.decoder] if self.decoder else []


def picture(video: VideoStream, wishes: PictureWishes) -> Picture:
    """Return how a picture is published."""
    size = canvas(video.shown_size, wishes)
    is_kept_hdr = _is_kept_hdr(video, wishes)
    # Before it is scaled, which would mix the fields; the mark stays on frames of one moment.
    deinterlaced = ('bwdif=deint=interlaced:mode=send_frame',) if video.field_order == 'interlaced' else ()
    return Picture(
        size=size,
        filters=','.join(
            [
                *_stated(video),
                *deinterlaced,
                _scale(size, wishes),
                *_colours(video, wishes),
                *_shape(size, wishes),
                'setparams=field_mode=prog',
            ]
        ),
        pixel_format='yuv420p10le' if is_kept_hdr else 'yuv420p',
        hdr=is_kept_hdr,
        decoder=_ALPHA_DECODERS.get(video.codec, '') if video.has_alpha else '',
        changes=_changes(video, wishes),
    )


def needs_zscale(video: VideoStream) -> bool:
    """Whether colours are converted that ffmpeg's `scale` doesn't convert well.

    These are HDR, wider gamuts than BT.709, and full range, in which ffmpeg 7 mixes up the matrices.
    """
    return _is_yuv(video) and not video.has_alpha and (_is_wide(video) or video.range == 'pc')


def canvas(shown: tuple[int, int], wishes: PictureWishes) -> tuple[int, int]:
    """Return width and height of the published picture, even and without bars or cuts enlarging anything.

    :param shown: width and height of the source as a player shows it
    """
    wide, high = float(shown[0]), float(shown[1])
    if wishes.aspect != 'keep':
        ratio, pick = _RATIOS[wishes.aspect], max if wishes.fit == 'pad' else min
        wide, high = pick(wide, high * ratio), pick(high, wide / ratio)
    factor = wishes.short_side / min(wide, high)
    if factor >= 1 and not wishes.enlarge:
        return max(2, int(wide + 1e-6) // 2 * 2), max(2, int(high + 1e-6) // 2 * 2)
    return max(2, 2 * round(wide * factor / 2)), max(2, 2 * round(high * factor / 2))


def _scale(size: tuple[int, int], wishes: PictureWishes) -> str:
    """Scale to within the size, or to cover it; expressions, since a recording may change its size midway."""
    wide, high = size
    pick = 'max' if wishes.aspect != 'keep' and wishes.fit == 'crop' else 'min'
    return f"scale=w='max(2,{pick}({wide},2*round({high}*dar/2)))':h='max(2,{pick}({high},2*round({wide}/dar/2)))'"


def _shape(size: tuple[int, int], wishes: PictureWishes) -> tuple[str, ...]:
    wide, high = size
    is_cut = wishes.aspect != 'keep' and wishes.fit == 'crop'
    return (f'crop={wide}:{high}' if is_cut else f'pad={wide}:{high}:-1:-1:{wishes.background}', 'setsar=1')


def _colours(video: VideoStream, wishes: PictureWishes) -> tuple[str, ...]:
    """From the colours of the source to BT.709 in limited range, or to HDR of 10 bits."""
    if video.has_alpha:
        return (*_over(wishes.background), _BT709)
    if _is_kept_hdr(video, wishes):
        return ('scale=out_range=tv', 'format=yuv420p10le', 'setparams=range=tv')
    if not needs_zscale(video) or not (_is_wide(video) or wishes.has_zscale):
        return ('scale=out_color_matrix=bt709:out_range=tv', 'format=yuv420p', _BT709)
    if not wishes.has_zscale:
        converted = 'scale=out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709:out_range=tv'
        return (converted, 'format=yuv420p', *_NOT_HDR, _BT709)
    matrix, primaries, transfer = _source_colours(video)
    # Once more, since ffmpeg 7 forgets them in scale.
    source = f'zscale=min={matrix}:pin={primaries}:tin={transfer}:rin={_range(video)}'
    if not video.hdr:
        return (f'{source}:p=bt709:t=bt709:m=bt709:r=limited', 'format=yuv420p', _BT709)
    return (
        f'{source}:p=bt709:t=linear:npl={REFERENCE_WHITE}',
        'format=gbrpf32le',
        f'tonemap=mobius:param={_KNEE}:peak={_HDR_PEAK / REFERENCE_WHITE:.3f}:desat=0',
        'zscale=t=bt709:m=bt709:r=limited',
        'format=yuv420p',
        *_NOT_HDR,
        _BT709,
    )


_BT709 = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709'
_NOT_HDR = ('sidedata=mode=delete:type=MASTERING_DISPLAY_METADATA', 'sidedata=mode=delete:type=CONTENT_LIGHT_LEVEL')
"""Without these the file says of its BT.709 that it was mastered at 1,000 nits."""


def _over(background: str) -> tuple[str, ...]:
    """Lay a transparent picture over a colour."""
    # Not drawn by drawbox or color: in YUV these mix their colours as BT.601, whatever the picture is.
    y, u, v = bt709(background)
    return (
        'scale=out_color_matrix=bt709:out_range=tv',
        f'format=yuva444p,split[front],lutyuv=y={y}:u={u}:v={v}:a=255[back];[back][front]overlay=format=yuv444',
        'format=yuv420p',
    )


def bt709(colour: str) -> tuple[int, int, int]:
    """Return `#rrggbb` as Y, Cb and Cr of 8 bits in limited range, ITU-R BT.709-6, 3.2 to 3.4."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return round(16 + 219 * luma), round(128 + 224 * (blue - luma) / 1.8556), round(128 + 224 * (red - luma) / 1.5748)


def _source_colours(video: VideoStream) -> tuple[str, str, str]:
    """Return matrix, primaries and transfer; what the file doesn't say is guessed as mpv does.

    As in mpv, and since the difference is hardly seen, the primaries and the curve of BT.601 count as those of BT.709.
    """
    is_hd = video.width >= 1280 or video.height > 576
    is_wide = video.hdr or video.primaries == 'bt2020'
    guess = 'bt2020nc' if is_wide else 'bt709' if is_hd or video.primaries else 'smpte170m'
    matrix = video.matrix if video.matrix in _MATRICES else guess
    primaries = video.primaries or ('bt2020' if is_wide else 'bt709')
    return (
        matrix,
        'bt709' if primaries in ('smpte170m', 'bt470bg') else primaries,
        video.transfer if video.transfer in _OTHER_CURVES else 'bt709',
    )


def _stated(video: VideoStream) -> tuple[str, ...]:
    """State the colours of the source for all filters that follow, whether the file does or not."""
    if not _is_yuv(video):
        return ()
    matrix, primaries, transfer = _source_colours(video)
    return (f'setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}',)


def _is_kept_hdr(video: VideoStream, wishes: PictureWishes) -> bool:
    return wishes.keep_hdr and needs_zscale(video) and video.hdr is not None


def _is_wide(video: VideoStream) -> bool:
    """Whether primaries or curve differ visibly from those of BT.709."""
    return _source_colours(video)[1:] != ('bt709', 'bt709')


def _range(video: VideoStream) -> str:
    return 'full' if video.range == 'pc' else 'limited'


_NOT_YUV = ('rgb', 'bgr', 'gbr', 'argb', 'abgr', '0rgb', '0bgr', 'x2rgb', 'x2bgr', 'pal8', 'gray', 'mono', 'ya')


def _is_yuv(video: VideoStream) -> bool:
    return not video.pixel_format.startswith(_NOT_YUV)


def _changes(video: VideoStream, wishes: PictureWishes) -> tuple[str, ...]:
    """What is done to a picture, in the words of the log."""
    matrix, primaries, __ = _source_colours(video)
    hdr = {'pq': 'HDR10', 'hlg': 'HLG'}.get(video.hdr or '')
    gamut = {'bt2020': 'BT.2020', 'smpte431': 'P3', 'smpte432': 'P3'}.get(primaries, 'BT.601')
    is_kept = _is_kept_hdr(video, wishes)
    is_converted = _is_yuv(video) and not video.has_alpha and (_is_wide(video) or matrix != 'bt709')
    background = _('black') if wishes.background == '#000000' else wishes.background
    facts = {
        _('{hdr} kept', hdr=hdr): is_kept,
        _('{colours} to BT.709', colours=hdr or gamut): is_converted and not is_kept,
        _('full range to limited'): _is_yuv(video) and video.range == 'pc',
        _('transparency over {background}', background=background): video.has_alpha,
        _('deinterlaced'): video.field_order == 'interlaced',
        _('turned by {rotation}°', rotation=video.rotation): video.rotation,
        _('mirrored'): video.is_mirrored,
        _('to square pixels'): abs(video.sample_aspect - 1) > 0.001,
        _fitted(wishes): wishes.aspect != 'keep',
    }
    return tuple(words for words, is_so in facts.items() if is_so)


def _fitted(wishes: PictureWishes) -> str:
    is_padded = wishes.fit == 'pad'
    return _('padded to {aspect}', aspect=wishes.aspect) if is_padded else _('cut to {aspect}', aspect=wishes.aspect)
