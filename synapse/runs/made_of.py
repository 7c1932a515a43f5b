"""What a run was made of when it started, kept with it so that a later run can be compared."""

from datetime import datetime

from synapse.records import Record

MOST_INPUTS = 20


class InputFile(Record):
    """A file among the parameters of a run, as it was; `digest` is of its size, its beginning and its end."""

    name: str
    """The parameter."""
    path: str
    size: int
    changed_at: datetime
    digest: str


class MadeOf(Record):
    """Small, as every run has one: what many have in common is kept once, see `storage.shared_documents`."""

    code: str = ''
    """Key of the digests of the pipeline's file and of the person's modules that it imports, by path."""
    versions: str = ''
    """Key of the versions of Python, Synapse and all installed packages."""
    profile: str = ''
    """Key of the digests of what its profile says, by field; empty for none."""
    inputs: tuple[InputFile, ...] = ()
    free_bytes: int | None = None
    """Space on the disk of the data folder."""
