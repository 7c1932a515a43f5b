import pytest

from synapse.media.picture import PictureWishes, bt709, canvas, needs_zscale, picture
from synapse.media.probe import VideoStream


def stream(**facts: object) -> VideoStream:
    known = {'index': 0, 'codec': 'h264', 'width': 1920, 'height': 1080, 'average_rate': 25, 'base_rate': 25}
    return VideoStream.model_validate(known | {'pixel_format': 'yuv420p'} | facts)


@pytest.mark.parametrize(
    ('shown', 'wishes', 'size'),
    [
        ((3840, 2160), {}, (1920, 1080)),
        ((2160, 3840), {}, (1080, 1920)),
        ((1080, 1920), {}, (1080, 1920)),
        ((176, 144), {}, (176, 144)),
        ((176, 144), {'enlarge': True}, (1320, 1080)),
        ((175, 143), {}, (174, 142)),
        ((1, 1), {}, (2, 2)),
        ((1, 9000), {}, (2, 9000)),
        ((2560, 1080), {'short_side': 720}, (1706, 720)),
        ((1920, 1080), {'aspect': '9:16'}, (1080, 1920)),
        ((1920, 1080), {'aspect': '9:16', 'fit': 'crop'}, (606, 1080)),
        ((1920, 1080), {'aspect': '1:1', 'short_side': 720}, (720, 720)),
        ((1920, 1080), {'aspect': '16:9', 'short_side': 480}, (854, 480)),
    ],
)
def test_the_height_is_the_shorter_side_and_nothing_is_enlarged(
    shown: tuple[int, int], wishes: dict[str, object], size: tuple[int, int]
) -> None:
    assert canvas(shown, PictureWishes(**wishes)) == size  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ('facts', 'source'),
    [
        ({}, 'bt709'),
        ({'width': 720, 'height': 576}, 'smpte170m'),
        ({'width': 1280, 'height': 544}, 'bt709'),
        ({'width': 720, 'height': 576, 'matrix': 'bt470bg'}, 'bt470bg'),
        ({'width': 640, 'height': 360, 'primaries': 'bt709'}, 'bt709'),
        ({'matrix': 'smpte170m', 'primaries': 'smpte170m', 'transfer': 'smpte170m'}, 'smpte170m'),
    ],
)
def test_colours_that_a_file_does_not_state_are_guessed_from_its_size(facts: dict[str, object], source: str) -> None:
    filters = picture(stream(**facts), PictureWishes()).filters

    assert filters.startswith(f'setparams=colorspace={source}:color_primaries=bt709:color_trc=bt709,')
    assert 'out_color_matrix=bt709' in filters


def test_wide_gamuts_hdr_and_full_range_need_zscale() -> None:
    assert needs_zscale(stream(transfer='smpte2084'))
    assert needs_zscale(stream(primaries='smpte432'))
    assert needs_zscale(stream(range='pc'))
    assert not needs_zscale(stream(primaries='bt470bg', transfer='smpte170m'))
    assert not needs_zscale(stream(pixel_format='gbrp', primaries='bt2020'))


def test_an_ffmpeg_without_zscale_converts_hdr_with_its_scale() -> None:
    seen = picture(stream(transfer='arib-std-b67', primaries='bt2020'), PictureWishes(has_zscale=False))

    assert 'zscale' not in seen.filters
    assert 'out_primaries=bt709:out_transfer=bt709' in seen.filters


def test_hdr_that_is_kept_is_tagged_with_its_own_curve() -> None:
    seen = picture(stream(transfer='arib-std-b67', primaries='bt2020'), PictureWishes(keep_hdr=True))

    assert (seen.hdr, seen.pixel_format) == (True, 'yuv420p10le')
    assert 'color_trc=arib-std-b67' in seen.filters
    assert seen.changes == ('HLG kept',)


@pytest.mark.parametrize(
    ('colour', 'code'), [('#000000', (16, 128, 128)), ('#ffffff', (235, 128, 128)), ('#ff0000', (63, 102, 240))]
)
def test_a_colour_in_yuv(colour: str, code: tuple[int, int, int]) -> None:
    assert bt709(colour) == code
