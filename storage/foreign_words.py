"""What systems, resolvers, SQLite and programs say in English, as texts of ours where we know their sentence."""

import errno
import os
import sqlite3

from .texts import N_, Text, joined

_SYSTEM = {
    errno.EPERM: N_('Operation not permitted'),
    errno.ENOENT: N_('No such file or directory'),
    errno.EIO: N_('Input/output error'),
    errno.ENXIO: N_('No such device or address'),
    errno.E2BIG: N_('Argument list too long'),
    errno.ENOEXEC: N_('Exec format error'),
    errno.EAGAIN: N_('Resource temporarily unavailable'),
    errno.ENOMEM: N_('Cannot allocate memory'),
    errno.EACCES: N_('Permission denied'),
    errno.EBUSY: N_('Device or resource busy'),
    errno.EEXIST: N_('File exists'),
    errno.EXDEV: N_('Invalid cross-device link'),
    errno.ENODEV: N_('No such device'),
    errno.ENOTDIR: N_('Not a directory'),
    errno.EISDIR: N_('Is a directory'),
    errno.EINVAL: N_('Invalid argument'),
    errno.ENFILE: N_('Too many open files in system'),
    errno.EMFILE: N_('Too many open files'),
    errno.ETXTBSY: N_('Text file busy'),
    errno.EFBIG: N_('File too large'),
    errno.ENOSPC: N_('No space left on device'),
    errno.EROFS: N_('Read-only file system'),
    errno.EMLINK: N_('Too many links'),
    errno.EPIPE: N_('Broken pipe'),
    errno.ENAMETOOLONG: N_('File name too long'),
    errno.ENOSYS: N_('Function not implemented'),
    errno.ENOTEMPTY: N_('Directory not empty'),
    errno.ELOOP: N_('Too many levels of symbolic links'),
    errno.EILSEQ: N_('Invalid or incomplete multibyte or wide character'),
    errno.EOPNOTSUPP: N_('Operation not supported'),
    errno.EADDRINUSE: N_('Address already in use'),
    errno.EADDRNOTAVAIL: N_('Cannot assign requested address'),
    errno.ENETDOWN: N_('Network is down'),
    errno.ENETUNREACH: N_('Network is unreachable'),
    errno.ECONNABORTED: N_('Software caused connection abort'),
    errno.ECONNRESET: N_('Connection reset by peer'),
    errno.ENOBUFS: N_('No buffer space available'),
    errno.ENOTCONN: N_('Transport endpoint is not connected'),
    errno.ETIMEDOUT: N_('Connection timed out'),
    errno.ECONNREFUSED: N_('Connection refused'),
    errno.EHOSTDOWN: N_('Host is down'),
    errno.EHOSTUNREACH: N_('No route to host'),
    errno.ESTALE: N_('Stale file handle'),
    errno.EDQUOT: N_('Disk quota exceeded'),
}
"""Of Linux; other systems mean the same by these numbers."""
_RESOLVER = {
    'EAI_NONAME': N_('Name or service not known'),
    'EAI_NODATA': N_('No address associated with hostname'),
    'EAI_AGAIN': N_('Temporary failure in name resolution'),
    'EAI_FAIL': N_('Non-recoverable failure in name resolution'),
}
_KNOWN = frozenset(
    {
        *_SYSTEM.values(),
        *_RESOLVER.values(),
        # SQLite
        N_('database is locked'),
        N_('database or disk is full'),
        N_('database disk image is malformed'),
        N_('file is not a database'),
        N_('disk I/O error'),
        N_('attempt to write a readonly database'),
        N_('unable to open database file'),
        # ffmpeg
        N_('Invalid data found when processing input'),
        N_('End of file'),
        N_('moov atom not found'),
        N_('Conversion failed!'),
        N_('Error opening output files'),
        N_('Generic error in an external library'),
        # Apprise, and the servers it speaks with
        N_('Bad Request - Unsupported Parameters'),
        N_('Verification Failed'),
        N_('Method not allowed'),
        N_('Servers are overloaded'),
        N_('Page not found'),
        N_('Internal server error'),
        N_('Connection unexpectedly closed'),
        N_('timed out'),
    }
)


def text_of(error: BaseException) -> str:
    """Return what an error says, as the text that it was made with: `str(error)` would forget its parts."""
    said = str(error)
    if error.args and isinstance(error.args[0], Text) and error.args[0] == said:
        return error.args[0]
    if isinstance(error, OSError):
        return _of_system(error)
    return _known(said) if isinstance(error, sqlite3.Error) else said


def _of_system(error: OSError) -> str:
    """Return the words of the system and the names of the files, without the number that Python puts before them."""
    cause = getattr(error, 'reason', None)
    if isinstance(cause, OSError):  # of urllib
        return _of_system(cause)
    files = ' -> '.join(repr(name) for name in (error.filename, error.filename2) if name is not None)
    words = system_words(error)
    return joined(words, files, by=': ') if error.errno is not None and error.strerror else words


def system_words(error: OSError) -> str:
    """Return why the system refused something, to follow a colon: without its number and the name of the file.

    Words that a library has put into the error itself stay as they are.
    """
    number, said = error.errno, error.strerror
    if number is None or not said:
        return str(error)
    if type(error).__name__ == 'gaierror':
        return _known(next((words for name, words in _RESOLVER.items() if _number_of(name) == number), said))
    return system_sentence(number) if said == os.strerror(number) else said


def system_sentence(number: int) -> str:
    """Return what the system says of one of its numbers."""
    return _known(_SYSTEM.get(number, os.strerror(number)))


def program_words(text: str) -> str:
    """Return what a program has said, its last part as a text of ours if it is known: `a.mp4: Permission denied`."""
    before, colon, last = text.rpartition(': ')
    if last.rstrip('.') not in _KNOWN:
        return text
    return joined(before, _known(last.rstrip('.')), by=': ') if colon else _known(last.rstrip('.'))


def _known(said: str) -> str:
    return Text(said) if said in _KNOWN else said


def _number_of(name: str) -> int | None:
    import socket  # which an error of a resolver has loaded

    number: int | None = getattr(socket, name, None)
    return number
