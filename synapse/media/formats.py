"""Suffixes of files that hold films or sound."""

VIDEO_SUFFIXES = (
    *('.mp4', '.mov', '.mkv', '.webm', '.avi', '.m4v'),
    *('.mts', '.m2ts', '.ts', '.mpg', '.mpeg', '.vob', '.wmv', '.asf', '.flv', '.3gp', '.3g2', '.ogv', '.mxf', '.gif'),
)
"""In lower case, the usual ones first, since hints only name the first few."""
SOUND_SUFFIXES = ('.mp3', '.m4a', '.wav', '.flac', '.ogg', '.opus', '.aac', '.wma', '.aif', '.aiff', '.mka')
"""Of recordings that can be published as a film."""
