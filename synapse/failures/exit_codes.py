"""What exit codes mean, where a program or the shell documents it."""

from synapse.language import N_, _, translated

_OF_PROGRAM: dict[str, dict[int, str]] = {
    # rsync(1), EXIT VALUES
    'rsync': {
        1: N_('rsync uses this code for a mistake in its options.'),
        5: N_('rsync could not start the transfer: the server refused it.'),
        10: N_('rsync could not reach the server.'),
        11: N_('rsync could not read or write a file, often because the disk is full.'),
        12: N_('The connection broke, or rsync is missing on the other side.'),
        20: N_('rsync was stopped by a signal.'),
        23: N_('Code 23: some files could not be transferred, the others were.'),
        24: N_('Code 24: some files disappeared before they were transferred, the others are there.'),
        25: N_('rsync stopped because it may not delete more files (--max-delete).'),
        30: N_('rsync waited too long for data (--timeout).'),
        35: N_('rsync waited too long for the connection (--contimeout).'),
    },
    # https://restic.readthedocs.io, Scripting: Exit codes; 10 to 12 since restic 0.17
    'restic': {
        3: N_('The snapshot was made, but restic could not read some of the files.'),
        10: N_('There is no restic repository at this place.'),
        11: N_('Another restic holds the lock of the repository. If none is running: restic unlock.'),
        12: N_('The password does not fit the repository.'),
        130: N_('restic was interrupted.'),
    },
    # borg(1), Return codes; 100 and more since Borg 2, or with BORG_EXIT_CODES=modern
    'borg': {
        1: N_(
            'Borg ended with warnings: the archive may lack some files. Add 1 to the good exit codes to accept that.'
        ),
        2: N_('Borg stopped at an error.'),
    },
    # curl(1), EXIT CODES
    'curl': {
        3: N_('The address is not one that curl understands.'),
        5: N_('The name of the proxy could not be resolved.'),
        6: N_('The name of the host could not be resolved.'),
        7: N_('Nothing accepts connections at this address and port.'),
        22: N_('The server answered with an error (400 or more).'),
        23: N_('curl could not write the file.'),
        26: N_('curl could not read the file to send.'),
        28: N_('The server took too long.'),
        35: N_('No secure connection could be made.'),
        47: N_('The server redirected too often.'),
        52: N_('The server closed the connection without an answer.'),
        56: N_('The connection broke while data was received.'),
        60: N_('The certificate of the server could not be verified.'),
        67: N_('The server refused the user name or password.'),
    },
    # wget(1), EXIT STATUS
    'wget': {
        2: N_('wget uses this code for a mistake in its options or its configuration.'),
        3: N_('wget could not read or write a file.'),
        4: N_('wget could not reach the server.'),
        5: N_('The certificate of the server could not be verified.'),
        6: N_('The server refused the user name or password.'),
        8: N_('The server answered with an error.'),
    },
    # grep(1), EXIT STATUS; its relatives are the same
    'grep': {
        1: N_('No line matched. Add 1 to the good exit codes if that is fine.'),
        2: N_('grep stopped at an error.'),
    },
    # diff(1) and cmp(1)
    'diff': {1: N_('The files differ. Add 1 to the good exit codes if that is fine.')},
    # tar(1), RETURN VALUE
    'tar': {
        1: N_(
            'Some files differ, or changed while they were being packed. Add 1 to the good exit codes to accept that.'
        ),
        2: N_('tar stopped at an error, or left something out.'),
    },
    # timeout(1), EXIT STATUS
    'timeout': {124: N_('The command took longer than timeout allows.'), 137: N_('timeout killed the command.')},
    # ssh(1), EXIT STATUS
    'ssh': {255: N_('ssh itself failed, not the command on the other side.')},
    # git(1) and the source of git: `die` ends with 128
    'git': {128: N_('git stopped at an error.')},
}
_ALIASES = {
    'egrep': 'grep',
    'fgrep': 'grep',
    'rgrep': 'grep',
    'zgrep': 'grep',
    'cmp': 'diff',
    'bsdtar': '',
    'scp': 'ssh',
}
_SHELLS = frozenset({'sh', 'bash', 'dash', 'zsh', 'ksh', 'env', 'nice', 'ionice', 'nohup', 'timeout', 'xargs', 'sudo'})
_SIGNALS = {
    2: N_('an interrupt (SIGINT)'),
    6: N_('SIGABRT: it gave up'),
    9: 'SIGKILL',
    11: N_('SIGSEGV: it crashed'),
    13: N_('SIGPIPE: what it wrote to had closed'),
    15: 'SIGTERM',
}


def meaning_of(program: str, code: int) -> str:
    """Return what an exit code means in a sentence; empty where that is not certain.

    :param program: the name of the program, without its folder
    :param code: as the system gives it: negative for a signal, which shells report as 128 and more
    """
    name = _ALIASES.get(program, program)
    if meaning := _OF_PROGRAM.get(name, {}).get(code):
        return translated(meaning)
    # POSIX.1-2017, Shell Command Language, 2.8.2 Exit Status for Commands
    if name in _SHELLS and code == 126:
        return _('A program was found but could not be run: it may not be executable.')
    if name in _SHELLS and code == 127:
        return _('A program that it calls was not found.')
    if name in _SHELLS and code - 128 in _SIGNALS:
        signal = translated(_SIGNALS[code - 128])
        return _('Code {code}: a program that it ran was ended by {signal}.', code=code, signal=signal)
    return ''
