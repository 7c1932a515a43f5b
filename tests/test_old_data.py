"""A data folder of an old build opens as it is: what that build said of it, today's build says as well.

The folder and the answers were made by the old build itself: `tests/data/make_old_data.py`.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

OLD = Path(__file__).parent / 'data' / '7d51a9e'
SAID: dict[str, Any] = json.loads((OLD / 'answers.json').read_text())


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """Today's build on a copy of the old folder, in another place than where it was made."""
    shutil.copytree(OLD / 'data', tmp_path / 'moved')
    program = forked(tmp_path / 'moved', SYNAPSE_MIN_FREE_BYTES='0', TZ='UTC').start()
    yield program
    assert program.stop() == 0


def test_a_folder_of_an_old_build_opens_as_it_is_and_again_after_that(opened: SynapseUnderTest) -> None:
    check_all(opened)

    assert opened.stop() == 0
    opened.start()

    check_all(opened)


def test_work_goes_on_in_a_folder_of_an_old_build(opened: SynapseUnderTest) -> None:
    opened.wait_for_pipeline('Report')
    fresh = opened.create_run('Report', topic='November')
    [waiting] = [run for run in SAID['runs'] if run['state'] == 'queued']
    [report] = [run for run in SAID['runs'] if run['artifacts']]
    with opened.api as api:
        again = api.post(f'/runs/{report["id"]}/retry', json={'from_step': 'write'}).raise_for_status().json()
        api.post('/queue/resume').raise_for_status()

    newest = SAID['runs'][0]['number']
    assert [fresh['number'], again['number']] == [newest + 1, newest + 2]
    for run in (waiting, fresh, again):
        ended = opened.wait_for_run(run['id'])
        assert ended['state'] == 'succeeded', ended['error']
    with opened.api as api:
        assert api.get(f'/runs/{fresh["id"]}/artifacts/report.txt').text == 'November: 3 rows\n'
        entries = api.get('/logs', params={'limit': 1000}).json()['entries']
        seqs = [entry['seq'] for entry in entries]
        assert seqs == list(range(len(seqs), 0, -1)), 'a number of the log came twice or never'
        secret = {'pipeline': 'RunCommand', 'parameters': {'command': ['sh', '-c', 'echo ${#API_KEY}']}}
        measured = api.post('/runs', json=secret | {'profile': 'studio'}).raise_for_status().json()
    assert opened.wait_for_run(measured['id'])['state'] == 'succeeded'
    with opened.api as api:
        said = api.get(f'/runs/{measured["id"]}/logs').json()['entries']
    assert str(len('not-a-real-key-1234')) in [entry['message'] for entry in said], 'its secret is not what it was'


def check_all(opened: SynapseUnderTest) -> None:
    with opened.api as api:
        check_runs(api)
        check_calendar(api)
        check_the_rest(api)
        check_log(api)
    check_pages(opened)
    assert not [path.name for path in opened.data.rglob('*') if 'corrupt' in path.name]


def check_runs(api: httpx.Client) -> None:
    assert missing(SAID['runs'], api.get('/runs').json()['runs']) == []
    status = api.get('/status').json()
    for name in ('state', 'queue', 'next'):
        assert missing(SAID['status'][name], status[name]) == []
    assert len(status['workers']) == len(SAID['status']['workers']) == 3
    [report] = [run for run in SAID['runs'] if run['artifacts']]
    assert api.get(f'/runs/{report["id"]}/artifacts/report.txt').text == 'October: 3 rows\n'


def check_calendar(api: httpx.Client) -> None:
    shown = [api.get(f'/scheduler/{event["id"]}').json() for event in SAID['events']]
    assert missing(SAID['events'], shown) == []
    assert missing(SAID['past'], api.get('/scheduler/list', params=SAID['span']).json()['occurrences']) == []
    assert missing(SAID['planned'], api.get('/scheduler/list', params=SAID['series']).json()['occurrences']) == []
    assert missing(SAID['missed'], api.get('/scheduler/missed').json()['occurrences']) == []


def check_the_rest(api: httpx.Client) -> None:
    profiles = api.get('/profiles').json()
    assert missing(SAID['profiles'], profiles) == []
    assert [profile['secrets'] for profile in profiles] == [{}, {'API_KEY': '***'}, {}]
    assert missing(SAID['inbox'], api.get('/inbox').json()) == []


def check_log(api: httpx.Client) -> None:
    """Its old entries and counts are there, and the new ones tell of no trouble with what was found."""
    newest = SAID['log'][0]['seq']
    old = api.get('/logs', params={'limit': 1000, 'before': newest + 1}).json()['entries']
    assert missing(SAID['log'], old) == []
    assert api.get('/logs/stats', params={'end': SAID['until']}).json() == SAID['stats']
    added = api.get('/logs', params={'limit': 1000, 'after': newest, 'level': 'warning'}).json()['entries']
    assert added == []


def check_pages(opened: SynapseUnderTest) -> None:
    """What the API has no call for: alerts, and how long things are kept."""
    with httpx.Client(base_url=opened.url) as browser:
        code = httpx.URL(opened.link).fragment
        assert browser.post('/auth', json={'code': code}).status_code == 303
        bell, settings = browser.get('/').text, browser.get('/settings').text
    assert 'false failed at EXECUTE' in bell
    assert 'Missed once was missed' in bell
    assert 'runs/2' in bell
    for field, value in (('keep-log-megabytes', 50), ('keep-run-count', 200)):
        assert re.search(rf'"{field}"[^{{}}]*"\^value":"{value}"', settings), field


def missing(old: Any, new: Any, where: str = '') -> list[str]:
    """What of an old answer is not the same in a new one; names that came since are no difference."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [line for name in old for line in missing(old[name], new.get(name), f'{where}.{name}')]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [line for place in range(len(old)) for line in missing(old[place], new[place], f'{where}[{place}]')]
    return [] if old == new else [f'{where}: {old!r} has become {new!r}']
