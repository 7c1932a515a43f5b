"""Pipelines found in real folders and read by real processes."""

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.catalog import built_in, info
from synapse.catalog.catalog import Catalog, PipelineInfo, PipelinesChanged, is_pipeline_name
from synapse.catalog.info import built_in_infos
from synapse.catalog.inspector import TURNS
from synapse.engine.warden import ROOM, tagged_processes
from synapse.engine.zygotes import Zygotes
from synapse.errors import Conflict, Invalid, NotFound
from synapse.language import answering_in, spoken
from synapse.log.log import Level, Log
from tests.parts.hosts import WAYS, eventually, is_living, write_pipeline

GREET = '''
from pathlib import Path
from typing import Literal
from synapse import Pipeline, step

class Greet(Pipeline):
    """Says hello."""
    accepts = ('.mp4', 'MOV')
    file: Path
    times: int = 1
    height: Literal[720, 1080] = 1080

    @step(retries=2, timeout='30m')
    def say_it(self, run): ...
'''


class House:
    """A data folder with its catalog, and another catalog after a restart."""

    def __init__(self, data: Path, way: str = WAYS[-1]) -> None:
        self.folder = data / 'pipelines'
        self.folder.mkdir()
        self._cache = data / 'cache'
        self.bus = Bus()
        self.tag = f'test-{secrets.token_hex(6)}'
        self._store = LogStore(data / 'logs.db')
        self.log = Log(self._store, self.bus)
        self.zygotes = Zygotes(self.tag) if way == 'forked' else None
        self.catalog = self._new()

    def _new(self, seconds: float = 10) -> Catalog:
        return Catalog(
            self.folder,
            self._cache,
            self.bus,
            self.log,
            room_tag=self.tag,
            zygotes=self.zygotes,
            seconds=seconds,
        )

    async def restart(self, seconds: float = 10) -> None:
        await self.catalog.stop()
        self.catalog = self._new(seconds)
        await self.catalog.start()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    async def after_change(self, name: str, text: str | None = None, *, of: str | None = None) -> None:
        """Write or delete a file, and wait for the news of `of` (or any)."""
        path = self.folder / name
        path.unlink() if text is None else path.write_text(text)
        await self.bus.next(PipelinesChanged, timeout=10, where=lambda news: of is None or of in news.names)

    @property
    def theirs(self) -> dict[str, PipelineInfo]:
        return {info.name: info for info in self.catalog.all() if not info.is_built_in}

    def said(self, level: Level) -> list[str]:
        return [entry.message for entry in self.log.ring if entry.level is level]

    async def close(self) -> None:
        await self.catalog.stop()
        if self.zygotes is not None:
            await self.zygotes.close()
        await self.log.stop()


@pytest.fixture(params=WAYS)
async def house(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    house = House(tmp_path, request.param)
    await house.log.start()
    yield house
    await house.close()
    await eventually(lambda: not tagged_processes(ROOM, house.tag), 5, 'a process is left')


async def test_a_file_is_described_without_being_imported(house: House) -> None:
    house.write('greet.py', GREET + '\nimport sys\nsys.modules["greet_was_here"] = sys\n')

    await house.catalog.start()

    info = house.catalog.get('Greet')
    assert (info.title, info.description, info.accepts) == ('Greet', 'Says hello.', ('.mp4', '.mov'))
    assert info.steps == ({'name': 'say_it', 'title': 'SAY IT', 'retries': 2, 'timeout': 1800.0},)
    assert info.schema['properties']['file']['format'] == 'path'
    assert info.source == info.origin == str(house.folder / 'greet.py')
    assert info.is_runnable
    assert info.error is None
    assert 'greet_was_here' not in sys.modules


async def test_the_api_does_not_expose_snapshots(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    answer = house.catalog.get('Greet').as_json()

    names = {'name', 'title', 'description', 'steps', 'schema', 'accepts', 'max_parallel', 'source', 'error'}
    assert names | {'color_index', 'is_runnable'} == set(answer)


async def test_a_new_file_is_found_at_once(house: House) -> None:
    await house.catalog.start()

    await house.after_change('greet.py', GREET, of='Greet')

    assert house.catalog.get('Greet').is_runnable
    assert 'greet.py is good: Greet' in house.said(Level.INFO)


async def test_a_broken_file_stays_in_use_as_its_last_good_version(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    await house.after_change('greet.py', GREET + '\nnonsense(\n', of='Greet')

    info = house.catalog.get('Greet')
    assert info.is_runnable
    assert info.file is not None
    assert Path(info.file).read_text() == GREET
    assert info.error is not None
    assert info.error['file'] == str(house.folder / 'greet.py')
    assert info.error['line'] == GREET.count('\n') + 2
    assert "'(' was never closed" in info.error['message']
    assert 'Its last good version stays in use.' in house.said(Level.ERROR)[0]


async def test_a_fixed_file_is_good_again(house: House) -> None:
    house.write('greet.py', 'nonsense(')
    await house.catalog.start()
    assert not house.catalog.get('greet').is_runnable

    await house.after_change('greet.py', GREET, of='Greet')

    assert list(house.theirs) == ['Greet']
    assert house.catalog.get('Greet').error is None


async def test_a_broken_file_stays_runnable_through_a_restart(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()
    await house.after_change('greet.py', 'raise LookupError("gone")\n', of='Greet')

    await house.restart()

    assert house.catalog.get('Greet').is_runnable
    await eventually(lambda: house.catalog.get('Greet').error is not None, 10)
    error = house.catalog.get('Greet').error
    assert error is not None
    assert (error['line'], error['message']) == (1, 'LookupError: gone')
    assert (await house.catalog.validate('Greet', {'file': '/x.mp4'}))['times'] == 1


@pytest.mark.parametrize(
    ('text', 'line', 'message'),
    [
        ('import no_such_module\n', 1, 'No module named'),
        ('x = 1\nimport sys; sys.exit(3)\n', None, 'exit code 3'),
        ('# to do\n', None, 'This file has no pipeline'),
        ('from synapse import Pipeline\n\nclass Idle(Pipeline): ...\n', 3, 'Idle has no step'),
        ('import ctypes\n\nctypes.string_at(0)\n', 3, 'Reading it ended Python with SIGSEGV.'),
        ('import time\n\n\ntime.sleep(60)\n', 4, 'Reading it took more than 3 s, so it was stopped.'),
        ('# \xff'.encode('latin-1').decode('latin-1') + '\nwhile True: pass\n', 2, 'took more than'),
    ],
    ids=['import', 'exit', 'no pipeline', 'no step', 'crash', 'hang', 'busy'],
)
async def test_a_file_that_was_never_good_says_what_and_where(
    house: House, text: str, line: int | None, message: str
) -> None:
    house.write('bad.py', text)
    house.write('greet.py', GREET)

    # Short where the file never ends; elsewhere a busy machine must not be taken for a hanging file.
    await house.restart(seconds=3 if 'took more than' in message else 30)

    info = house.catalog.get('bad')
    assert not info.is_runnable
    assert info.error is not None
    assert (info.error['file'], info.error['line']) == (str(house.folder / 'bad.py'), line)
    assert message in info.error['message']
    assert house.catalog.get('Greet').is_runnable


async def test_what_is_wrong_with_a_file_is_said_in_the_language_of_who_reads_it(house: House) -> None:
    house.write('bad.py', BAD_NEEDS)
    await house.catalog.start()

    error = house.catalog.get('bad').error or {}
    words = "BadNeeds.needs must be like {'gpu': 1, 'cores': 4, 'memory': '8 GB'}, not 'gpu'"
    assert error['message'] == words
    assert 'parts' not in error
    with answering_in('pt_BR'):
        said = "BadNeeds.needs deve ser como {'gpu': 1, 'cores': 4, 'memory': '8 GB'}, não 'gpu'"
        assert spoken(error['message']) == said
        assert house.catalog.get('bad').as_json()['error']['message'] == said


BAD_NEEDS = """
from synapse import Pipeline, step

class BadNeeds(Pipeline):
    needs = 'gpu'

    @step
    def work(self): ...
"""


async def test_a_name_belongs_to_the_first_file_that_has_it(house: House) -> None:
    house.write('b.py', GREET)
    await house.catalog.start()

    await house.after_change('a.py', GREET + '\nclass Other(Greet):\n    pass\n', of='a')
    await house.restart()

    assert house.catalog.get('Greet').source == str(house.folder / 'b.py')
    assert house.catalog.get('Other').is_runnable
    error = house.catalog.get('a').error
    assert error is not None
    assert error['message'] == f'The name Greet already belongs to the pipeline in {house.folder / "b.py"}.'


async def test_a_built_in_name_cannot_be_taken(house: House) -> None:
    write_pipeline(house.folder / 'mine.py', 'pass', name='RunCommand')

    await house.catalog.start()

    assert house.catalog.get('RunCommand').is_built_in
    error = house.catalog.get('mine').error
    assert error is not None
    assert error['message'] == 'The name RunCommand already belongs to a built-in pipeline.'


async def test_a_deleted_file_is_forgotten(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    await house.after_change('greet.py', of='Greet')
    await house.restart()

    assert house.theirs == {}


async def test_a_folder_that_was_replaced_is_watched_again(house: House) -> None:
    await house.catalog.start()
    shutil.rmtree(house.folder)
    await eventually(house.folder.is_dir, 10, 'the folder is made anew')

    await house.after_change('greet.py', GREET, of='Greet')

    assert house.catalog.get('Greet').is_runnable


@pytest.mark.parametrize(
    'name',
    [
        '.greet.py',
        '.#greet.py',
        '#greet.py#',
        'greet.py~',
        '.greet.py.swp',
        '4913',
        '_shared.py',
        '__init__.py',
        'a.txt',
    ],
)
def test_files_that_editors_leave_behind_are_not_pipelines(name: str) -> None:
    assert not is_pipeline_name(name)


async def test_folders_and_dangling_links_are_skipped(house: House) -> None:
    (house.folder / 'folder.py').mkdir()
    (house.folder / 'link.py').symlink_to(house.folder / 'nowhere')
    (house.folder / '__pycache__').mkdir()

    await house.catalog.start()

    assert house.theirs == {}


async def test_processes_that_a_file_starts_on_import_are_ended(house: House, tmp_path: Path) -> None:
    head = 'import subprocess\npid = subprocess.Popen(["setsid", "sleep", "75"]).pid\n'
    head += f'open({str(tmp_path / "pid")!r}, "w").write(str(pid))\n'
    house.write('greet.py', head + GREET)

    await house.catalog.start()

    assert house.catalog.get('Greet').is_runnable
    assert len(tagged_processes(ROOM, house.tag)) == (1 if house.zygotes else 0)
    assert not is_living(int((tmp_path / 'pid').read_text()))


async def test_parameters_come_back_whole(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    values = await house.catalog.validate('Greet', {'file': 'inbox:abc', 'times': '3'})

    assert values == {'file': 'inbox:abc', 'times': 3, 'height': 1080}


async def test_invalid_parameters_are_named(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    with pytest.raises(Invalid) as caught:
        await house.catalog.validate('Greet', {'times': 'many', 'colour': 'red'})

    assert caught.value.fields == {
        'file': 'A value is needed here.',
        'times': 'Write a whole number.',
        'colour': "This pipeline has no parameter called 'colour'.",
    }


async def test_parameters_of_a_broken_pipeline_are_refused(house: House) -> None:
    house.write('bad.py', 'x = 1\nx.y\n')
    await house.catalog.start()

    with pytest.raises(Conflict, match='The pipeline bad is broken: line 2: AttributeError'):
        await house.catalog.validate('bad', {})


CHECKED = """
import os, time
from pydantic import field_validator
from synapse import Pipeline, step

class Checked(Pipeline):
    how: str = 'quick'

    @field_validator('how')
    @classmethod
    def do_it(cls, how):
        if how == 'hang':
            time.sleep(60)
        if how == 'die':
            os._exit(3)
        return f'{how} in {os.getpid()}'

    @step
    def go(self): pass
"""


async def test_a_check_that_hangs_or_dies_harms_no_other(house: House) -> None:
    house.write('checked.py', CHECKED)
    await house.restart(seconds=3)
    hanging = asyncio.create_task(house.catalog.validate('Checked', {'how': 'hang'}))

    with pytest.raises(Conflict, match='exit code 3'):
        await house.catalog.validate('Checked', {'how': 'die'})
    assert (await house.catalog.validate('Checked', {}))['how'] == 'quick'
    assert (await house.catalog.validate('Checked', {'how': 'well'}))['how'].startswith('well in ')
    with pytest.raises(Conflict, match='line 13: Reading it took more than 3 s'):
        await hanging
    began = asyncio.get_running_loop().time()
    with pytest.raises(Conflict, match='line 13: Reading it took more than 3 s'):  # in one that waits for more
        await house.catalog.validate('Checked', {'how': 'hang'})
    assert asyncio.get_running_loop().time() - began < 6


@pytest.mark.skipif('forked' not in WAYS, reason='each check starts an interpreter')
async def test_checks_share_the_processes_that_have_imported_the_file(tmp_path: Path) -> None:
    house = House(tmp_path, 'forked')
    await house.log.start()
    house.write('checked.py', CHECKED)
    await house.catalog.start()

    async def pids() -> set[str]:
        answers = await asyncio.gather(*(house.catalog.validate('Checked', {'how': 'x'}) for _ in range(20)))
        return {answer['how'] for answer in answers}

    first, second = await pids(), await pids()

    assert second <= first
    assert len(first) <= TURNS
    await house.close()


async def test_an_unknown_name_is_answered_with_a_near_one(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    with pytest.raises(NotFound, match="No pipeline is called 'Great'") as caught:
        house.catalog.get('Great')

    assert (caught.value.code, caught.value.hint) == ('pipeline_not_found', 'Did you mean Greet?')


async def test_files_are_routed_by_their_suffix(house: House) -> None:
    house.write('greet.py', GREET)
    house.write('bad.py', 'nonsense(')
    await house.catalog.start()

    assert 'Greet' in [info.name for info in house.catalog.accepting('cut.MOV')]
    assert house.catalog.accepting('cut.nothing') == []


async def test_a_damaged_cache_only_costs_time(house: House, tmp_path: Path) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()
    (tmp_path / 'cache' / 'index.json').write_text('{"files": [')

    await house.restart()

    assert house.catalog.get('Greet').is_runnable


def test_built_in_pipelines_are_described_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[int] = []

    def counted() -> list[PipelineInfo]:
        described.append(1)
        return built_in_infos()

    monkeypatch.setattr(built_in, 'built_in_infos', counted)
    kept = tmp_path / 'built-in.json'

    first, second = built_in.remembered_built_in(kept), built_in.remembered_built_in(kept)

    assert first == second == built_in_infos()
    assert len(described) == 1


@pytest.mark.parametrize('change', ['code', 'package', 'damage'])
def test_they_are_described_again_after_a_change(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, packages, kept = tmp_path / 'code', tmp_path / 'packages', tmp_path / 'built-in.json'
    (code / 'media').mkdir(parents=True)
    (code / '__init__.py').touch()
    (code / 'media' / 'probe.py').write_text('1')
    packages.mkdir()
    monkeypatch.setattr(built_in.synapse, '__file__', str(code / '__init__.py'))
    monkeypatch.syspath_prepend(str(packages))
    built_in.remembered_built_in(kept)
    before = kept.read_bytes()

    if change == 'code':
        (code / 'media' / 'probe.py').write_text('12')
    elif change == 'package':
        os.utime(packages, ns=(1, 1))
    else:
        kept.write_text('{"stamp"')
    infos = built_in.remembered_built_in(kept)

    assert infos == built_in_infos()
    assert (kept.read_bytes() == before) == (change == 'damage')


def test_a_broken_one_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, 'BUILT_IN', (*info.BUILT_IN, 'NoSuchPipeline'))

    infos = built_in.remembered_built_in(tmp_path / 'built-in.json')

    assert [info.name for info in infos if info.error] == ['NoSuchPipeline']
    assert not (tmp_path / 'built-in.json').exists()


# Files that others import

USES = """
from {module} import word
from synapse import Pipeline, step

class {name}(Pipeline):
    text: str = word()

    @step
    def say_it(self, run): print(word())
"""


@pytest.mark.parametrize('module', ['_helpers', 'helpers', 'parts.words'])
async def test_a_helper_is_no_pipeline_and_reloads_its_users(house: House, module: str) -> None:
    helper = f'{module.replace(".", "/")}.py'
    (house.folder / helper).parent.mkdir(exist_ok=True)
    house.write(helper, 'def word(): return "one"\n')
    house.write('a_user.py', USES.format(module=module, name='User'))
    await house.catalog.start()
    assert list(house.theirs) == ['User']
    assert await house.catalog.validate('User', {}) == {'text': 'one'}
    assert house.said(Level.ERROR) == []

    await house.after_change(helper, 'def word(): return "other"\n', of='User')

    assert house.catalog.get('User').schema['properties']['text']['default'] == 'other'
    assert await house.catalog.validate('User', {}) == {'text': 'other'}

    await house.after_change(helper, 'x = 1\ndef word(: return\n', of='User')

    error = house.catalog.get('User').error
    assert error is not None
    assert (error['file'], error['line']) == (str(house.folder / helper), 2)
    assert list(house.theirs) == ['User']
    # A helper without an underscore is also looked through for pipelines of its own, and may be named after its user.
    of_user = f'a_user.py is broken by {Path(helper).name}, line 2: SyntaxError: invalid syntax'
    assert any(of_user in line for line in house.said(Level.ERROR))

    await house.after_change(helper, 'def word(): return LATER\nLATER = "later"\n', of='User')

    assert house.catalog.get('User').error is None
    assert await house.catalog.validate('User', {}) == {'text': 'later'}


async def test_a_user_of_a_broken_helper_names_its_line_from_the_start(house: House) -> None:
    house.write('helpers.py', 'import json\n\nWORD = json.loads("{")\n')
    house.write('user.py', USES.format(module='helpers', name='User'))

    await house.catalog.start()

    assert list(house.theirs) == ['user']
    error = house.catalog.get('user').error
    assert error is not None
    assert (error['file'], error['line']) == (str(house.folder / 'helpers.py'), 3)
    with pytest.raises(Conflict, match=r'is broken: helpers\.py, line 3'):
        await house.catalog.validate('user', {})


async def test_a_helper_that_comes_later_is_found(house: House) -> None:
    house.write('user.py', USES.format(module='_later', name='User'))
    await house.catalog.start()
    assert list(house.theirs) == ['user']

    await house.after_change('_later.py', 'def word(): return "at last"\n', of='User')

    assert await house.catalog.validate('User', {}) == {'text': 'at last'}


async def test_a_file_becomes_a_helper_and_a_pipeline_again(house: House) -> None:
    house.write('greet.py', GREET)
    await house.catalog.start()

    await house.after_change('greet.py', 'def word(): return "one"\n', of='Greet')
    assert house.theirs == {}
    assert 'greet.py has no pipeline, so it is only for other files to import' in house.said(Level.INFO)

    await house.after_change('greet.py', GREET, of='Greet')
    await house.after_change('greet.py', '', of='Greet')
    assert house.catalog.get('Greet').is_runnable  # emptied by an editor that is about to save
