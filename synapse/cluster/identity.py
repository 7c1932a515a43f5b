"""Who belongs to a cluster: one code that a person carries to each machine, and the certificates made of it.

Every machine derives the same certificate authority from the code and lets it sign a certificate of its own, so nothing
but the code has to travel. Dask's TLS then admits only who has such a certificate, on both sides of each connection.
"""

import base64
import hashlib
import ipaddress
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID
from distributed.security import Security

from storage.files import make_private_folder, write_atomically
from synapse.language import _

CODE_VARIABLE = 'SYNAPSE_CLUSTER_CODE'
"""Gives a machine the code, where a command line would show it to others."""
CODE_BYTES = 20
GROUP = 4
PAST, PAST_CODES = 'past-codes', 50
"""The file with digests of the codes that were replaced, and how many it holds."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (NIST SP 800-186, 3.2.1.3)."""
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""When certificates become valid: the clocks of two machines differ."""
_YEARS = timedelta(days=3650)


class WrongCode(ValueError):
    """A text that is no code of a cluster."""

    def __init__(self) -> None:
        super().__init__(
            _('This is no code of a cluster. Copy the whole line that the first machine prints at its start.')
        )


def new_code() -> str:
    """Return a code such as `7KQ2-...`, eight groups of four letters and digits, with 160 random bits."""
    return _grouped(base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode())


def read_code(text: str) -> str:
    """Return a code as `new_code` writes it.

    :raises WrongCode: if it is none
    """
    plain = re.sub(r'[\s-]', '', text).upper()
    if not re.fullmatch(r'[A-Z2-7]{32}', plain):
        raise WrongCode
    return _grouped(plain)


def _grouped(plain: str) -> str:
    return '-'.join(plain[place : place + GROUP] for place in range(0, len(plain), GROUP))


def saved_code(folder: Path) -> str:
    """Return the code that is kept in a folder, empty if none is."""
    try:
        return read_code((folder / 'code').read_text('ascii'))
    except (OSError, ValueError):
        return ''


def save_code(folder: Path, code: str) -> None:
    """Keep a code in a folder, readable by its owner alone.

    :raises StorageError: if the disk refuses
    """
    make_private_folder(folder)
    write_atomically(folder / 'code', f'{code}\n'.encode())


def replace_code(folder: Path, code: str) -> None:
    """Keep a new code in the place of the one that is kept; `newest_code` then knows that one as out of date.

    :raises StorageError: if the disk refuses
    """
    past = [*_past(folder), _digest(saved_code(folder))][-PAST_CODES:]
    write_atomically(folder / PAST, '\n'.join(past).encode())
    save_code(folder, code)


def newest_code(folder: Path, given: str) -> str:
    """Return the code that has replaced this one here, else this one.

    A command that starts a worker, in a service for example, has the code with which it once joined.
    """
    return saved_code(folder) or given if _digest(given) in _past(folder) else given


def forget_code(folder: Path) -> None:
    """Remove the codes that are kept in a folder."""
    for name in ('code', PAST):
        (folder / name).unlink(missing_ok=True)


def _past(folder: Path) -> list[str]:
    try:
        return (folder / PAST).read_text('ascii').split()
    except (OSError, ValueError):
        return []


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def has_own_certificates() -> bool:
    """Whether Dask was given certificates, by its variables or files: for a cluster that others have made."""
    return bool(Security().tls_ca_file)


def security_of(code: str, folder: Path) -> Security:
    """Return the security of a machine with this code; its certificate, made anew each time, is kept in the folder.

    :raises StorageError: if the disk refuses
    """
    authority = _authority_key(code)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'Synapse cluster')])
    own = ec.generate_private_key(ec.SECP256R1())
    is_authority = x509.BasicConstraints(ca=True, path_length=0)
    root = _builder(name, name, authority.public_key()).add_extension(is_authority, critical=True)
    machine = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'Synapse machine')])
    names = x509.SubjectAlternativeName(
        [x509.DNSName('synapse-cluster'), x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]
    )
    leaf = _builder(machine, name, own.public_key()).add_extension(names, critical=False)
    make_private_folder(folder)
    files = {
        'authority.pem': root.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        'machine.pem': leaf.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    for file, data in files.items():
        write_atomically(folder / file, data, sync=False)
    certificate = str(folder / 'machine.pem')
    return Security(
        require_encryption=True,
        tls_ca_file=str(folder / 'authority.pem'),
        tls_client_cert=certificate,
        tls_client_key=certificate,
        tls_scheduler_cert=certificate,
        tls_scheduler_key=certificate,
        tls_worker_cert=certificate,
        tls_worker_key=certificate,
    )


def _authority_key(code: str) -> ec.EllipticCurvePrivateKey:
    secret = base64.b32decode(read_code(code).replace('-', ''))
    # 16 bytes more than the order has, so that its remainder is as good as even (FIPS 186-5, A.2.1).
    wide = HKDF(hashes.SHA256(), 48, salt=None, info=b'synapse cluster authority').derive(secret)
    return ec.derive_private_key(int.from_bytes(wide, 'big') % (_ORDER - 1) + 1, ec.SECP256R1())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_LONG_AGO)
        .not_valid_after(datetime.now(UTC) + _YEARS)
    )
