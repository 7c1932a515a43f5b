"""What a Windows share answers when something goes wrong, as the reason that a person reads."""

import pytest

from synapse.destinations.smb import _plain_errors

exceptions = pytest.importorskip('smbprotocol.exceptions')


@pytest.mark.parametrize(
    ('status', 'kind', 'reason'),
    [
        (0xC0000034, FileNotFoundError, 'No such file'),
        (0xC000007F, OSError, 'disk full'),
        (0xC0000017, OSError, 'ntstatus 0xc0000017'),  # Samba's "no memory", which smbprotocol has no name for
    ],
)
def test_an_answer_of_the_server_has_a_reason(status: int, kind: type[OSError], reason: str) -> None:
    with pytest.raises(kind, match=reason), _plain_errors():
        raise exceptions.SMBOSError(status, 'a.bin')
