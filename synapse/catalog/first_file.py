"""The file with which a person's own pipelines begin."""

from pathlib import Path

from storage.files import write_atomically

FILE = 'hello.py'
EXAMPLE = '''from synapse import Pipeline, Run, step


class Hello(Pipeline):
    """Greet someone, slowly."""

    name: str = 'world'

    @step
    def greet(self, run: Run) -> None:
        run.shell(['sleep', '1'])
        run.log.success(f'Hello, {self.name}')
'''


def write_first_file(folder: Path) -> Path:
    """Write `EXAMPLE` as a new file of pipelines and return its path; a file of that name stays as it is.

    :raises StorageError: if the disk refuses
    """
    path = folder / FILE
    if not path.exists():
        write_atomically(path, EXAMPLE.encode())
    return path
