"""Writes cues as the text track of an mp4, letter by letter."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from .text import Cue, as_ass

_MILLISECONDS = Fraction(1, 1000)
_MOST_BYTES = 0xFFFF


def write_track(items: Sequence[Cue], path: Path) -> None:
    """Write an mp4 of nothing but the cues (3GPP TS 26.245, `tx3g`), for `ffmpeg -c:s copy`.

    The encoder of ffmpeg cannot write a brace: it takes each for the start of a command, or adds to it.
    """
    import av  # costs 100 ms, and only films need it

    with av.open(str(path), 'w', format='mp4') as container:
        track = container.add_stream('mov_text')
        # The encoder makes no packets here, but the description of the track; it asks for a style for that.
        track.codec_context.subtitle_header = as_ass([], (1920, 1080)).encode()
        track.codec_context.time_base = track.time_base = _MILLISECONDS
        for cue in items:
            text = cue.text.encode()[:_MOST_BYTES].decode(errors='ignore').encode()
            packet = av.Packet(len(text).to_bytes(2) + text)
            packet.stream = track
            packet.time_base = _MILLISECONDS
            packet.pts = packet.dts = round(cue.start * 1000)
            packet.duration = max(1, round(cue.end * 1000) - packet.pts)
            container.mux(packet)
