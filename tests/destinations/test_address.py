"""What an address means, which are refused, and that no password survives in one."""

from pathlib import Path

import pytest

from synapse.destinations import DestinationError, check_destination
from synapse.destinations.address import located, without_login
from synapse.destinations.login import login_of
from synapse.scrubber import masked, secret_values


@pytest.mark.parametrize(
    'address',
    [
        '',
        '  ',
        'relative/folder',
        'nosuch://host/x',
        '/tmp/\0',
        '/tmp/a\nb',
        'memory://x',
        'http://host/x',
        'zip://a::file://b',
        'sftp:///folder',
        'sftp://host:0/x',
        'sftp://host:port/x',
        'smb://host',
        's3:///x',
        'sftp://anna:geheim-1@host/x',
        'sftp://anna@host/x',
        'gs://anna:geheim-1@bucket/x',
        'sftp://anna:ge/heim-1@host/x',
    ],
)
def test_an_address_that_leads_nowhere_or_has_a_login_is_refused(address: str) -> None:
    with pytest.raises(DestinationError) as refused:
        check_destination(address)

    assert refused.value.hint
    assert 'heim-1' not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ('address', 'saved'),
    [
        (' s3://bucket/x ', 's3://bucket/x'),
        ('ssh://host/x', 'sftp://host/x'),
        ('davs://host:8443/a b/#1?%', 'webdavs://host:8443/a b/#1?%'),
        ('SFTP://[::1]:22/~/films', 'sftp://[::1]:22/~/films'),
        ('file:///srv/films', '/srv/films'),
        ('file:///srv/my%20films', '/srv/my films'),
        ('"/srv/my films"', '/srv/my films'),
        ("'sftp://host/films'", 'sftp://host/films'),
        ('~/films', str(Path.home() / 'films')),
        ('sftp://host/a@b/c:d@e', 'sftp://host/a@b/c:d@e'),
        ('sftp://host:22/a@b', 'sftp://host:22/a@b'),
    ],
)
def test_an_address_is_saved_in_one_form(address: str, saved: str) -> None:
    assert check_destination(address) == saved
    assert check_destination(saved) == saved


@pytest.mark.parametrize(
    ('address', 'clean', 'username', 'password'),
    [
        ('sftp://anna:geheim-1@host:22/x', 'sftp://host:22/x', 'anna', 'geheim-1'),
        ('sftp://anna@host/x', 'sftp://host/x', 'anna', ''),
        ('ftp://anna:ge%40h%3Aeim%2F@host/x', 'ftp://host/x', 'anna', 'ge@h:eim/'),
        ('ftp://anna:ge@heim@host', 'ftp://host', 'anna', 'ge@heim'),
        ('smb://work;anna:geheim-1@host/share', 'smb://host/share', 'work;anna', 'geheim-1'),
        ('s3://KEY:geheim-1@bucket/x', 's3://bucket/x', 'KEY', 'geheim-1'),
        ('/srv/a:b@c', '/srv/a:b@c', '', ''),
    ],
)
def test_a_login_is_taken_out_of_an_address(address: str, clean: str, username: str, password: str) -> None:
    saved, secrets = without_login(address)

    assert saved == clean
    login = login_of(secrets)
    assert (login.username, login.password) == (username, password)
    assert located(address).text == clean


def test_a_login_in_any_text_is_masked() -> None:
    text = 'cannot reach sftp://anna:ge/heim-1@host/x, "s3://KEY:geheim-1@b" or http://anna@host; mail a@b.c'

    assert masked(text) == 'cannot reach sftp://***@host/x, "s3://***@b" or http://***@host; mail a@b.c'
    assert masked('see http://host/a@b and sftp://host:22/x@y') == 'see http://host/a@b and sftp://host:22/x@y'


def test_only_what_is_secret_of_a_login_is_hidden() -> None:
    secrets = {'destination_username': 'media', 'destination_password': 'geheim-1', 'API_KEY': 'k-1'}

    assert secret_values(secrets) == ['geheim-1', 'k-1']
    assert 'geheim-1' not in repr(login_of(secrets))
    assert login_of({'destination_endpoint_url': 'http://x', 'other': 'y'}).options == {'endpoint_url': 'http://x'}


def test_an_address_is_repeated_as_it_was_typed() -> None:
    with pytest.raises(DestinationError) as refused:
        check_destination('films\\2026')

    assert refused.value.message == 'films\\2026 is not a full path.'
