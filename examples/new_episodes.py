"""Fetch what is new in a feed or a channel, each episode once. Needs yt-dlp, and ffmpeg for sound only."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from synapse import Pipeline, Run, StepFailed, step


class NewEpisodes(Pipeline):
    """Fetch the new episodes of a podcast, a playlist or a channel with yt-dlp.

    A list beside the files says which ones are there, so that each is fetched once, also if you delete it.
    Plan it for every morning, with two more tries.
    """

    title = 'New episodes'
    max_parallel = 1
    needs_free = '2 GB'
    stall_after = '15m'

    address: str = Field(description='Of the feed, the playlist or the channel.')
    folder: Path = Field(description='Where the episodes go.', json_schema_extra={'x-folder': True})
    most: int = Field(default=5, ge=1, le=500, description='How many of the newest episodes to look at.')
    what: Literal['video', 'sound'] = Field(default='video', description='Sound only saves space.')

    @step(retries=2, backoff='30s', timeout='4h')
    def fetch(self, run: Run) -> None:
        before = set(self.folder.iterdir())
        name = '%(upload_date>%Y-%m-%d,timestamp>%Y-%m-%d|undated)s %(title).120B.%(ext)s'
        command = ['yt-dlp', '--newline', '--no-overwrites', '--playlist-end', str(self.most)]
        command += ['--download-archive', str(self.folder / '.episodes.txt'), '--output', str(self.folder / name)]
        if self.what == 'sound':
            command += ['--extract-audio']
        # Percents in what it prints become the progress of this step.
        if run.shell([*command, '--', self.address]):
            raise StepFailed('Not every episode could be fetched.', 'Retry from FETCH goes on with those missing.')
        fresh = sorted(path.name for path in set(self.folder.iterdir()) - before if not path.name.startswith('.'))
        for episode in fresh:
            run.log.success(episode)
        run.progress(100, f'{len(fresh)} new' if fresh else 'nothing new')
