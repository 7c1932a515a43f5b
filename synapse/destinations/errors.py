"""What can go wrong at a destination, in words for people."""

from dataclasses import dataclass

from synapse.language import _
from synapse.pipelines.pipeline import StepFailed


class DestinationError(StepFailed):
    """A destination cannot be used, or a name is taken there."""


class PackageMissing(DestinationError):
    """A kind of destination needs packages that are not installed; `extra` names them."""

    def __init__(self, scheme: str, extra: str, packages: tuple[str, ...]) -> None:
        names = ' '.join(packages)
        super().__init__(
            _('{scheme}:// needs a package that is not installed: {names}.', scheme=scheme, names=names),
            _('Install it with the button in the profile, or with: python -m pip install {names}', names=names),
        )
        self.extra = extra


@dataclass(frozen=True, slots=True)
class HostKey:
    """The key by which an SSH server proves who it is, as in known_hosts(5)."""

    host: str
    """With its port as `[host]:port` unless that is 22."""
    type: str
    key: str
    """The public key in Base64."""
    fingerprint: str


class HostKeyUnknown(DestinationError):
    """An SSH server whose key was not accepted yet."""

    def __init__(self, key: HostKey) -> None:
        super().__init__(
            _(
                'The server {host} is not known yet. Its {type} key has the fingerprint {fingerprint}.',
                host=key.host,
                type=key.type,
                fingerprint=key.fingerprint,
            ),
            _('If that is the key of your server, press Try it in the profile and accept it.'),
        )
        self.key = key


class HostKeyChanged(DestinationError):
    """An SSH server that shows another key than the one that was accepted."""

    def __init__(self, key: HostKey, file: str) -> None:
        super().__init__(
            _(
                'The server {host} shows another key than before, with the fingerprint {fingerprint}. '
                'Another machine may be answering in its place, so nothing was sent.',
                host=key.host,
                fingerprint=key.fingerprint,
            ),
            _('If the server was set up again, remove its line from {file}, then try again.', file=file),
        )
        self.key = key
