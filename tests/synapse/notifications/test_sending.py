"""Messages reach real servers and programs; whatever these do, what comes back is a sentence, and in time."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import psutil
import pytest

from synapse.notifications.message import Text
from synapse.notifications.sending import Standby, check_address, run_command, send_to_address, why_not_started
from tests.parts.receivers import PASSWORD, USER, free_port, http_receiver, mail_server

BODY = 'Traceback:\n  File "x.py", line 1, in <module>\n    a < 3'


def text(**values: object) -> Text:
    alert = {'kind': 'run_failed', 'title': 'film.mp4 failed', 'count': 2}
    given = {'title': 'film.mp4 failed', 'body': BODY, 'type': 'failure', 'url': 'http://room/runs/7', 'count': 2}
    return Text.model_validate(given | {'alerts': (alert,)} | values)


def wait_until_gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(20)


async def test_a_webhook_gets_title_text_and_weight() -> None:
    with http_receiver() as server:
        assert await send_to_address(f'json://127.0.0.1:{server.port}/hook', text()) == ''

        (request,) = server.requests
        assert request['path'] == '/hook'
        assert (request['body']['title'], request['body']['type']) == ('film.mp4 failed', 'failure')
        assert request['body']['message'] == BODY


async def test_ntfy_gets_the_topic() -> None:
    with http_receiver() as server:
        assert await send_to_address(f'ntfy://127.0.0.1:{server.port}/my-topic', text()) == ''

        body = server.bodies[0]
        assert (body['topic'], body['title'], body['message']) == ('my-topic', 'film.mp4 failed', BODY)


async def test_the_mail_has_the_text_as_it_is() -> None:
    with mail_server() as server:
        address = f'mailto://127.0.0.1:{server.port}?from=me@example.org&to=you@example.org&mode=insecure'
        assert await send_to_address(address, text()) == ''

        (mail,) = server.mails
        assert (mail['Subject'], mail.get_content_type()) == ('film.mp4 failed', 'text/plain')
        assert mail.get_content().replace('\r\n', '\n').rstrip() == BODY


async def test_mail_goes_over_tls_with_a_login_and_a_wrong_one_is_not_repeated(tmp_path: Path) -> None:
    with mail_server(tls=tmp_path) as server:
        rest = f'@127.0.0.1:{server.port}?from=me@example.org&to=you@example.org&mode=starttls&verify=no'
        assert await send_to_address(f'mailtos://{USER}:{PASSWORD}{rest}', text()) == ''
        error = await send_to_address(f'mailtos://{USER}:wrong-secret-word{rest}', text())

        assert len(server.mails) == 1
        assert 'Authentication credentials invalid' in error
        assert 'wrong-secret-word' not in error


@pytest.mark.parametrize('status', [500, 403])
async def test_a_server_that_refuses_is_quoted_without_the_secrets_of_its_address(status: int) -> None:
    with http_receiver(status=status) as server:
        error = await send_to_address(f'json://me:pass-word-9@127.0.0.1:{server.port}/token-of-the-hook', text())

    assert str(status) in error
    assert 'token-of-the-hook' not in error
    assert 'pass-word-9' not in error


async def test_a_server_that_is_not_there_is_an_error() -> None:
    assert 'Connection refused' in await send_to_address(f'json://127.0.0.1:{free_port()}/', text())


async def test_a_server_that_hangs_is_left_in_time() -> None:
    with http_receiver(is_hanging=True) as server:
        # Longer than the limit, so that not Apprise ends it.
        address = f'json://127.0.0.1:{server.port}/?rto=60'

        assert await send_to_address(address, text(), limit=3) == 'The server did not answer within 3 seconds.'


async def test_logins_that_the_person_has_for_other_programs_are_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / '.netrc').write_text('machine 127.0.0.1 login me password of-another-program')
    (tmp_path / '.netrc').chmod(0o600)
    monkeypatch.setenv('HOME', str(tmp_path))
    with http_receiver() as server:
        assert await send_to_address(f'json://127.0.0.1:{server.port}/', text()) == ''

        assert 'Authorization' not in server.requests[0]['headers']


GOOD = (
    'mailtos://me:secret@mail.example.org?to=you+me@example.org,Me <me@Example.org>',
    'ntfys://ntfy.example.org/topic',
    'discord://1234567/abcdef_token',
    'slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ',
    'tgram://123456789:ABCdefghijkl_ABCdefghijkl-ABCdefghij/12315544',
    'matrixs://me:secret@matrix.example.org/#room',
    'gotifys://gotify.example.org/AbCdEfGhIjKlMnO',
)


@pytest.mark.parametrize('address', GOOD)
async def test_addresses_that_people_have_are_accepted(address: str) -> None:
    assert await check_address(address) == ''


@pytest.mark.parametrize(
    'address',
    [
        'gotify://gotify.example.org',
        'ntfy://',
        'ncloud://me:secret@cloud.example.org',
        'irc://irc.example.org',
        'mailto://me@example.org?to=nobody',
        'mailto://me@example.org?to=you@b.org,nobody',
    ],
)
async def test_addresses_that_miss_something_are_not(address: str) -> None:
    assert await check_address(address) != ''


PROGRAM = """
import json, os, sys
from pathlib import Path
news = json.load(sys.stdin)
names = ('KIND', 'TITLE', 'TEXT', 'URL', 'COUNT')
Path(sys.argv[1]).write_text(json.dumps([news, {name: os.environ['SYNAPSE_ALERT_' + name] for name in names}]))
"""


async def test_a_command_gets_the_news_in_variables_and_as_json(tmp_path: Path) -> None:
    told = tmp_path / 'told'
    assert await run_command([sys.executable, '-c', PROGRAM, str(told)], text()) == ''

    news, variables = json.loads(told.read_text())
    assert variables == {
        'KIND': 'run_failed',
        'TITLE': 'film.mp4 failed',
        'TEXT': BODY,
        'URL': 'http://room/runs/7',
        'COUNT': '2',
    }
    assert (news['title'], news['count'], news['alerts'][0]['title']) == ('film.mp4 failed', 2, 'film.mp4 failed')


async def test_a_command_that_fails_is_quoted() -> None:
    error = await run_command(['sh', '-c', 'echo first; echo "no such phone" >&2; exit 3'], text())

    assert error == 'sh ended with 3: no such phone'


async def test_a_command_that_is_not_there_is_named() -> None:
    assert (
        await run_command(['/no/such/program'], text())
        == '/no/such/program cannot be started: No such file or directory.'
    )


async def test_what_cannot_be_started_is_told_before_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'plain.txt').touch()
    for program in ('/no/such/program', 'no-such-program', str(tmp_path), './plain.txt'):
        assert why_not_started(program) == await run_command([program], text()) != ''
    assert why_not_started('sh') == why_not_started(sys.executable) == ''


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / 'pid'
    error = await run_command(['sh', '-c', f'sleep 600 & echo $! > {pid}; echo waiting; wait'], text(), limit=1)

    assert error == 'sh did not end within 1 seconds and was killed. waiting'
    await asyncio.to_thread(wait_until_gone, int(pid.read_text()))


async def test_a_command_that_reads_nothing_and_prints_without_end_is_no_trouble() -> None:
    assert await run_command(['sh', '-c', 'head -c 30000000 /dev/zero'], text()) == ''


async def test_a_command_may_leave_a_program_behind() -> None:
    assert await run_command(['sh', '-c', 'sleep 5 & exit 0'], text(), limit=10) == ''


async def test_a_process_stands_by_while_an_address_may_be_entered_and_is_gone_afterwards() -> None:
    standby = Standby()
    standby.begin()
    first = await standing_by(standby)

    assert await standby.check('gotify://gotify.example.org') != ''
    assert not psutil.pid_exists(first)
    assert await standing_by(standby) != first, 'the next one waits for the corrected address'
    assert await standby.check('gotifys://gotify.example.org/AbCdEfGhIjKlMnO') == ''

    standby.begin()
    standby.end()
    last = await standing_by(standby)
    standby.end()
    await standby.stop()
    assert not psutil.pid_exists(last)


async def test_one_that_was_closed_before_it_had_begun_leaves_nothing() -> None:
    standby = Standby()
    standby.begin()
    standby.end()
    await standby.stop()

    assert standby._ready is None
    assert not any(ending.is_running for ending in standby._ending)


async def test_a_process_that_stood_by_and_died_is_replaced() -> None:
    standby = Standby()
    standby.begin()
    psutil.Process(await standing_by(standby)).kill()
    ready = standby._ready
    assert ready is not None
    await ready.program.exited.wait()

    assert await standby.check('json://example.org') == ''
    await standby.stop()


async def standing_by(standby: Standby) -> int:
    """The process that waits for an address."""
    assert standby._starting is not None
    await standby._starting
    assert standby._ready is not None
    return standby._ready.transport.get_pid()
