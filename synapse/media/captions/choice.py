"""Which words a film is published with: of a subtitle file, else what is said in it, else the caption."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synapse.host.run import Run
from synapse.language import _
from synapse.media.probe import MediaFile
from synapse.media.sound import chosen_sound

from .fonts import check_letters
from .reading_speed import too_fast
from .speech import check_recognizer, heard
from .subtitle_files import Subtitles, neighbour, read_subtitles
from .text import Cue, cues, fitted

SHOWN_PROBLEMS = 5
"""How many faults of a subtitle file are logged one by one."""
CAPTION, SPEECH = 'caption', 'speech'


@dataclass(frozen=True, slots=True)
class CaptionWishes:
    """What a person chose about the words.

    :param caption: the text to show where there is nothing better, line by line
    :param subtitles: a file to show instead; without one, that of the same name next to the film
    :param shift: seconds by which the subtitles of the file are later
    :param is_automatic: whether to write down what is said if there is no file
    :param language: of the sound track to listen to, empty for the default one
    :param is_burnt: whether they become part of the picture, which takes a font
    """

    caption: str
    subtitles: Path | None = None
    shift: float = 0.0
    is_automatic: bool = False
    language: str = ''
    is_burnt: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What is shown when; `source` is the name of the subtitle file, `speech` or `caption`."""

    cues: list[Cue]
    source: str

    @property
    def language(self) -> str:
        """ISO 639-2, empty if it isn't known."""
        return 'eng' if self.source == SPEECH else ''


def check_words(run: Run, film: Path, media: MediaFile, wishes: CaptionWishes) -> None:
    """Check that `find_words` will work, and log what is wrong with a subtitle file; takes a moment.

    :raises StepFailed: if the file cannot be used, or a recognizer or a font is missing
    """
    shown = wishes.caption
    if own := _own(film, media, wishes):
        name, found = own
        shown = '\n'.join(cue.text for cue in found.cues)
        if found.is_guessed:
            run.log.info(
                _(
                    '{name} is read as {encoding}. If letters are wrong, save it as UTF-8.',
                    name=name,
                    encoding=found.encoding,
                )
            )
        for problem in found.problems[:SHOWN_PROBLEMS]:
            run.log.warning(f'{name}: {problem}')
        if len(found.problems) > SHOWN_PROBLEMS:
            run.log.warning(
                _('{name}: there is more like this, {count} faults in all', name=name, count=len(found.problems))
            )
    elif wishes.is_automatic:
        check_recognizer()
    if wishes.is_burnt:
        check_letters(run, shown)


def find_words(
    run: Run, film: Path, media: MediaFile, wishes: CaptionWishes, on_progress: Callable[[float], None]
) -> Words:
    """Return what is shown when; log a warning if some of it is too fast to read.

    :param on_progress: called with the fraction that is done, from 0 to 1, where that takes long
    :raises StepFailed: see `check_words`
    """
    if own := _own(film, media, wishes):
        name, found = own
        run.log.info(_('Subtitles of {name}', name=name), cues=len(found.cues))
        return _readable(run, Words(fitted(found.cues), name))
    sound = chosen_sound(media, wishes.language)
    if wishes.is_automatic and sound:
        said = heard(film, media, sound, on_progress)
        if said:
            run.log.info(_('Wrote down what is said'), cues=len(said))
            return _readable(run, Words(said, SPEECH))
    if wishes.is_automatic:
        run.log.warning(_('No speech was recognized in the film, so its caption is shown instead.'))
    lines = wishes.caption.splitlines()
    run.log.info(_('Caption: {text}', text=lines[0]), lines=len(lines))
    return _readable(run, Words(cues(wishes.caption, media.seconds or 0.0), CAPTION))


def _readable(run: Run, words: Words) -> Words:
    """Return the words, after a warning if there is no time to read them."""
    if warning := too_fast(words.cues, is_one_text=words.source == CAPTION):
        run.log.warning(warning)
    return words


def _own(film: Path, media: MediaFile, wishes: CaptionWishes) -> tuple[str, Subtitles] | None:
    path = wishes.subtitles or neighbour(film)
    return (path.name, read_subtitles(path, media.seconds or 0.0, shift=wishes.shift)) if path else None
