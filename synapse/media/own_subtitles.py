"""Subtitles that a film brings along."""

from synapse.language import _

from .probe import MediaFile, SubtitleStream

_TEXT = frozenset({'subrip', 'srt', 'ass', 'ssa', 'mov_text', 'webvtt', 'text', 'microdvd', 'subviewer', 'sami'})


def own_subtitles(media: MediaFile) -> tuple[SubtitleStream, ...]:
    """Return the tracks that MP4 can hold: text. Those of DVDs, Blu-rays and television are pictures."""
    return tuple(track for track in media.subtitles if track.codec in _TEXT)


def left_out(media: MediaFile) -> tuple[str, ...]:
    """Return in words how many tracks MP4 cannot hold."""
    count = len(media.subtitles) - len(own_subtitles(media))
    total = len(media.subtitles)
    text = _('{pictures} of {total} subtitle tracks left out, as they are pictures', pictures=count, total=total)
    return (text,) if count else ()
