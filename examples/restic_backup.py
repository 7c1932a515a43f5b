"""Back up a folder with restic, keep what is worth keeping, and check that it can be read. Needs restic."""

import json
from pathlib import Path

from pydantic import Field, SecretStr

from synapse import Pipeline, Run, StepFailed, step


class ResticBackup(Pipeline):
    """Back up a folder with restic, remove what is too old, and read a part of it back.

    The first run makes the repository. Plan it for every night, with an alert if it has not succeeded for two days.
    """

    title = 'Back up with restic'
    max_parallel = 1
    environment = {'RESTIC_PROGRESS_FPS': '2'}

    folder: Path = Field(description='What to back up, with everything in it.', json_schema_extra={'x-folder': True})
    repository: str = Field(description='A folder, or an address such as sftp:nas:/backups or s3:….')
    password: SecretStr = Field(description='Of the repository. Without it nobody can read the backup, you neither.')
    exclude: list[str] = Field(default=['*.tmp', 'node_modules'], description='Patterns to leave out, one a line.')
    keep_daily: int = Field(default=7, ge=1, description='Days of which the last backup is kept.')
    keep_weekly: int = Field(default=5, ge=0, description='Weeks of which the last backup is kept.')

    @step
    def open(self, run: Run) -> None:
        if self.restic(run, 'cat', 'config', is_quiet=True) == 0:
            return
        if self.restic(run, 'init'):
            raise StepFailed(
                f'{self.repository} can be neither opened nor made.', 'Check the address and the password.'
            )

    @step(retries=2, backoff='1m')
    def back_up(self, run: Run) -> None:
        def show(line: str) -> bool:
            news = json.loads(line) if line.startswith('{') else {}
            if news.get('message_type') == 'status':
                run.progress(100 * news.get('percent_done', 0), f'{news.get("files_done", 0)} files')
            elif news.get('message_type') == 'summary':
                run.log.success(
                    f'{news["files_new"]} new files, {news["files_changed"]} changed', bytes=news['data_added']
                )
            return bool(news)

        excluded = [f'--exclude={pattern}' for pattern in self.exclude]
        code = self.restic(run, 'backup', '--json', *excluded, str(self.folder), on_line=show)
        if code == 3:
            run.log.warning('Some files could not be read. The backup has the others.')
        elif code:
            raise StepFailed('restic could not back up the folder.', 'The log has what it said.')

    @step
    def prune(self, run: Run) -> None:
        keep = [f'--keep-daily={self.keep_daily}', f'--keep-weekly={self.keep_weekly}']
        if self.restic(run, 'forget', '--prune', f'--path={self.folder}', *keep):
            raise StepFailed('Old backups could not be removed.', 'The new one is complete. Retry from PRUNE.')

    @step
    def check(self, run: Run) -> None:
        if self.restic(run, 'check', '--read-data-subset=5%'):
            raise StepFailed('The repository has errors.', 'Run restic check --read-data, and make a new one soon.')
        run.log.success('The repository is intact')

    def restic(self, run: Run, *words: str, is_quiet: bool = False, on_line=None) -> int:
        secrets = {'RESTIC_REPOSITORY': self.repository, 'RESTIC_PASSWORD': self.password.get_secret_value()}
        hide = (lambda line: True) if is_quiet else on_line
        return run.shell(['restic', *words], env=secrets, on_line=hide)
