"""What a person may type as the address of a calendar, and what of it is shown."""

import pytest

from synapse.errors import Invalid
from synapse.subscriptions.address import checked_address, secrets_of, shown_address

SECRET = 'https://anna:geheim@example.org:8443/private-0123456789abcdef/basic.ics?key=1'


@pytest.mark.parametrize(
    ('typed', 'read'),
    [
        (' https://example.org/a.ics ', 'https://example.org/a.ics'),
        ('webcal://example.org/a.ics', 'https://example.org/a.ics'),
        ('WEBCALS://example.org/a.ics?x=1', 'https://example.org/a.ics?x=1'),
        ('http://192.168.1.5:5232/anna/', 'http://192.168.1.5:5232/anna/'),
    ],
)
def test_addresses_of_calendar_programs_are_taken(typed: str, read: str) -> None:
    assert checked_address(typed) == read


@pytest.mark.parametrize(
    'typed',
    [
        '',
        'example.org/a.ics',
        'file:///etc/passwd',
        'ftp://example.org/a',
        'https://',
        'http://[::1',
        'https://a b/',
        'https://example.org:99999/',
        'javascript:alert(1)',
        'https://example.org/\nx',
        f'https://e.org/{"x" * 5000}',
    ],
)
def test_anything_else_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_address(typed)

    assert set(caught.value.fields) == {'url'}
    assert len(typed) < 9 or typed not in caught.value.fields['url']


@pytest.mark.parametrize(
    ('typed', 'sentence'),
    [
        ('', 'Enter an address.'),
        ('example.org/cal.ics', 'Put https:// before it.'),
        ('example.org:8443/cal.ics', 'Put https:// before it.'),
        ('ftp://example.org/a', 'The address begins with something other than https:'),
        ('https://example.org/a b.ics', 'An address has no blanks; write %20'),
        ('https://example.org:99999/a', 'The port is not possible'),
        ('https://example.org:0/a', 'The port is not possible'),
        ('https://example.org:x/a', 'The port is not possible'),
        (f'https://e.org/{"x" * 5000}', 'The address has more than 4,000 characters.'),
        ('https:///a.ics', 'The address names no server.'),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(typed: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_address(typed)

    assert caught.value.fields['url'].startswith(sentence)


def test_only_the_server_of_an_address_is_shown() -> None:
    assert shown_address(SECRET) == 'https://example.org:8443/…'
    assert shown_address('http://[::1]:80/x') == 'http://[::1]:80/…'


def test_the_log_hides_the_address_its_path_and_its_password_but_no_short_path() -> None:
    assert secrets_of(SECRET) == [SECRET, '/private-0123456789abcdef/basic.ics?key=1', 'geheim']
    assert secrets_of('https://example.org/videos') == ['https://example.org/videos']
