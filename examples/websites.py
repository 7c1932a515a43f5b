"""Look whether websites answer, and say which one does not."""

import time
import urllib.error
import urllib.request

from pydantic import Field

from synapse import Pipeline, Run, StepFailed, step


class Websites(Pipeline):
    """Ask each website for its page. One that is down fails the run, which tells you where your alerts go.

    Plan it for every 10 minutes. A site has to fail twice, so that a short hiccup wakes nobody.
    """

    title = 'Are the websites up?'
    max_parallel = 1

    sites: list[str] = Field(description='Addresses, one a line, such as https://example.org/.', min_length=1)
    words: str = Field(default='', description='Words that each page has to have; empty for any.')
    slow: float = Field(default=5, gt=0, description='Seconds after which an answer counts as slow: a warning.')

    @step(retries=1, backoff='10s', timeout='5m')
    def look(self, run: Run) -> None:
        down: list[str] = []
        for count, site in enumerate(self.sites):
            run.progress(100 * count / len(self.sites), site)
            started = time.monotonic()
            problem = self.problem_of(site)
            seconds = time.monotonic() - started
            if problem:
                down.append(f'{site}: {problem}')
                run.log.warning(down[-1])
            elif seconds > self.slow:
                run.log.warning(f'{site} took {seconds:.1f} s', seconds=seconds)
            else:
                run.log.info(f'{site} answers', seconds=round(seconds, 3))
        if down:
            raise StepFailed('; '.join(down), 'Open it in a browser, and ask whoever keeps it.')
        run.log.success(f'All {len(self.sites)} answer')

    def problem_of(self, site: str) -> str:
        """Return what is wrong with a site; empty if it is well."""
        request = urllib.request.Request(site, headers={'User-Agent': 'Synapse'})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = answer.read(1_000_000).decode(errors='replace')
        except urllib.error.HTTPError as error:
            return f'{error.code} {error.reason}'
        except (OSError, ValueError) as error:
            return str(getattr(error, 'reason', error))
        return '' if self.words in page else f'the page is without “{self.words}”'
