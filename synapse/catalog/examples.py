"""Pipelines that people may begin with: each is one file of `examples/`, copied into their own folder."""

from dataclasses import dataclass
from pathlib import Path

from storage.files import write_atomically
from synapse.errors import Conflict
from synapse.language import N_, _
from synapse.shipped import shipped


@dataclass(frozen=True, slots=True)
class Example:
    """One file; title and purpose are marked by `N_`.

    :ivar needs: the program that it runs, empty for none but ours
    """

    file: str
    title: str
    purpose: str
    needs: str = ''

    @property
    def path(self) -> Path:
        return shipped('examples') / self.file


EXAMPLES = (
    Example(
        'restic_backup.py',
        N_('Back up with restic'),
        N_('Backs up a folder, removes what is too old, and reads a part of it back.'),
        'restic',
    ),
    Example(
        'new_episodes.py',
        N_('New episodes'),
        N_('Fetches what is new in a podcast, a playlist or a channel, each episode once.'),
        'yt-dlp',
    ),
    Example(
        'photos_by_date.py',
        N_('Photos by date'),
        N_('Moves photos and scans into a folder for each month, after you have seen the list.'),
        'exiftool',
    ),
    Example(
        'small_photos.py',
        N_('Small copies of photos'),
        N_('Makes copies of a folder of photos, small enough to mail, without the place where they were taken.'),
    ),
    Example(
        'sales_report.py',
        N_('Report from a spreadsheet'),
        N_('Adds up a column, shows you the report, and mails it once you have said yes.'),
    ),
    Example(
        'websites.py',
        N_('Are the websites up?'),
        N_('Asks each website for its page, and tells you which one does not answer.'),
    ),
)


def copy_example(example: Example, folder: Path) -> Path:
    """Copy an example into a folder of pipelines and return its path there.

    :raises Conflict: if a file of that name is there; it stays as it is
    :raises StorageError: if the disk refuses
    """
    path = folder / example.file
    if path.exists():
        raise Conflict(
            'file_exists',
            _('{file} is in the folder already.', file=example.file),
            _('It stays as it is. Rename it to get another.'),
        )
    write_atomically(path, example.path.read_bytes())
    return path
