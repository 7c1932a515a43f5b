"""What to do about the reason that a program gives, where the words of the system leave no doubt about it."""

import re

from synapse.language import N_, translated

_REMEDIES = (
    (
        r'Authentication failed|Permission denied \(publickey|(HTTP|error:?|status:?) ?401\b|\b401 Unauthorized',
        N_('Check the user name and the password or key.'),
    ),
    (r'No space left on device|Disk quota exceeded|(is|disk) full', N_('Free some space on that disk, then retry.')),
    (r'Read-only file system', N_('That disk can only be read: mount it for writing, or choose another folder.')),
    (
        r'Permission denied|Operation not permitted|Keine Berechtigung|Zugriff verweigert',
        N_('Allow the user that runs Synapse to do this, or choose another place.'),
    ),
    (
        r'command not found|: not found$|is not recognized as an internal',
        N_('Install the program, or give its full path.'),
    ),
    (
        r'No such file or directory|Datei oder Verzeichnis nicht gefunden',
        N_('Check that this path exists, and is spelled the same, capitals included.'),
    ),
    (r'Address already in use', N_('Another program uses this port: end it, or choose another port.')),
    (r'Connection refused', N_('Check that the server runs, and that address and port are right.')),
    (
        r'Could not resolve|Name or service not known|Temporary failure in name resolution|getaddrinfo',
        N_('Check the name of the server, and that this machine is online.'),
    ),
    (
        r'No route to host|Network is unreachable|Host is down|Connection (reset|timed out)|Operation timed out',
        N_('Check that this machine is online and reaches the server, then retry.'),
    ),
    (r'Too many open files', N_('Raise the limit of open files (ulimit -n), or let it open fewer at once.')),
    (r'Cannot allocate memory|Out of memory', N_('Free some memory, or let less run at the same time.')),
    (r'Host key verification failed', N_('Connect once by hand with ssh, and confirm the key of the server.')),
    (
        r'CERTIFICATE_VERIFY_FAILED|certificate has expired',
        N_('Check the certificate of the server, and the clock here.'),
    ),
)
"""What is more particular comes before what is more general."""
_KNOWN = [(re.compile(pattern, re.IGNORECASE), remedy) for pattern, remedy in _REMEDIES]


def remedy_of(reason: str) -> str:
    """Return what to do about it in a sentence; empty where that is not certain.

    :param reason: a line of the output of a program, such as `cp: cannot stat '/a': No such file or directory`
    """
    return next((translated(remedy) for pattern, remedy in _KNOWN if pattern.search(reason)), '')
