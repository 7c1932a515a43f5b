"""What to do about a reason: certain where the system says it, and nothing where it does not."""

import pytest

from synapse.failures.remedies import remedy_of


@pytest.mark.parametrize(
    ('reason', 'words'),
    [
        ('av_interleaved_write_frame(): No space left on device', 'Free some space'),
        ("cp: cannot stat '/a': No such file or directory", 'Check that this path exists'),
        ('bash: line 1: ffmpg: command not found', 'Install the program'),
        ("mkdir: cannot create directory '/root/x': Permission denied", 'Allow the user'),
        ('git@github.com: Permission denied (publickey).', 'the password or key'),
        ('curl: (7) Failed to connect to localhost port 1: Connection refused', 'Check that the server runs'),
        ('curl: (6) Could not resolve host: example.invalid', 'Check the name of the server'),
        ('OSError: [Errno 98] Address already in use', 'Another program uses this port'),
        ('ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]', 'Check the certificate'),
    ],
)
def test_the_words_of_the_system_have_a_remedy(reason: str, words: str) -> None:
    assert words in remedy_of(reason)


@pytest.mark.parametrize('reason', ['', 'ValueError: 404 is too many', 'The cup is empty.'])
def test_where_nothing_is_certain_nothing_is_said(reason: str) -> None:
    assert remedy_of(reason) == ''
