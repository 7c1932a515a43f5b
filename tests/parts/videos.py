"""Small real videos, made by the bundled ffmpeg."""

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg


def make_video(path: Path, *, seconds: float = 1.5, size: str = '320x180', rate: int = 25, sound: bool = True) -> Path:
    """A moving test picture, with a tone if `sound`."""
    inputs = ['-f', 'lavfi', '-i', f'testsrc2=size={size}:rate={rate}:duration={seconds}']
    if sound:
        inputs += ['-f', 'lavfi', '-i', f'sine=frequency=440:duration={seconds}']
    call_ffmpeg(*inputs, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', str(path))
    return path


def call_ffmpeg(*arguments: str) -> str:
    """Its output; raises if it fails."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-hide_banner', '-nostdin', '-y', *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stderr


def look_at(path: Path) -> str:
    """The output of ffmpeg for a file after decoding all of it without errors."""
    return call_ffmpeg('-xerror', '-i', str(path), '-map', '0:v', '-map', '0:a?', '-f', 'null', '-')


def size_of(path: Path) -> tuple[int, int]:
    found = re.search(r'Video: .*?, (\d+)x(\d+)', look_at(path))
    assert found is not None
    return int(found[1]), int(found[2])
