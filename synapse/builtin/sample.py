"""A sample video to try Synapse with."""

import subprocess
from pathlib import Path

from synapse.language import _

SECONDS = 12


def make_sample_video(path: Path) -> None:
    """Write 12 s of a moving test picture with a tone, 960×540, about 3 MB. Blocks for a second.

    :raises RuntimeError: with the last message of ffmpeg, if that fails; no file is left
    """
    import imageio_ffmpeg

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    try:
        part.touch(mode=0o600)  # ffmpeg would create it with the default mode
        made = subprocess.run(_command(imageio_ffmpeg.get_ffmpeg_exe(), part), capture_output=True, timeout=120)
        if made.returncode:
            words = made.stderr.decode(errors='replace').strip().splitlines() or [_('ffmpeg printed nothing')]
            raise RuntimeError(_('The sample video could not be made: {reason}', reason=words[-1]))
        part.replace(path)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(_('The sample video could not be made within two minutes.')) from error
    finally:
        part.unlink(missing_ok=True)


def _command(ffmpeg: str, target: Path) -> list[str]:
    picture = f'testsrc2=size=960x540:rate=25:duration={SECONDS}'
    return [
        *(ffmpeg, '-hide_banner', '-nostdin', '-y', '-loglevel', 'error'),
        *('-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', f'sine=frequency=330:duration={SECONDS}'),
        *('-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '1900k', '-maxrate', '2200k', '-bufsize', '2200k'),
        *('-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '96k'),
        *('-movflags', '+faststart', '-f', 'mp4', f'file:{target}'),
    ]
