"""Small films of many kinds, made by the bundled ffmpeg when a test first asks for one, and kept for the session."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

from tests.parts.hdr import raw_frame

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = (RED, GREEN, BLUE, WHITE)
"""Of each picture by `corners`: top left, top right, bottom left, bottom right."""


class Clips:
    """The clips of one session in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Path:
        """The path of a clip of `RECIPES`, whose name is `clip` and its suffix."""
        suffix, make = RECIPES[name]
        clip = self._folder / name / f'clip{suffix}'
        if not clip.exists():
            clip.parent.mkdir()
            make(clip)
        return clip


Make = Callable[[Path], None]
RECIPES: dict[str, tuple[str, Make]] = {}


def call(*arguments: str, stdin: bytes = b'') -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-nostats', '-y', *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, f'{command}\n{done.stderr.decode()}'


def corners(size: str = '160x90', *, rate: str = '25', seconds: float = 0.4, pixel: float = 1) -> str:
    """A source of lavfi, in RGB: four coloured corners on grey, and a black square in the middle.

    :param pixel: width of a pixel by its height
    """
    wide, high = map(int, size.split('x'))
    w, h, side = wide // 4, high // 4, min(wide, high) // 2
    boxes = [
        f'0:0:{w}:{h}:red',
        f'{wide - w}:0:{w}:{h}:lime',
        f'0:{high - h}:{w}:{h}:blue',
        f'{wide - w}:{high - h}:{w}:{h}:white',
        f'{(wide - side / pixel) / 2:g}:{(high - side) / 2:g}:{side / pixel:g}:{side}:black',
    ]
    drawn = ','.join(f'drawbox={box}:fill' for box in boxes)
    return f'color=c=gray:s={size}:r={rate}:d={seconds},format=gbrp,{drawn}'


def lavfi(*sources: str) -> tuple[str, ...]:
    """Inputs that ffmpeg draws itself."""
    return tuple(word for source in sources for word in ('-f', 'lavfi', '-i', source))


def yuv(source: str, matrix: str = 'bt709', *, range: str = 'tv', pixels: str = 'yuv420p', tags: str = '') -> str:
    """A source of lavfi in the colours of a camera.

    :param tags: what it says of primaries, curve and matrix, separated by blanks; empty for nothing
    """
    said = [f'range={range}', *(f'{key}={value}' for key, value in zip(_TAGS, tags.split(), strict=False))]
    return f'{source},scale=out_color_matrix={matrix}:out_range={range},format={pixels},setparams={":".join(said)}'


_TAGS = ('color_primaries', 'color_trc', 'colorspace')
_HD = 'bt709 bt709 bt709'
_SD = 'smpte170m smpte170m smpte170m'
PLAIN = yuv(corners(), tags=_HD)
BEEP = 'sine=frequency=880:duration=0.4:sample_rate=48000'
H264 = ('-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '8')


def drawn(name: str, suffix: str, source: str, *encode: str) -> None:
    """A clip of one call: a picture, encoded so."""
    RECIPES[name] = (suffix, lambda clip: call(*lavfi(source), *encode, str(clip)))


def heard(name: str, suffix: str, sound: str, *encode: str) -> None:
    """A clip of one call: the plain picture with this sound, encoded so."""
    RECIPES[name] = (suffix, lambda clip: call(*lavfi(PLAIN, sound), *H264, *encode, str(clip)))


def copied(name: str, suffix: str, before: tuple[str, ...], *after: str, source: str = PLAIN) -> None:
    """A clip of two calls: drawn, then copied with other words in its header."""

    def make(clip: Path) -> None:
        first = clip.with_name(f'first{suffix}')
        call(*lavfi(source, BEEP), *H264, '-c:a', 'aac', str(first))
        call(*before, '-i', str(first), '-map', '0', '-c', 'copy', *after, str(clip))

    RECIPES[name] = (suffix, make)


# Colours
drawn('plain', '.mp4', PLAIN, *H264)
drawn('untagged SD', '.mp4', yuv(corners(), 'bt601'), *H264)
drawn('BT.601 of a DVD', '.mpg', yuv(corners(), 'bt601', tags=_SD), '-c:v', 'mpeg2video', '-q:v', '2')
drawn(
    'BT.601 of a phone in full range', '.mp4', yuv(corners(), 'bt601', range='pc', tags='bt470bg bt709 bt470bg'), *H264
)
drawn('full range', '.mp4', yuv(corners(), range='pc', tags=_HD), *H264)
drawn(
    'motion JPEG of a camera',
    '.avi',
    yuv(corners(), 'bt601', range='pc', pixels='yuvj422p'),
    '-c:v',
    'mjpeg',
    '-q:v',
    '2',
)
drawn('RGB of a screen recorder', '.mkv', corners(), '-c:v', 'libx264rgb', '-preset', 'ultrafast', '-crf', '0')
drawn('grey', '.mkv', f'{corners()},format=gray', '-c:v', 'ffv1')
drawn('10 bits', '.mkv', yuv(corners(), pixels='yuv420p10le', tags=_HD), '-c:v', 'libx265', '-preset', 'ultrafast',
      '-x265-params', 'crf=8:log-level=none')  # fmt: skip
drawn('ProRes', '.mov', yuv(corners(), pixels='yuv422p10le', tags=_HD), '-c:v', 'prores_ks', '-profile:v', '2')
drawn('4:4:4', '.mkv', yuv(corners(), pixels='yuv444p', tags=_HD), *H264)
drawn('GIF', '.gif', corners(), '-c:v', 'gif')
drawn('WMV', '.wmv', yuv(corners(), 'bt601'), '-c:v', 'wmv2', '-q:v', '2')
drawn('wrong suffix', '.avi', PLAIN, *H264, '-f', 'mp4')


def _hdr(curve: str) -> Make:
    """As phones and cameras write it; white at 203 nits."""

    def colour_at(x: int, y: int) -> tuple[float, float, float]:
        left, right, top, bottom = x < 40, x >= 120, y < 22, y >= 66
        if (left or right) and (top or bottom):
            red, green, blue = (value / 255 for value in CORNERS[right + 2 * bottom])
            return (red, green, blue)
        is_square = 58 <= x < 102 and 22 <= y < 66
        return (0.0, 0.0, 0.0) if is_square else (0.2159, 0.2159, 0.2159)

    master = 'G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)'
    colours = f'colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc:master-display={master}:max-cll=1000,400'
    encode = ('-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', f'{colours}:crf=6:log-level=none')
    tags = f'setparams=color_primaries=bt2020:color_trc={curve}:colorspace=bt2020nc:range=tv'

    def make(clip: Path) -> None:
        raw = raw_frame((160, 88), colour_at, curve) * 5
        source = ('-f', 'rawvideo', '-pix_fmt', 'yuv420p10le', '-s', '160x88', '-r', '25', '-i', '-')
        call(*source, '-vf', tags, *encode, '-tag:v', 'hvc1', str(clip), stdin=raw)

    return make


RECIPES['HDR10'] = ('.mp4', _hdr('smpte2084'))
RECIPES['HLG'] = ('.mov', _hdr('arib-std-b67'))
_P3 = 'zscale=min=709:pin=709:tin=709:rin=limited:p=smpte432:t=709:m=709:r=limited'
drawn(
    'P3 of a Mac', '.mov', f'{PLAIN},{_P3},setparams=color_primaries=smpte432:color_trc=bt709:colorspace=bt709', *H264
)
_WIDE = 'zscale=min=709:pin=709:tin=709:rin=limited:p=2020:t=2020_10:m=2020_ncl:r=limited'
drawn('BT.2020 without HDR', '.mkv', f'{PLAIN},{_WIDE},format=yuv420p10le', '-c:v', 'ffv1')

# Shapes
for degrees in (90, 180, 270):
    copied(f'turned by {degrees}', '.mp4', ('-display_rotation', str(degrees)))
copied('mirrored', '.mp4', ('-display_hflip',))
copied('turned and mirrored', '.mov', ('-display_rotation', '90', '-display_hflip'))
_ANAMORPHIC = f'{yuv(corners("120x90", pixel=4 / 3), tags=_HD)},setsar=4/3'
drawn('anamorphic', '.mp4', _ANAMORPHIC, *H264)
copied('anamorphic and turned', '.mp4', ('-display_rotation', '90'), source=_ANAMORPHIC)
drawn('odd size', '.webm', yuv(corners('161x91'), 'bt601'), '-c:v', 'libvpx-vp9', '-crf', '8', '-cpu-used', '8')
drawn('portrait', '.mp4', yuv(corners('90x160'), tags=_HD), *H264)
drawn('tiny', '.mp4', yuv(corners('48x32'), tags=_HD), *H264)
drawn('large', '.mp4', yuv(corners('1280x720', seconds=0.12), tags=_HD), *H264)
drawn('large portrait', '.mp4', yuv(corners('720x1280', seconds=0.12), tags=_HD), *H264)


def _moving(first: str) -> str:
    """A white bar that runs over black, as two fields a frame; `first` is `top` or `bottom`."""
    bar = "color=white:s=16x96:r=50:d=0.8[bar];color=black:s=160x96:r=50:d=0.8[back];[back][bar]overlay=x='n*4':y=0"
    return f'{bar},format=yuv420p,tinterlace=interleave_{first},setparams=field_mode={first[0]}ff'


def _interlaced(first: str) -> None:
    encode = ('-c:v', 'mpeg2video', '-q:v', '2', '-flags', '+ildct+ilme')
    drawn(f'interlaced, {first} field first', '.ts', _moving(first), *encode)


_interlaced('top')
_interlaced('bottom')


def _resized(clip: Path) -> None:
    """The screen of a call whose window was made smaller; one H.264 stream of two sizes."""
    parts = [clip.with_name(f'{size}.ts') for size in ('160x90', '80x90')]
    for part in parts:
        source = yuv(corners(part.stem, seconds=0.2), tags=_HD)
        call(*lavfi(source), *H264, str(part))
    clip.with_name('both.ts').write_bytes(b''.join(part.read_bytes() for part in parts))
    call('-fflags', '+genpts', '-i', str(clip.with_name('both.ts')), '-c', 'copy', str(clip))


RECIPES['size changes midway'] = ('.ts', _resized)

# Transparency: the hidden colour is magenta, the left half is transparent
_HALF = 'color=c=magenta@0:s=160x90:r=25:d=0.2,format=rgba,drawbox=80:0:80:90:lime@1:fill:replace=1'
drawn(
    'VP9 with transparency', '.webm', _HALF, '-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p', '-crf', '8', '-cpu-used', '8'
)
drawn(
    'VP8 with transparency', '.webm', _HALF, '-c:v', 'libvpx', '-pix_fmt', 'yuva420p', '-crf', '8', '-auto-alt-ref', '0'
)
drawn('ProRes with transparency', '.mov', _HALF, '-c:v', 'prores_ks', '-profile:v', '4444', '-pix_fmt', 'yuva444p10le')
drawn('animation with transparency', '.mov', _HALF, '-c:v', 'qtrle')

# Time
drawn('one frame', '.mp4', PLAIN, *H264, '-frames:v', '1')
drawn('1 fps', '.mp4', yuv(corners(rate='1', seconds=3), tags=_HD), *H264)
drawn('240 fps', '.mp4', yuv(corners(rate='240', seconds=0.2), tags=_HD), *H264)
drawn('23.976 fps', '.mkv', yuv(corners(rate='24000/1001'), tags=_HD), *H264)
drawn('variable rate', '.mkv', f"{PLAIN},setpts='(N+floor(N/3)*4)/25/TB'", *H264, '-fps_mode', 'vfr')
drawn('starts at an hour', '.ts', PLAIN, *H264, '-output_ts_offset', '3600')


def _still(clip: Path) -> None:
    """A picture that is shown for three hours."""
    call(*lavfi(f'{PLAIN},setpts=N*10800/TB'), *H264, '-frames:v', '2', '-fps_mode', 'vfr', str(clip))


RECIPES['still of three hours'] = ('.mp4', _still)
heard('picture ends early', '.mkv', 'sine=frequency=880:duration=6', '-c:a', 'libopus')

# Sound
heard('mono of 8 kHz', '.3gp', 'sine=frequency=880:duration=0.4:sample_rate=8000', '-c:a', 'aac')
heard('5.1', '.mkv', f'{BEEP},pan=5.1|FC=c0', '-c:a', 'ac3')
heard('sound of 96 kHz', '.mov', 'sine=frequency=880:duration=0.4:sample_rate=96000', '-c:a', 'pcm_s24le')
heard('7.1.4', '.mov', f'{BEEP},pan=7.1.4|FC=c0', '-c:a', 'pcm_s16le')
_SIDES = 'FL+FR+FC+LFE+SL+SR+BL+BR'
heard('sides before backs', '.mov', f'{BEEP},pan={_SIDES}|FL=c0|SL=c0', '-c:a', 'pcm_s16le')


def _nine(clip: Path) -> None:
    """A recorder's nine tracks as channels of one, which have no place."""
    raw = ('-f', 's16le', '-ac', '9', '-ar', '48000', '-t', '0.4', '-i', '-')
    samples = b''.join(bytes([0, 32 if at % 60 < 30 else 224]) * 9 for at in range(19_200))
    call(*lavfi(PLAIN), *raw, *H264, '-c:a', 'pcm_s16le', str(clip), stdin=samples)


RECIPES['nine channels'] = ('.mov', _nine)


def _late(clip: Path) -> None:
    """White and a tone at 0.6 s; the sound track starts at 0.4 s."""
    flash = "color=black:s=160x90:r=25:d=1,drawbox=0:0:160:90:white:fill:enable='gte(t,0.58)',format=yuv420p"
    tone = "aevalsrc='if(gte(t,0.2),0.5*sin(2*PI*880*t),0)':d=0.6:s=48000"
    call(*lavfi(flash), '-itsoffset', '0.4', *lavfi(tone), *H264, '-c:a', 'aac', str(clip))


def _late_picture(clip: Path) -> None:
    """White and a tone at 0.6 s; the picture starts at 0.4 s."""
    flash = "color=black:s=160x90:r=25:d=0.6,drawbox=0:0:160:90:white:fill:enable='gte(t,0.18)',format=yuv420p"
    tone = "aevalsrc='if(gte(t,0.6),0.5*sin(2*PI*880*t),0)':d=1:s=48000"
    call('-itsoffset', '0.4', *lavfi(flash, tone), *H264, '-c:a', 'aac', str(clip))


RECIPES['late picture'] = ('.mkv', _late_picture)
RECIPES['late sound'] = ('.mp4', _late)
RECIPES['late sound in MKV'] = ('.mkv', _late)


def _two_tracks(clip: Path) -> None:
    """German at 440 Hz, then English at 880 Hz, which is the default; subtitles of both."""
    for language in ('deu', 'eng'):
        text = f'1\n00:00:00,000 --> 00:00:00,300\n{language} <i>text</i>\n'
        clip.with_name(f'{language}.srt').write_text(text)
    texts = tuple(word for language in ('deu', 'eng') for word in ('-i', str(clip.with_name(f'{language}.srt'))))
    streams = ('a:0', 'a:1', 's:0', 's:1')
    said = (
        word
        for stream, code in zip(streams, ('deu', 'eng') * 2, strict=True)
        for word in (f'-metadata:s:{stream}', f'language={code}')
    )
    sounds = lavfi('sine=frequency=440:duration=0.4', 'sine=frequency=880:duration=0.4')
    call(
        *(*lavfi(PLAIN), *sounds, *texts, *(word for at in range(5) for word in ('-map', str(at)))),
        *(*H264, '-c:a', 'aac', '-c:s', 'srt', *said),
        *('-disposition:a:0', '0', '-disposition:a:1', 'default', '-disposition:s:0', '0', str(clip)),
    )


RECIPES['two languages'] = ('.mkv', _two_tracks)

# What a file says of itself
_PRIVATE = (
    'title=Our holiday',
    'location=+48.1372+011.5755/',
    'com.apple.quicktime.location.ISO6709=+48.1372+011.5755/',
    'creation_time=2024-05-01T10:00:00Z',
    'make=Cam',
    'serial_number=SN-4711',
)
_PRIVATE_OPTIONS = tuple(word for tag in _PRIVATE for word in ('-metadata', tag))
copied(
    'film of a phone',
    '.mov',
    (),
    *_PRIVATE_OPTIONS,
    '-movflags',
    'use_metadata_tags',
    '-metadata:s:a:0',
    'language=ger',
)
copied('film of a phone with a position', '.mp4', (), *_PRIVATE_OPTIONS)
copied(
    'title like a fact',
    '.mp4',
    (),
    '-metadata',
    'title=Video: h264, 9999x9999',
    '-metadata',
    'comment=Duration: 00:10:00',
)


def _chapters(clip: Path, last: str = 'Video: the end') -> None:
    text = clip.with_name('chapters.txt')
    stretches = ((0, 200, 'Opening'), (200, 400, last))
    blocks = (f'[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={b}\ntitle={title}\n' for a, b, title in stretches)
    text.write_text(';FFMETADATA1\n' + ''.join(blocks), encoding='utf-8')
    call(*lavfi(PLAIN), '-i', str(text), '-map', '0', '-map_chapters', '1', *H264, str(clip))


LONG_TITLE = 'ã' * 128
"""Of 256 bytes, one more than the box `chpl` of an MP4 holds."""
RECIPES['chapters'] = ('.mkv', _chapters)
RECIPES['a long chapter'] = ('.mkv', lambda clip: _chapters(clip, LONG_TITLE))


def _with_cover(clip: Path, *media: str) -> None:
    """A magenta cover as the first stream, before `media`."""
    cover = clip.with_name('cover.png')
    call(*lavfi('color=magenta:s=120x120:d=0.04:r=25'), '-frames:v', '1', str(cover))
    call(
        '-i',
        str(cover),
        *media,
        '-map',
        '0',
        '-map',
        '1',
        '-c:v:0',
        'png',
        '-disposition:v:0',
        'attached_pic',
        str(clip),
    )


def _cover_first(clip: Path) -> None:
    film = clip.with_name('film.mp4')
    call(*lavfi(PLAIN), *H264, str(film))
    _with_cover(clip, '-i', str(film), '-c', 'copy')


RECIPES['cover before the film'] = ('.mp4', _cover_first)
RECIPES['song with a cover'] = ('.m4a', lambda clip: _with_cover(clip, *lavfi(BEEP), '-c:a', 'aac'))
RECIPES['voice memo'] = ('.m4a', lambda clip: call(*lavfi(BEEP), '-c:a', 'aac', str(clip)))
