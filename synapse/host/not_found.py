"""What to write where a program was not found: what only a shell knows has no file."""

import os
import re

_WORDS = (
    '. : [[ alias bg builtin case cd command declare dirs disown do done elif else esac eval exec exit export fg fi '
    'for function getopts hash history if jobs let local popd pushd read readonly return select set shift shopt '
    'source then times trap type typeset ulimit umask unalias unset until wait while { ( !'
)
BUILT_INS = frozenset(_WORDS.split())
"""What a shell does itself. Some systems have programs of these names, which do nothing useful but for POSIX."""
IN_SHELL = "run it with a shell: ['sh', '-c', '...']"


def how_to_name(program: str) -> str:
    """Return a sentence on what was probably meant, and how to write it."""
    meant = os.path.expandvars(os.path.expanduser(program))  # noqa: PTH111 - the other fails without a home
    if program.startswith('~') or '$' in program:
        return f'Only a shell replaces ~ and variables. Write {meant}.' if meant != program else 'Write its full path.'
    if program in ('cd', 'pushd', 'popd'):
        return f'{program} is part of a shell. Give the folder to start in with cwd instead.'
    if program in BUILT_INS:
        return f'{program} is part of a shell. To use it, {IN_SHELL}.'
    if re.match(r'[A-Za-z_]\w*=', program):
        return f'{program} sets a variable in a shell. Give it with env instead.'
    if ' ' in program:
        return 'Give the program and each argument as a separate entry.'
    if os.sep in program:
        return 'Check the path.'
    return 'Install it, or give its full path. If it is an alias of your shell, write what it stands for.'
