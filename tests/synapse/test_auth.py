"""Tokens, sign-in codes, sessions and the secret calendar address."""

import json
import stat
from pathlib import Path

import pytest

from synapse.auth import CODE_SECONDS, Auth, CodeState
from synapse.credentials.scope import Scope, hashed
from synapse.credentials.sessions import OVERLAP_SECONDS, RENEW_SECONDS, SESSION_SECONDS, browser_of
from synapse.language import answering_in, spoken


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def entry(tmp_path: Path, clock: Clock) -> Auth:
    return Auth(tmp_path, clock=clock)


def test_the_keys_are_private_and_last(tmp_path: Path, entry: Auth) -> None:
    again = Auth(tmp_path)

    assert again.token == entry.token == (tmp_path / 'token').read_text().strip()
    assert again.storage_secret == entry.storage_secret
    for name in ('token', 'secret.key'):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_key_file_that_others_could_read_is_made_private_again(tmp_path: Path, entry: Auth) -> None:
    (tmp_path / 'token').chmod(0o644)

    assert Auth(tmp_path).token == entry.token
    assert stat.S_IMODE((tmp_path / 'token').stat().st_mode) == 0o600


@pytest.mark.parametrize('content', [b'', b'short', b'\xff' * 40])
def test_a_token_file_that_cannot_be_a_token_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'token').write_bytes(content)

    token = Auth(tmp_path).token

    assert token.startswith('syn_')
    assert (tmp_path / 'token').read_text().strip() == token


def test_the_secret_of_the_calendar_feed_is_private_lasts_and_is_revoked(tmp_path: Path, entry: Auth) -> None:
    assert entry.feed is None
    assert not entry.is_feed('')
    first = entry.new_feed()

    second = entry.new_feed()

    assert stat.S_IMODE((tmp_path / 'feed').stat().st_mode) == 0o600
    assert Auth(tmp_path).feed == second
    assert entry.is_feed(second)
    assert not entry.is_feed(first)
    entry.revoke_feed()
    entry.revoke_feed()
    assert not entry.is_feed(second)
    assert Auth(tmp_path).feed is None


@pytest.mark.parametrize('content', [b'', b'short', b'\xff' * 40])
def test_a_feed_file_that_cannot_be_a_secret_opens_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'feed').write_bytes(content)

    assert Auth(tmp_path).feed is None


def test_only_the_token_is_the_token(entry: Auth) -> None:
    assert entry.is_token(entry.token)
    assert not entry.is_token('')
    assert not entry.is_token(entry.token[:-1])
    assert not entry.is_token('tökén\ud800')


def test_a_code_opens_one_session_once(entry: Auth) -> None:
    code = entry.mint_code()

    session = entry.redeem(code)

    assert session is not None
    assert entry.is_valid(session)
    assert entry.redeem(code) is None


def test_the_code_of_a_start_opens_sessions_as_long_as_the_process_lives(
    tmp_path: Path, entry: Auth, clock: Clock
) -> None:
    code = entry.code_of_start()

    clock.now += 2 * CODE_SECONDS
    first, second = entry.redeem(code), entry.redeem(code)

    assert None not in (first, second)
    assert first != second
    assert Auth(tmp_path, clock=clock).redeem(code) is None


def test_a_code_signs_in_with_the_scope_it_was_made_for(entry: Auth) -> None:
    looks, acts = (entry.redeem(entry.mint_code(scope)) or '' for scope in (Scope.READ, Scope.ADMIN))

    assert [entry.session(value).scope for value in (looks, acts)] == [Scope.READ, Scope.ADMIN]  # type: ignore[union-attr]


def test_sessions_tell_which_browser_they_are_and_when_it_was_seen(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    old = entry.redeem(entry.mint_code(), browser='Firefox on Linux', address='127.0.0.1') or ''
    clock.now += 60
    entry.redeem(entry.mint_code(), browser='Chrome on Android', address='10.0.0.2')
    clock.now += 60
    entry.see(old, '10.0.0.3')

    seen = [(session.browser, session.address, session.seen_at.timestamp()) for session in entry.sessions()]
    assert seen == [('Firefox on Linux', '10.0.0.3', clock.now), ('Chrome on Android', '10.0.0.2', clock.now - 60)]


def test_seeing_a_session_never_waits_for_who_signs_in(entry: Auth, clock: Clock) -> None:
    session = entry.redeem(entry.mint_code(), address='127.0.0.1') or ''
    opened_at = clock.now
    clock.now += 60

    with entry._lock:  # as whoever signs in holds it while the disk writes
        entry.see(session, '10.0.0.9')

    assert entry.sessions()[0].seen_at.timestamp() == opened_at
    entry.see(session, '10.0.0.9')
    assert entry.sessions()[0].address == '10.0.0.9'


def test_sessions_of_the_first_format_stay_signed_in(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    key = hashed('an old session')
    (tmp_path / 'sessions.json').write_text(
        json.dumps({'version': 1, 'sessions': {key: clock.now - 60}, 'used_codes': {'x': clock.now}})
    )

    session = Auth(tmp_path, clock=clock).session('an old session')

    assert session is not None
    assert (session.scope, session.seen_at.timestamp()) == (Scope.ADMIN, clock.now - 60)


def test_a_session_ends_by_its_id_and_closes_what_it_had_opened(entry: Auth) -> None:
    session, other = entry.redeem(entry.mint_code()) or '', entry.redeem(entry.mint_code()) or ''
    ended: list[str] = []
    entry.on_end(session, lambda: ended.append('its page'))
    found = entry.session(session)
    assert found is not None

    assert entry.end_session_of(found.id)

    assert not entry.end_session_of(found.id)
    assert ended == ['its page']
    assert (entry.is_valid(session), entry.is_valid(other)) == (False, True)


@pytest.mark.parametrize(
    ('agent', 'words'),
    [
        ('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'),
        (
            'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1',
            'Safari on iPhone',
        ),
        (
            'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0',
            'Edge on Windows',
        ),
        ('Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36', 'Chrome on Android'),
        ('curl/8.5.0', 'curl'),
        ('<script>/1', 'script'),
        ('', ''),
    ],
)
def test_a_browser_is_named_in_two_words(agent: str, words: str) -> None:
    assert browser_of(agent) == words


def test_a_browser_is_named_in_the_language_of_who_reads_it_and_not_of_who_signed_in(
    tmp_path: Path, entry: Auth, clock: Clock
) -> None:
    with answering_in('pt_BR'):
        browser = browser_of('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36')
        entry.redeem(entry.mint_code(), browser=browser)

    for auth in (entry, Auth(tmp_path, clock=clock)):
        (session,) = auth.sessions()
        assert session.as_json()['browser'] == 'Chrome on Linux'
        with answering_in('pt_BR'):
            assert spoken(session.browser) == 'Chrome no Linux'


def test_a_used_code_stays_used_after_a_restart(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    code = entry.mint_code()
    session = entry.redeem(code)

    again = Auth(tmp_path, clock=clock)

    assert again.redeem(code) is None
    assert session is not None
    assert again.is_valid(session)


def test_a_code_of_another_process_on_the_same_folder_works(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    assert entry.redeem(Auth(tmp_path, clock=clock).mint_code()) is not None


def test_a_code_ends_after_ten_minutes(entry: Auth, clock: Clock) -> None:
    in_time, late = entry.mint_code(), entry.mint_code()

    clock.now += CODE_SECONDS
    assert entry.redeem(in_time) is not None
    clock.now += 1
    assert entry.redeem(late) is None


def test_the_state_of_a_code_is_known_without_the_disk(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    used, left = entry.mint_code(), entry.mint_code()
    entry.redeem(used)
    (tmp_path / 'sessions.json').unlink()

    assert (entry.state_of(used), entry.state_of(left)) == (CodeState.USED, CodeState.FRESH)
    assert entry.state_of(f'{left}x') is CodeState.WRONG
    clock.now += CODE_SECONDS + 1
    assert entry.state_of(left) is CodeState.EXPIRED
    assert not (tmp_path / 'sessions.json').exists()


def test_a_clock_that_was_set_back_does_not_spoil_a_fresh_link_nor_let_it_in_twice(entry: Auth, clock: Clock) -> None:
    code, early = entry.mint_code(), entry.mint_code()
    clock.now -= 5

    assert entry.redeem(code) is not None
    assert entry.redeem(code) is None
    clock.now += CODE_SECONDS + 5
    assert entry.redeem(early) is not None
    assert entry.redeem(code) is None
    clock.now -= 2 * CODE_SECONDS + 1
    assert entry.state_of(entry.mint_code()) is CodeState.FRESH
    assert entry.redeem(early) is None


@pytest.mark.parametrize('code', ['', 'x', 'a.b.c', '\ud800', 'é.é.é', '.' * 5000])
def test_a_wrong_code_opens_nothing(entry: Auth, code: str) -> None:
    assert entry.redeem(code) is None


def test_a_code_of_another_folder_opens_nothing(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    assert entry.redeem(Auth(tmp_path / 'other', clock=clock).mint_code()) is None


def test_the_token_signs_a_browser_in(entry: Auth) -> None:
    session = entry.redeem_token(f' {entry.token}\n')

    assert session is not None
    assert entry.is_valid(session)
    assert entry.redeem_token('wrong') is None


def test_sessions_are_kept_as_hashes_in_a_private_file(tmp_path: Path, entry: Auth) -> None:
    session = entry.redeem(entry.mint_code())

    kept = (tmp_path / 'sessions.json').read_text()
    assert session is not None
    assert session not in kept
    assert len(json.loads(kept)['sessions']) == 1
    assert stat.S_IMODE((tmp_path / 'sessions.json').stat().st_mode) == 0o600


def test_a_session_lasts_seven_days_and_slides(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    session = entry.redeem(entry.mint_code()) or ''

    assert not entry.is_due_for_renewal(session)
    clock.now += RENEW_SECONDS + 1
    assert entry.is_due_for_renewal(session)
    new = entry.renew_session(session) or ''
    clock.now += SESSION_SECONDS - 1

    assert Auth(tmp_path, clock=clock).is_valid(new)
    clock.now += 1
    assert not entry.is_valid(new)
    assert entry.renew_session(new) is None


def test_a_session_is_replaced_after_a_restart_and_ends_soon(tmp_path: Path, entry: Auth, clock: Clock) -> None:
    session = entry.redeem(entry.mint_code()) or ''
    clock.now += 1
    restarted = Auth(tmp_path, clock=clock)

    assert restarted.is_due_for_renewal(session)
    new = restarted.renew_session(session) or ''

    assert new != session
    assert restarted.renew_session(session) == new
    assert not restarted.is_due_for_renewal(new)
    assert restarted.is_valid(session)
    clock.now += OVERLAP_SECONDS + 1
    assert not restarted.is_valid(session)
    assert restarted.renew_session(session) is None
    assert not Auth(tmp_path, clock=clock).is_valid(session)
    assert restarted.is_valid(new)


def test_the_end_of_a_session_ends_what_was_opened_before_it_was_replaced(entry: Auth, clock: Clock) -> None:
    session = entry.redeem(entry.mint_code()) or ''
    ended: list[str] = []
    entry.on_end(session, lambda: ended.append('before'))
    new = entry.renew_session(session) or ''
    entry.on_end(new, lambda: ended.append('after'))

    entry.end_session(new)

    assert ended == ['before', 'after']
    assert not entry.is_valid(session)
    assert not entry.is_valid(new)


def test_an_ended_session_is_signed_out_at_once(tmp_path: Path, entry: Auth) -> None:
    session, other = entry.redeem(entry.mint_code()) or '', entry.redeem(entry.mint_code()) or ''
    ended: list[str] = []
    entry.on_end(session, lambda: ended.append('first'))
    entry.on_end(session, lambda: ended.append('unsubscribed'))()
    entry.on_end(other, lambda: ended.append('other'))

    entry.end_session(session)
    entry.end_session(session)
    entry.end_session('unknown')

    assert ended == ['first']
    assert not entry.is_valid(session)
    assert entry.is_valid(other)
    assert not Auth(tmp_path).is_valid(session)


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'{"sessions": [], "used_codes": {}}', b'\xff'])
def test_an_unreadable_session_file_is_set_aside_and_opens_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'sessions.json').write_bytes(content)

    entry = Auth(tmp_path)

    assert [path.read_bytes() for path in tmp_path.glob('sessions.json.corrupt-*')] == [content]
    assert entry.redeem(entry.mint_code()) is not None


def test_with_a_disk_that_refuses_the_owner_still_gets_in(tmp_path: Path, entry: Auth) -> None:
    (tmp_path / 'sessions.json').mkdir()

    session = entry.redeem(entry.mint_code())

    assert session is not None
    assert entry.is_valid(session)
