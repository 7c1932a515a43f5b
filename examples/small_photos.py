"""Make small copies of a folder of photos, to mail or to put on a website. Uses the ffmpeg that Synapse brings."""

from pathlib import Path
from typing import Literal

import imageio_ffmpeg
from pydantic import Field

from synapse import Pipeline, Run, StepFailed, step

KINDS = ('.jpg', '.jpeg', '.png', '.webp', '.bmp', '.tif', '.tiff')


class SmallPhotos(Pipeline):
    """Make small copies of all photos of a folder; the photos stay as they are.

    A copy that is there already is left alone, and a stopped run goes on where it was. The copies have no position and
    no camera in them.
    """

    title = 'Small copies of photos'
    on_interrupt = 'retry'

    folder: Path = Field(description='With the photos, subfolders too.', json_schema_extra={'x-folder': True})
    target: Path = Field(description='Where the copies go.', json_schema_extra={'x-folder': True})
    side: int = Field(default=1600, ge=100, le=8000, description='Longest side of a copy in pixels.')
    kind: Literal['jpg', 'webp'] = Field(default='jpg', description='WebP is smaller, JPEG opens everywhere.')

    _failed: list[str] = []

    @step
    def shrink(self, run: Run) -> None:
        inside = self.target.resolve()
        photos = sorted(
            path
            for path in self.folder.rglob('*')
            if path.suffix.lower() in KINDS and inside not in path.resolve().parents
        )
        for count, photo in enumerate(photos):
            run.progress(100 * count / len(photos), photo.name)
            copy = self.target / photo.relative_to(self.folder).with_suffix(f'.{self.kind}')
            if not copy.exists() and not self.made(run, photo, copy):
                self._failed = [*self._failed, photo.name]
                run.checkpoint()
        run.log.success(f'{len(photos) - len(self._failed)} of {len(photos)} photos are in {self.target}')
        if self._failed:
            raise StepFailed(f'These could not be read: {", ".join(self._failed[:10])}', 'Are they damaged?')

    def made(self, run: Run, photo: Path, copy: Path) -> bool:
        """Make one copy; under another name first, so that half a picture is never taken for a whole one."""
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = copy.with_name(f'.{copy.name}.part.{self.kind}')
        scale = f"scale='min({self.side},iw)':'min({self.side},ih)':force_original_aspect_ratio=decrease"
        program = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', '-i', f'file:{photo}']
        code = run.shell(
            [*program, '-vf', scale, '-frames:v', '1', '-map_metadata', '-1', '-q:v', '3', f'file:{draft}']
        )
        if code == 0:
            draft.replace(copy)
        else:
            draft.unlink(missing_ok=True)
        return code == 0
