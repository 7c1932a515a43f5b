"""What a published file says of itself: title, date, languages and chapters, and nothing private unless wanted."""

from collections.abc import Sequence
from datetime import datetime

from .languages import three_letters
from .probe import AudioStream, Chapter, MediaFile, SubtitleStream

_DATES = ('creation_time', 'com.apple.quicktime.creationdate')
_TAGS_THAT_STAY = ('date',)
_MOST_IN_CHPL = 255


def tag_arguments(
    media: MediaFile,
    *,
    title: str,
    comment: str,
    sounds: Sequence[AudioStream] = (),
    subtitles: Sequence[SubtitleStream] = (),
    first_subtitle: int = 0,
    is_private_kept: bool = False,
) -> list[str]:
    """Return the options of ffmpeg that write the tags of an MP4.

    :param title: used if the file has none of its own
    :param sounds: the published tracks
    :param subtitles: tracks of the file that are published too
    :param first_subtitle: how many other tracks of subtitles are before these
    :param is_private_kept: whether everything else stays that MP4 has a place for: position, camera, serial numbers
    """
    # Not `-map_metadata -1`, which keeps chapters but takes their titles away.
    cleared = [] if is_private_kept else ['-map_metadata:g', '-1', '-map_metadata:s', '-1']
    tags = {'title': media.tags.get('title', '').strip() or title, 'comment': comment, 'creation_time': _date(media)}
    tags |= {name: media.tags.get(name, '') for name in _TAGS_THAT_STAY}
    languages = {f's:s:{first_subtitle + at}': track.language for at, track in enumerate(subtitles)}
    languages |= {f's:a:{number}': sound.language for number, sound in enumerate(sounds)}
    return [
        *cleared,
        *(word for name, value in tags.items() if value for word in ('-metadata', f'{name}={value}')),
        *(
            word
            for stream, language in languages.items()
            if three_letters(language)
            for word in (f'-metadata:{stream}', f'language={three_letters(language)}')
        ),
    ]


def movie_flags(chapters: Sequence[Chapter]) -> str:
    """Return what `-movflags` is for an MP4 with these chapters.

    ffmpeg 9.0.2 writes them twice: as a track, and into the box `chpl` of Nero, which holds 255 chapters with titles of
    255 bytes. It cuts longer ones, also within a letter, and programs that read only that box, such as mutagen 1.48,
    can't open such a file. It is left out where it would hold less than all.
    """
    is_cut = len(chapters) > _MOST_IN_CHPL or any(len(one.title.encode()) > _MOST_IN_CHPL for one in chapters)
    return '+faststart+disable_chpl' if is_cut else '+faststart'


def _date(media: MediaFile) -> str:
    """When it was filmed, if a file says it as ISO 8601; ffmpeg refuses to write anything else."""
    for name in _DATES:
        try:
            return datetime.fromisoformat(media.tags.get(name, '')).isoformat()
        except ValueError:
            continue
    return ''
