from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from tests.parts.one_run import OneRun
from tests.parts.videos import make_video

DEJAVU = Path('/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf')

Publish = Callable[[str], OneRun]


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp('clips') / 'film.mp4', seconds=0.4, size='64x48', rate=5, sound=False)


@pytest.fixture
def fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of fonts on this machine, with one that has Latin, Greek and Cyrillic."""
    folder, config = tmp_path / 'fonts', tmp_path / 'fonts.conf'
    folder.mkdir()
    (folder / DEJAVU.name).write_bytes(DEJAVU.read_bytes())
    config.write_text(f'<fontconfig><dir>{folder}</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>')
    monkeypatch.setenv('FONTCONFIG_FILE', str(config))
    return folder


@pytest.fixture
def burn(tmp_path: Path, clip: Path, fonts: Path) -> Publish:
    def publish(caption: str) -> OneRun:
        parameters = {'video': str(clip), 'height': 480, 'quality': 'draft', 'captions': 'burn', 'caption': caption}
        return OneRun(tmp_path / 'run', 'PublishVideo', parameters, destination=tmp_path / 'out').finish()

    return publish


def font_of(letter: str, path: Path, *, is_empty: bool) -> None:
    """Write a font of one letter, which is a square, or has no outline as those whose layers have colours."""
    pen = TTGlyphPen(None)
    if not is_empty:
        pen.moveTo((0, 0))
        for point in ((0, 900), (900, 900), (900, 0)):
            pen.lineTo(point)
        pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(['.notdef', 'letter'])
    builder.setupCharacterMap({ord(letter): 'letter'})
    builder.setupGlyf({'.notdef': TTGlyphPen(None).glyph(), 'letter': pen.glyph()})
    builder.setupHorizontalMetrics({'.notdef': (1000, 0), 'letter': (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({'familyName': 'One Letter', 'styleName': 'Regular'})
    builder.setupOS2(sTypoAscender=900, usWinAscent=900, usWinDescent=100)
    builder.setupPost()
    builder.save(path)


@pytest.mark.parametrize(
    ('caption', 'letters', 'packages'),
    [
        ('한국 🎉 Привет', '국 한 🎉', 'fonts-noto-cjk and fonts-symbola'),
        ('สวัส', 'วั ส', 'fonts-noto-core'),
        (''.join(map(chr, range(0x4E00, 0x4E10))), '一 丁 丂 七 丄 丅 丆 万 丈 三 上 下 and others', 'fonts-noto-cjk'),
    ],
)
def test_letters_without_a_font_are_named_before_rendering(
    burn: Publish, caption: str, letters: str, packages: str
) -> None:
    run = burn(caption)

    message = f'No font on this machine has these letters of the caption: {letters}.'
    assert (run.failed_step, run.error['message']) == ('ingest', message)
    assert run.error['hint'].startswith(f'Install {packages} (')
    assert [text for _, text in run.lines if 'glyph' in text] == []


def test_once_a_font_has_them_they_are_burnt_in(burn: Publish, fonts: Path) -> None:
    font_of('한', fonts / 'one.ttf', is_empty=False)
    font_of('🎉', fonts / 'two.ttf', is_empty=False)

    assert burn('한 🎉 {{}} \\N').error == {}


def test_a_machine_with_symbols_only_lacks_plain_letters(burn: Publish, fonts: Path) -> None:
    (fonts / DEJAVU.name).unlink()
    font_of('🎉', fonts / 'one.ttf', is_empty=False)

    run = burn('🎉')

    message = 'No font on this machine has these letters of the caption: A.'
    assert (run.failed_step, run.error['message']) == ('ingest', message)


def test_emoji_of_a_font_without_outlines_are_named_before_rendering(burn: Publish, fonts: Path) -> None:
    font_of('🎉', fonts / 'one.ttf', is_empty=True)

    run = burn('Party 🎉')

    message = 'The font of this machine for 🎉 has colours only, which cannot be burnt in.'
    assert (run.failed_step, run.error['message']) == ('ingest', message)
