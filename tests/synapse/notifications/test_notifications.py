"""Channels tell what happened, once for many, again after a failure and after a crash; and never their secrets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.logs.store import LogStore
from synapse.alerts.alerts import AlertKind, Alerts, Incident
from synapse.bus import Bus
from synapse.errors import Invalid, NotFound
from synapse.log.log import Log
from synapse.notifications.checking import command_words
from synapse.notifications.courier import Pace
from synapse.notifications.kinds import RUN_SUCCEEDED, default_kinds
from synapse.notifications.notifications import MAX_CHANNELS, Notifications
from synapse.notifications.records import Channel
from synapse.records import now_utc
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.sealed import Seal
from tests.parts.hosts import eventually
from tests.parts.receivers import HttpReceiver, free_port, http_receiver

AT_ONCE = Pace(gather=0.05, calm=(0.05, 0.05), retries=(0.05, 0.05))


class Told:
    """Notifications over real alerts, in a folder."""

    def __init__(self, data: Path, pace: Pace = AT_ONCE) -> None:
        self.data, self.bus = data, Bus()
        self.log = Log(LogStore(data / 'logs.db'), self.bus)
        self.alerts = Alerts(Documents(data / 'alerts.json'), self.bus)
        self.notifications = Notifications(
            documents=Documents(data / 'notifications.json'),
            seal=Seal(data / 'secrets.key'),
            alerts=self.alerts,
            bus=self.bus,
            log=self.log,
            title_of=lambda name: name,
            room='http://127.0.0.1:8000/',
            pace=pace,
            limit=20,
        )

    async def add(self, url: str, **values: Any) -> Channel:
        return await self.notifications.save(None, {'url': url, **values})

    def fail(self, work: str = 'film', kind: AlertKind = AlertKind.RUN_FAILED) -> None:
        incident = Incident(
            key=work, kind=kind, title=f'{work} failed', text='It broke.', look='failed', target='/runs/7', verb='Open'
        )
        self.alerts.report(incident)

    async def until(self, condition: Callable[[], Any], seconds: float = 40) -> None:
        await eventually(lambda: bool(condition()), seconds)

    async def close(self) -> None:
        await self.notifications.stop()
        await self.alerts.stop()
        await self.log.stop()


@contextlib.asynccontextmanager
async def told(data: Path, pace: Pace = AT_ONCE) -> AsyncIterator[Told]:
    it = Told(data, pace)
    await it.log.start()
    it.notifications.start()
    try:
        yield it
    finally:
        await it.close()


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Told]:
    async with told(tmp_path) as it:
        yield it


async def came(server: HttpReceiver, count: int = 1) -> list[dict[str, Any]]:
    return await asyncio.to_thread(server.wait, count)


async def test_an_alert_is_sent_with_what_happened_and_a_link(it: Told) -> None:
    with http_receiver() as server:
        channel = await it.add(f'json://127.0.0.1:{server.port}/hook')
        it.fail()

        (body,) = await came(server)
        assert (body['title'], body['type']) == ('film failed', 'failure')
        assert body['message'].startswith('It broke.\n\nhttp://127.0.0.1:8000/runs/7\n\nSynapse on ')
        await it.until(lambda: it.notifications.get(channel.id).last_sent_at)
        assert it.notifications.waiting(channel.id) == 0


async def test_a_channel_gets_only_its_kinds_and_nothing_while_it_is_off(it: Told) -> None:
    with http_receiver() as server:
        address = f'json://127.0.0.1:{server.port}/'
        await it.add(address, kinds=[AlertKind.RUN_FAILED])
        await it.add(f'{address}off', enabled=False)
        it.fail('disk', AlertKind.DISK_LOW)
        it.fail()

        (body,) = await came(server)
        assert body['title'] == 'film failed'
        assert len(server.requests) == 1


async def test_a_hundred_failures_are_one_message_with_a_count(it: Told) -> None:
    with http_receiver() as server:
        channel = await it.add(f'json://127.0.0.1:{server.port}/')
        for number in range(100):
            it.fail(f'film {number % 50}')
        assert it.notifications.waiting(channel.id) == 100

        (body,) = await came(server)
        assert body['title'] == '100 alerts: film 49 failed (2 times) and others'
        assert 'And 40 more alerts: http://127.0.0.1:8000/' in body['message']
        await it.until(lambda: not it.notifications.waiting(channel.id))
        assert len(server.requests) == 1


async def test_a_run_that_succeeds_is_told_where_that_is_wanted(it: Told) -> None:
    with http_receiver() as server:
        address = f'json://127.0.0.1:{server.port}/'
        await it.add(f'{address}all', kinds=[*default_kinds(), RUN_SUCCEEDED])
        await it.add(f'{address}usual')
        run = RunRecord(
            id='r8', number=8, pipeline='Backup', parameters={}, created_at=now_utc(), state=RunState.SUCCEEDED
        )
        it.bus.publish(RunChanged(run))

        await came(server)
        assert [(request['path'], request['body']['title']) for request in server.requests] == [
            ('/all', 'Backup succeeded')
        ]


async def test_what_a_server_refuses_is_tried_again_and_then_told_in_the_bell_only(it: Told) -> None:
    with http_receiver(status=500) as server:
        channel = await it.add(f'json://127.0.0.1:{server.port}/secret-path-of-it', label='Phone')
        await it.add(f'json://127.0.0.1:{server.port}/other-secret-path', kinds=[], label='Other')
        it.fail()

        await it.until(lambda: it.alerts.active(f'channel {channel.id}'))
        assert len(server.requests) == 3
        alert = it.alerts.active(f'channel {channel.id}')
        error = it.notifications.get(channel.id).last_error
        assert alert is not None
        assert alert.title == 'Nothing gets through to Phone'
        assert error is not None
        assert '500' in error
        said = json.dumps([alert.text, error, *(entry.message for entry in it.log.recent(10))])
        assert 'secret-path-of-it' not in said

        server.status = 200
        it.fail('next film')
        body = (await came(server, 4))[3]
        assert '1 earlier alert could not be sent here.' in body['message']
        await it.until(lambda: it.alerts.active(f'channel {channel.id}') is None)
        assert it.notifications.get(channel.id).last_error is None


async def test_a_channel_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    async with told(tmp_path) as it:
        with http_receiver(is_hanging=True) as slow, http_receiver() as server:
            await it.add(f'json://127.0.0.1:{slow.port}/?rto=60')
            await it.add(f'json://127.0.0.1:{server.port}/')
            it.fail()

            await came(slow)
            assert (await came(server))[0]['title'] == 'film failed'


async def test_what_was_not_sent_is_sent_after_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    async with told(tmp_path, Pace(gather=0.05, retries=(600,))) as it:
        channel = await it.add(f'json://127.0.0.1:{port}/')
        it.fail()
        it.fail()
        await it.until(lambda: it.notifications.get(channel.id).last_error)

    async with told(tmp_path) as it:
        with http_receiver(port) as server:
            (body,) = await came(server)
            assert body['title'] == 'film failed (2 times)'
            await it.until(lambda: not it.notifications.waiting(channel.id))

    async with told(tmp_path) as it:
        assert it.notifications.waiting(channel.id) == 0


async def test_a_command_is_a_channel_too(it: Told, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    script = f'echo "$SYNAPSE_ALERT_TITLE" > {out}.new; mv {out}.new {out}'
    await it.notifications.save(None, {'command': ['sh', '-c', script]})
    it.fail()

    await it.until(out.exists)
    assert out.read_text() == 'film failed\n'


async def test_the_test_button_says_how_it_went(it: Told) -> None:
    with http_receiver(status=403) as server:
        channel = await it.add(f'json://127.0.0.1:{server.port}/', enabled=False)

        assert '403' in await it.notifications.test(channel.id)
        assert '403' in (it.notifications.get(channel.id).last_error or '')
        server.status = 200
        assert await it.notifications.test(channel.id) == ''
        assert it.notifications.get(channel.id).last_error is None
        assert [body['title'] for body in server.bodies] == ['Test from Synapse'] * 2
    with pytest.raises(NotFound):
        await it.notifications.test('nobody')


async def test_the_address_is_nowhere_in_the_open_and_stays_when_it_comes_back_hidden(it: Told) -> None:
    with http_receiver() as server:
        channel = await it.add(f'json://me:open-sesame@127.0.0.1:{server.port}/secret-hook', label='Hook')
        shown = it.notifications.as_shown()['channels']
        assert shown[0]['url'] == f'json://127.0.0.1:{server.port}/***'
        await it.notifications.replace([{**shown[0], 'kinds': [AlertKind.DISK_LOW]}])

        assert await it.notifications.test(channel.id) == ''
        assert server.requests[0]['path'] == '/secret-hook'
        assert it.notifications.get(channel.id).kinds == (AlertKind.DISK_LOW,)
    for path in it.data.iterdir():
        data = path.read_bytes()
        assert b'secret-hook' not in data, path
        assert b'open-sesame' not in data, path


@pytest.mark.parametrize(
    ('values', 'field'),
    [
        ({}, 'url'),
        ({'url': 'json://example.org/***'}, 'url'),
        ({'url': 'gotify://example.org'}, 'url'),
        ({'url': 'json://example.org', 'kinds': ['nothing']}, 'kinds'),
        ({'url': 'json://example.org', 'kinds': 'run_failed'}, 'kinds'),
        ({'url': 'json://example.org', 'command': ['true']}, 'command'),
        ({'command': 'notify-send hello'}, 'command'),
        ({'command': ['/no/such/program']}, 'command'),
        ({'command': ['true'], 'label': 'x' * 81}, 'label'),
        ({'command': ['true'], 'enabled': 'perhaps'}, 'enabled'),
        ({'command': ['true'], 'id': 'a/b'}, 'id'),
        ({'command': ['true'], 'colour': 'red'}, 'colour'),
    ],
)
async def test_each_wrong_field_is_named(it: Told, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        await it.notifications.replace([{'command': ['true']}, values])

    assert [*error.value.fields] == [f'channels.1.{field}']
    assert it.notifications.all() == []


async def test_a_channel_stays_as_it_is_when_its_program_goes(it: Told, tmp_path: Path) -> None:
    program = tmp_path / 'tell'
    program.touch(0o755)
    await it.notifications.save(None, {'command': [str(program)], 'label': 'Tell'})
    program.unlink()

    await it.notifications.replace([it.notifications.as_shown()['channels'][0] | {'enabled': False}])
    assert [channel.enabled for channel in it.notifications.all()] == [False]


@pytest.mark.parametrize('text', ['["/opt/tell me", "--loud"]', " '/opt/tell me'  --loud "])
def test_a_command_is_typed_as_a_line_or_as_a_list(text: str) -> None:
    assert command_words(text) == ['/opt/tell me', '--loud']


@pytest.mark.parametrize('text', ['["/opt/tell", ', '["/opt/tell", 5]', '[]', 'tell "me', ''])
def test_a_command_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as error:
        command_words(text)

    assert [*error.value.fields] == ['command']


async def test_a_list_replaces_all_channels_and_forgets_what_they_had_to_tell(it: Told) -> None:
    channel = await it.add(f'json://127.0.0.1:{free_port()}/')
    it.fail()
    await it.notifications.replace([{'id': 'mine', 'command': ['true'], 'label': 'Mine'}])

    assert [item.id for item in it.notifications.all()] == ['mine']
    assert it.notifications.waiting(channel.id) == 0
    with pytest.raises(Invalid):
        await it.notifications.replace([{'command': ['true']}] * (MAX_CHANNELS + 1))
    with pytest.raises(Invalid):
        await it.notifications.replace([{'id': 'one', 'command': ['true']}] * 2)


async def test_links_may_lead_to_another_address(it: Told) -> None:
    with http_receiver() as server:
        await it.add(f'json://127.0.0.1:{server.port}/')
        await it.notifications.set_address('https://room.example.org/synapse')
        it.fail()

        assert 'https://room.example.org/synapse/runs/7' in (await came(server))[0]['message']
    with pytest.raises(Invalid):
        await it.notifications.set_address('room.example.org')


async def test_an_address_whose_key_is_lost_asks_for_it_again(tmp_path: Path) -> None:
    async with told(tmp_path) as it:
        channel = await it.add('json://127.0.0.1:1/')
    for path in tmp_path.glob('secrets.key*'):  # and its copy
        path.unlink()

    async with told(tmp_path) as it:
        assert 'Enter the address again.' in await it.notifications.test(channel.id)
