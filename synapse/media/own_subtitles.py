"""Subtitles that a film brings along."""

from .probe import MediaFile, SubtitleStream

_TEXT = frozenset({'subrip', 'srt', 'ass', 'ssa', 'mov_text', 'webvtt', 'text', 'microdvd', 'subviewer', 'sami'})


def own_subtitles(media: MediaFile) -> tuple[SubtitleStream, ...]:
    """Return the tracks that MP4 can hold: text. Those of DVDs, Blu-rays and television are pictures."""
    return tuple(track for track in media.subtitles if track.codec in _TEXT)
