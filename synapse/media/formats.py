"""Suffixes of files that hold films."""

VIDEO_SUFFIXES = (
    *('.mp4', '.mov', '.mkv', '.webm', '.avi', '.m4v'),
    *('.mts', '.m2ts', '.ts', '.mpg', '.mpeg', '.vob', '.wmv', '.asf', '.flv', '.3gp', '.3g2', '.ogv', '.mxf', '.gif'),
)
"""In lower case, the usual ones first, since hints only name the first few."""
