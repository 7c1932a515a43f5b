"""Every text of the program can be translated, and each reader gets their own language.

The first test speaks English in brackets: what stands outside of them was marked nowhere, so no translator finds it.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.parts.downtime import hourly, was_off
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

PIPELINES = '''
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from synapse import Pipeline, Run, StepFailed, step


class Zzletter(BaseModel):
    zzto: str = Field(min_length=2, description='Zzwho')
    zztone: Literal['zzwarm', 'zzcool'] = 'zzwarm'


class Zzasks(Pipeline):
    """Zzdoc."""

    zzhow: Literal['zzchoices', 'zztext', 'zzform'] = 'zzchoices'

    @step
    def zzpublish(self, run: Run) -> None:
        (run.workdir / 'zzdraft.txt').write_text('zz')
        run.artifact('zzdraft.txt')
        if self.zzhow == 'zzchoices':
            run.ask('Zzpublish?', ['Zzyes', 'Zzno'], timeout='2h', default='Zzno')
        elif self.zzhow == 'zztext':
            run.ask('Zztitle?', timeout='1h')
        else:
            run.ask('Zzwhom?', model=Zzletter)


class Zzmany(Pipeline):
    """Zzdoc."""

    zza: str
    zzb: int = Field(3, ge=1, le=9, description='Zzhelp')
    zzd: bool = False
    zze: Literal['zzx', 'zzy'] = 'zzx'
    zzf: list[str] = []
    zzg: dict[str, str] = {}
    zzi: date | None = None
    zzl: timedelta = timedelta(minutes=90)
    zzm: Decimal = Decimal('1.5')
    zzn: SecretStr = SecretStr('zz')
    zzp: Path | None = None

    @step(retries=2, timeout=30)
    def zzone(self, run: Run) -> None:
        run.log.info('zzline')


class Zzendless(Pipeline):
    """Zzdoc."""

    memory_limit = '2 GB'
    stall_after = '10m'

    @step
    def zzturn(self, run: Run) -> None:
        run.progress(50, 'zzturning')
        run.ask('Zzgo?', timeout='9h')


class Zzneeds(Pipeline):
    """Zzdoc."""

    needs_free = '900 TB'

    @step
    def zzfirst(self, run: Run) -> None: ...


class Zzbreaks(Pipeline):
    """Zzdoc."""

    zzvalue: int = 1

    @step
    def zzfirst(self, run: Run) -> None:
        (run.workdir / 'zz.txt').write_text('zz')
        run.artifact('zz.txt')

    @step(retries=1)
    def zzsecond(self, run: Run) -> None:
        raise StepFailed('zzbroke', hint='zzmend')
'''

COLLECT = r"""() => {
    const found = [['title', document.title]];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; node = texts.nextNode();) {
        const parent = node.parentElement;
        if (!parent?.checkVisibility()) continue;
        if (parent.closest('script, style, template, code, pre, .src, .sy-mono, .flag')) continue;
        const isMarked = parent.parentElement.querySelector(':scope > mark');  // one text, whose found parts stand out
        const text = isMarked ? parent.parentElement.textContent : node.data;
        found.push([`${parent.tagName}.${parent.className.baseVal ?? parent.className}`, text]);
    }
    for (const element of document.querySelectorAll('*'))
        for (const name of ['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt'])
            if (element.hasAttribute(name) && !element.matches('.src')) found.push([name, element.getAttribute(name)]);
    return found;
}"""

DATA = re.compile(
    r"""(?xi)
    \b\w*zz\w*\b                                  # what the test has named
    | \b(?:Synapse|Python|UTC|en_XA|Aa|Europe/\w+|English|Português|Brasil|RRULE|JSON|CSV|SQL|pip|tzdata|true|syn_\w+)\b
    | \b(?:kB|MB|GB|TB|B|ms|CPU|Esc|Enter|Ctrl|Alt|Shift|PgUp|PgDn|Home|End|worker-\d+)\b
    | \b(?:PublishVideo|RunCommand|BackupFolder|RestoreFolder)\b
    | \b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:\w*day)?\b
    | \b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?\b
    | (?:\w+:/)?/[\w/.\-@:~]+ | \b[a-f0-9]{8,}\b | 127\.0\.0\.1(?::\d+)? | \.?\b(?:gz|tgz|mp4)\b | [\w-]*\.\w{2,4}\b
    """
)


class Walk:
    """Looks at what a page shows, and remembers all that was said outside of brackets, and where first."""

    def __init__(self, page: Page, program: SynapseUnderTest) -> None:
        self.page = page
        self._url = program.url
        with program.api as api:
            pipelines = api.get('/pipelines').json()
        named = [name for one in pipelines for name in (*_steps(one), *one['schema'].get('properties', {}))]
        self._names = re.compile(rf'\b(?:{"|".join(named)})\b')
        self.bare: dict[str, str] = {}
        self.seen = 0

    def go(self, path: str, ready: str) -> None:
        self.page.goto(f'{self._url}{path}')
        self.look(path or 'dashboard', ready)

    def look(self, where: str, ready: str | Locator) -> None:
        """Wait for what is shown then, and read the whole page."""
        locator = self.page.locator(ready) if isinstance(ready, str) else ready
        locator.first.wait_for()
        for kind, text in self.page.evaluate(COLLECT):
            self.seen += '⟦' in text
            if re.search(r'[^\W\d_]{2}', DATA.sub(' ', self._names.sub(' ', outside_of_brackets(text)))):
                self.bare.setdefault(f'{kind} {text.strip()[:200]!r}', where)

    def press(self, key: str, where: str, ready: str | Locator) -> None:
        self.page.keyboard.press(key)
        self.look(where, ready)

    def click(self, selector: str | Locator, where: str, ready: str | Locator) -> None:
        locator = self.page.locator(selector) if isinstance(selector, str) else selector
        locator.first.click()
        self.look(where, ready)

    def close(self, gone: str) -> None:
        self.page.keyboard.press('Escape')
        expect(self.page.locator(gone)).to_have_count(0)


def _steps(pipeline: dict[str, Any]) -> list[str]:
    return [step['name'] for step in pipeline['steps']]


def outside_of_brackets(text: str) -> str:
    """A text that is in parts, such as one with a link in it, may begin or end inside of them."""
    while (less := re.sub('⟦[^⟦⟧]*⟧', '', text)) != text:
        text = less
    return re.sub('^.*⟧|⟦.*$', '', text, flags=re.DOTALL)


def _shell(walk: Walk, program: SynapseUnderTest) -> None:
    """What every page has; nothing has been done yet."""
    walk.look('first start', 'h2:visible')
    walk.press('?', 'shortcuts', '.sy-keys')
    walk.close('.sy-keys')
    walk.press('Control+k', 'palette', '.sy-palette [role=option]')
    for text in ('xqy', '14/10', 'p'):
        walk.page.keyboard.press('Control+a')
        walk.page.keyboard.type(text)
        walk.look(f'palette {text}', '.sy-palette')
    walk.close('.sy-palette')
    walk.press('b', 'bell', '.bl-pop')
    walk.page.keyboard.press('Escape')
    walk.click('.sy-pill[aria-haspopup=menu]', 'menu of the state', '.sy-menubox')
    walk.page.keyboard.press('Escape')
    walk.go('runs', '.runs-page')


def _forms(walk: Walk, program: SynapseUnderTest) -> None:
    page, save, wrong = walk.page, '.form-dialog .is-primary', '.form-dialog .is-wrong'
    walk.go('pipelines', '.pipe')
    walk.press('r', 'new run', '.form-dialog')
    pipeline = page.locator('.form-two select').first
    pipeline.select_option('Zzmany')
    page.locator('#parameter-zza').wait_for()
    for fold in page.locator('.form-fold summary').all():
        fold.click()
    for values in ({'zzb': 'x', 'zzg': 'x', 'zzl': 'x', 'zzm': 'x'}, {'zzb': '99', 'zzg': '', 'zzl': '1h', 'zzm': '1'}):
        for name, text in values.items():
            page.fill(f'#parameter-{name}', text)
        walk.click(save, 'wrong values', wrong)
    pipeline.select_option('RunCommand')
    page.locator('textarea#parameter-command').wait_for()
    for text in ('zza zzb', 'zza | zzb', "zza 'zzb"):
        page.fill('textarea#parameter-command', text)
        walk.look(f'command {text}', '.form-dialog')
    walk.go('pipelines', '.watches')
    walk.click('.watches button.sy-btn', 'new watch folder', '.form-dialog')
    walk.click(save, 'wrong watch folder', wrong)
    walk.go('profiles', 'section.pipe')
    walk.click(page.get_by_role('button', name='New profile'), 'new profile', '.form-dialog')
    for destination in ('s3://zz/zz', 'sftp://zz/zz'):
        page.locator('.form-dialog [id$=destination]').first.fill(destination)
        walk.look(destination, '.form-dialog')
    walk.click(save, 'wrong profile', wrong)


def _runs(walk: Walk, program: SynapseUnderTest) -> None:
    page = walk.page
    broken, asks, endless = (program.create_run(name) for name in ('Zzbreaks', 'Zzasks', 'Zzendless'))
    program.create_run('Zzneeds')
    program.wait_for_run(broken['id'], 'failed')
    program.wait_for_run(asks['id'], 'paused')
    walk.go('', '.dash')
    walk.press('b', 'bell', '.bl-pop li')
    page.keyboard.press('Escape')
    walk.click('section:has([data-reorder]) .sy-head button >> nth=1', 'pause of the queue', '#pause-because')
    page.locator('.sy-dialog-buttons .is-primary').click()
    expect(page.locator('.q-dialog')).to_have_count(0)
    walk.look('paused queue', '.dash')
    walk.go('runs', '.runs-one')
    page.locator('.runs-head input').check()
    walk.click('.runs-bulk .acts button >> nth=0', 'retry of many', '.is-question')
    walk.close('.q-dialog')
    for run in (broken, asks, endless):
        walk.go(f'runs/{run["id"]}', '.run-page .run-step')
    walk.press('Shift+Escape', 'stop?', '.is-question')
    walk.go(f'runs/{broken["id"]}', '.run-page .run-step')
    walk.click(page.get_by_label('⟦Retry options⟧'), 'retry', '.form-dialog')
    walk.go('runs?q=xyzxyz', '.runs-page')
    walk.go('logs', '.log-one [role=row]')
    walk.click('.log-one [role=row]', 'a line', '.log-one')
    walk.click('.log-range button', 'range', '.lr-foot')
    walk.click('.lr-foot button', 'wrong range', '.lr-foot')
    page.keyboard.press('Escape')
    walk.go('logs?q=((&regex=1', '.log-one')


def _calendar(walk: Walk, program: SynapseUnderTest) -> None:
    page, start = walk.page, f'{datetime.now() + timedelta(hours=2):%Y-%m-%dT%H:%M:00}'
    command = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': start}
    with program.api as api:
        for title, rule in (('zzweekly', 'FREQ=WEEKLY;BYDAY=MO,SA'), ('zzlast', 'FREQ=MONTHLY;BYDAY=-1FR')):
            api.post('/scheduler/create', json={**command, 'title': title, 'rrule': rule}).raise_for_status()
        api.post('/scheduler/create', json={**command, 'title': 'zzonce'}).raise_for_status()
    walk.go('scheduler?view=agenda', '.ag-row')
    walk.go('scheduler?view=week', '.wk-block')
    walk.go('scheduler', '.mo-cell')
    walk.click('.mo-name', 'month', '.mo-months')
    walk.close('.mo-months')
    walk.click('.sy-btn.is-primary:visible', 'new event', '.ev-dialog')
    for place in range(1, 5):
        walk.click(f'.ev-dialog .is-rule .form-seg label >> nth={place}', f'repeat {place}', '.ev-dialog')
    for end in ('after', 'on'):
        page.locator('#event-ends').select_option(end)
        walk.look(f'ends {end}', '.ev-dialog')
    page.locator('#event-custom').select_option('rule')
    for text in ('FREQ=NOPE', '0 3 32 * *', '0 3 * * 1'):
        page.fill('#event-raw', text)
        walk.look(text, '.ev-dialog')
    for field, text in {'timeout': 'x', 'silence': '1 s', 'grace': '9 h', 'timezone': 'Zz/zz'}.items():
        page.fill(f'#event-{field}', text)
    walk.look('wrong event', '.ev-dialog')
    walk.press('Escape', 'leave?', '.ev-dialog, .is-question')


def _settings(walk: Walk, program: SynapseUnderTest) -> None:
    page = walk.page
    with program.api as api:
        api.put('/notifications', json={'channels': [{'label': 'zz', 'command': ['/bin/false']}]}).raise_for_status()
    walk.go('settings', '.set-page')
    for name in ('Bring your crontab', 'Add a calendar', 'New token', 'Set a password'):
        walk.click(page.get_by_role('button', name=name), name, '.q-dialog section')
        walk.close('.q-dialog section')
    walk.go('nothing-here', 'body a')


PARTS = (_shell, _forms, _runs, _calendar, _settings)


@pytest.mark.timeout(240)
def test_no_text_is_without_brackets(tmp_path: Path, context: BrowserContext, problems: list[str]) -> None:
    program = forked(tmp_path / 'data', '--workers', '3', '--language', 'en-XA')
    program.write_pipeline('zz.py', PIPELINES)
    program.start()
    try:
        program.wait_for_pipeline('Zzmany')
        page = context.new_page()
        page.goto(program.link)
        page.wait_for_url(program.url)
        walk = Walk(page, program)
        for part in PARTS:
            part(walk, program)
        with program.api as api:
            lines = api.get('/logs').json()['entries']
    finally:
        program.stop()

    own = [line['message'] for line in lines if line['run'] is None and line['source'] != 'nicegui']
    assert [text for text in own if not text.startswith('⟦')] == []
    assert walk.bare == {}
    assert walk.seen > 1000
    assert problems == []


PORTUGUESE = {'Accept-Language': 'pt-BR,pt;q=0.9'}


def test_each_reader_is_answered_in_their_language_and_the_log_keeps_ours(
    program: SynapseUnderTest, browser: Browser
) -> None:
    context = browser.new_context(locale='pt-BR', reduced_motion='reduce')
    page = context.new_page()
    page.goto(f'{program.url}login')
    assert page.locator('html').get_attribute('lang') == 'pt-BR'
    expect(page.get_by_role('button', name='Entrar')).to_be_visible()

    page.goto(program.link)
    page.wait_for_url(program.url)
    expect(page).to_have_title(re.compile('Painel'))
    assert page.locator('html').get_attribute('lang') == 'pt-BR'
    page.goto(f'{program.url}scheduler?day=2026-10-09')
    expect(page.locator('.mo-name')).to_contain_text(re.compile('outubro', re.IGNORECASE))
    expect(page.locator('.mo-head [role=columnheader]').first).to_have_text('dom.')
    context.close()

    with program.api as api:
        refused = api.get('/runs/zz', headers=PORTUGUESE).json()['error']
        api.post('/queue/pause', headers=PORTUGUESE).raise_for_status()
        lines = [line['message'] for line in api.get('/logs').json()['entries']]
    assert refused['message'] == "Nenhuma execução tem o id 'zz'."
    assert 'Synapse is up at' in ' '.join(lines)
    assert not re.search('fila|pausad', ' '.join(lines))


def test_a_program_that_is_started_in_portuguese_logs_in_portuguese(tmp_path: Path) -> None:
    program = forked(tmp_path / 'data', '--language', 'pt-BR').start()
    try:
        with program.api as api:
            lines = [line['message'] for line in api.get('/logs').json()['entries']]
            refused = api.get('/runs/zz').json()['error']['message']
    finally:
        program.stop()

    assert f'O Synapse está no ar em {program.url.rstrip("/")}' in ' '.join(lines)
    assert refused == "Nenhuma execução tem o id 'zz'."


OWN = '''
from pathlib import Path
from synapse import Pipeline, Run, step


class Runs(Pipeline):
    """Settings"""

    title = 'Runs'
    folder: str = ''

    @step
    def verify(self, run: Run) -> None:
        run.log.info('1.5 GB')
        Path('/nowhere/zz').read_text()
'''


@pytest.fixture
def portuguese(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """A program that speaks Portuguese, with a pipeline of a person whose names are texts of ours too."""
    program = forked(tmp_path / 'data', '--language', 'pt-BR', SYNAPSE_MAX_UPLOAD_BYTES='1500000000')
    program.write_pipeline('own.py', OWN)
    program.start()
    program.wait_for_pipeline('Runs')
    yield program
    program.stop()


def test_screens_in_portuguese(portuguese: SynapseUnderTest, context: BrowserContext) -> None:
    program, page = portuguese, context.new_page()
    start = datetime.now() + timedelta(hours=4, minutes=10)
    values = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': f'{start:%Y-%m-%dT%H:%M:00}'}
    with program.api as api:
        api.post('/scheduler/create', json={**values, 'title': 'Queue'}).raise_for_status()
        rule = {'pipeline': 'RunCommand', 'parameters': values['parameters'], 'rrule': 'FREQ=WEEKLY;BYDAY=MO,FR'}
        plan = {**rule, 'title': 'x', 'start': '2027-10-11T16:00:00', 'timezone': 'America/Sao_Paulo'}
        preview = api.post('/scheduler/preview', json=plan).json()['sentence']
    assert preview == ('Executa toda segunda-feira e sexta-feira às 16:00, horário de São Paulo, sem data de término.')

    page.goto(program.link)
    page.wait_for_url(program.url)
    dashboard = page.locator('main').first
    expect(dashboard).to_contain_text(re.compile(r'em 4 h \d+ min'))
    expect(dashboard.get_by_text('Queue').first).to_be_visible()  # of a person, whatever the catalogue has
    expect(dashboard).to_contain_text('até 1,5 GB')

    page.goto(f'{program.url}scheduler?day=2026-10-09')
    expect(page.locator('.mo-name')).to_have_accessible_name('Outubro de 2026, escolher mês e ano')
    expect(page.locator('.mo-head [role=columnheader]')).to_have_text(
        ['dom.', 'seg.', 'ter.', 'qua.', 'qui.', 'sex.', 'sáb.']
    )

    page.goto(f'{program.url}pipelines')
    page.locator('.pipe').first.wait_for()
    page.keyboard.press('r')
    page.locator('.form-two select').first.select_option('RunCommand')
    page.locator('textarea#parameter-command').wait_for()
    page.locator('.form-dialog .is-primary').click()
    expect(page.locator('.form-dialog .is-wrong').first).to_contain_text('Informe um comando ou um script.')
    page.locator('.form-two select').first.select_option('Runs')
    expect(page.locator('label[for=parameter-folder]')).to_contain_text('Folder')

    page.goto(f'{program.url}profiles')
    page.locator('section.pipe').first.wait_for()
    program.create_run('Runs')
    expect(page.locator('.sy-toasts')).to_contain_text('Runs falhou em VERIFY')
    expect(page.locator('.sy-toasts')).to_contain_text('Abrir a execução #1')
    page.goto(f'{program.url}runs/1')
    expect(page).to_have_title('#1 Runs · Synapse')
    expect(page.locator('.run-page .run-step').first).to_contain_text('VERIFY')


def test_what_programs_are_told_in_portuguese(portuguese: SynapseUnderTest, tmp_path: Path) -> None:
    program, told = portuguese, tmp_path / 'told'
    command = ['/bin/sh', '-c', f'cat > {told}.part && mv {told}.part {told}']
    with program.api as api:
        refused = api.put('/notifications', json={'channels': [{'label': 'x', 'command': ['/nowhere/zz']}]})
        channel = {'label': 'x', 'command': command, 'kinds': ['run_failed']}
        api.put('/notifications', json={'channels': [channel]}).raise_for_status()
        wanted = {'pipeline': 'RunCommand', 'parameters': {'command': ['false']}, 'because': 'file drop'}
        run = api.post('/runs', json=wanted).json()
        program.wait_for_run(run['id'], 'failed')
        wait_until(told.exists, timeout=30)
        lines = [line['message'] for line in api.get('/logs', params={'run': run['id']}).json()['entries']]
        wrong = api.get('/logs', params={'limit': '0'}).json()['error']
        english = api.get('/logs', params={'limit': '0'}, headers={'Accept-Language': 'en'}).json()['error']

    assert 'Não foi possível iniciar /nowhere/zz: O arquivo ou a pasta não existe.' in str(
        refused.json()['error']['fields']
    )
    news = json.loads(told.read_text())
    assert news['title'] == 'false falhou em EXECUTAR'
    assert 'false terminou com o código de saída 1.' in news['text']
    assert f'A execução #{run["number"]} de RunCommand, false está na fila (arquivo solto na tela)' in lines
    assert 'EXECUTAR iniciada' in lines
    assert wrong['fields'] == {'limit': 'Deve ser 1 ou mais.'}
    assert english == wrong  # the language of the program was chosen


def test_what_was_missed_is_told_in_the_language_of_whoever_reads_it_later(
    tmp_path: Path, context: BrowserContext
) -> None:
    work = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    was_off(tmp_path / 'data', timedelta(hours=3), [hourly('runs', 2, **work)])
    program = forked(tmp_path / 'data', '--language', 'en').start()
    try:
        reason, alert = _missed(program, context)
        assert 'Synapse was not running. Its event skips what was missed.' in reason
        assert alert == 'Runs was missed'
        program.stop()
        program = forked(tmp_path / 'data', '--language', 'pt-BR').start()
        reason, alert = _missed(program, context)
        assert 'O Synapse não estava em execução. O evento pula as perdidas.' in reason
        assert alert == 'Ocorrência perdida de Runs'
    finally:
        program.stop()


def _missed(program: SynapseUnderTest, context: BrowserContext) -> tuple[str, str]:
    """Return why the oldest was missed, and the title of its alert."""
    with program.api as api:
        wait_until(lambda: bool(api.get('/scheduler/missed').json()['occurrences']), timeout=20)
        reason = api.get('/scheduler/missed').json()['occurrences'][0]['reason']
    page = context.new_page()
    page.goto(program.link)
    page.wait_for_url(program.url)
    page.keyboard.press('b')
    title = page.locator('.bl-pop li b').first
    title.wait_for()
    text = title.inner_text()
    page.close()
    return reason, text
