"""An address is checked as far as that needs no library, and shown and quoted without its secrets."""

import pytest

from synapse.errors import Invalid
from synapse.notifications.address import checked_address, secrets_of, shown_address, why_refused


@pytest.mark.parametrize(
    ('address', 'shown'),
    [
        ('mailtos://me:pass@mail.example.org:465?to=you@example.org', 'mailtos://mail.example.org:465/***'),
        ('json://[::1]:8080/hooks/secret', 'json://[::1]:8080/***'),
        ('ntfys://ntfy.example.org/topic', 'ntfys://ntfy.example.org/***'),
        ('ntfy://topic', 'ntfy://***'),
        ('NTFY://topic', 'ntfy://***'),
        ('tgram://123456789:ABCdef/123', 'tgram://***'),
        ('discord://1234567/abcdef_token', 'discord://***'),
        ('https://hooks.slack.com/services/T1/B1/secret', 'https://***'),
    ],
)
def test_only_the_name_of_a_server_is_shown(address: str, shown: str) -> None:
    assert shown_address(checked_address(f' {address} ')) == shown


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('', 'Enter an address.'),
        ('me@example.org', 'Begin with the service, such as ntfys://ntfy.example.org/my-topic.'),
        ('json://example.org:99999/', 'The port is not possible: it is a number up to 65535.'),
        ('json://ho st/', 'The name of the server has a blank. Leave it out, as in jsons://example.org/path.'),
        ('json://example.org/***', 'The hidden part of this address is not known. Enter the whole address.'),
        ('json://example.org/\u200b', 'The address has characters that cannot be seen. Copy it again.'),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Invalid) as error:
        checked_address(text)

    assert error.value.fields == {'url': sentence}


@pytest.mark.parametrize(
    ('address', 'said', 'sentence'),
    [
        ('https://example.org', 'Unparseable URL ***', 'begin with jsons://, as in jsons://example.org/path.'),
        ('mailto://x', 'Invalid ~From~ email specified:.', 'Write it like mailtos://user:password@mail.example.org'),
        ('ntfy://', 'There are no ntfy topics to notify', 'it needs a topic after the server'),
        ('foo://bar', 'Unparseable URL ***', 'No service is foo://.'),
        ('mailto://a@b?to=x', 'x cannot be a recipient', 'This address does not work: x cannot be a recipient. Write'),
        ('line://token', 'There were no Line targets to notify.', 'no Line targets to notify. How each is written:'),
    ],
)
def test_what_apprise_refuses_is_said_in_our_words(address: str, said: str, sentence: str) -> None:
    assert sentence in why_refused(address, said)


@pytest.mark.parametrize(
    ('address', 'secret'),
    [
        ('mailtos://me:p%40ss@mail.example.org', 'p@ss'),
        ('tgram://123456789:ABCdef/123', 'ABCdef'),
        ('discord://1234567/abcdef_token', 'abcdef_token'),
        ('json://example.org/hooks/long-token?apikey=another', 'long-token'),
        ('json://example.org/hooks/long-token?apikey=another', 'another'),
        ('ntfy://my-topic', 'my-topic'),
    ],
)
def test_no_part_of_an_address_that_may_be_secret_is_quoted(address: str, secret: str) -> None:
    assert {address, secret} <= {*secrets_of(address)}


def test_a_server_and_short_words_are_quoted() -> None:
    hidden = secrets_of('mailtos://me:pa@mail.example.org?mode=ssl')

    assert 'pa' in hidden
    assert not {'mail.example.org', 'me', 'mode', 'ssl'} & {*hidden}
