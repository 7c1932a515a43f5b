"""Colours and other looks of text on a terminal (SGR: ECMA-48, 8.3.117), as far as they are still on."""

import re
from collections.abc import Iterator

SGR = re.compile(r'\x1b\[([0-9;:]*)m')
RESET = '\x1b[0m'
_ENDS = {'22': '12', '23': '3', '24': '4', '25': '5', '27': '7', '28': '8', '29': '9'}
"""Which looks a code ends."""


class Style:
    """What is on; `text` is the one sequence that turns it on, empty if nothing is."""

    def __init__(self) -> None:
        self.text = ''
        self._codes: dict[str, str] = {}

    def take(self, text: str) -> None:
        """Apply all sequences in a text."""
        for codes in SGR.findall(text):
            self.apply(codes)

    def apply(self, codes: str) -> None:
        """Apply the parameters of one sequence, such as `1;38;5;208`."""
        rest = iter(codes[:200].split(';'))
        for code in rest:
            self._apply_one(code.lstrip('0') or '0', rest)
        self.text = f'\x1b[{";".join(self._codes.values())}m' if self._codes else ''

    def _apply_one(self, code: str, rest: Iterator[str]) -> None:
        kind = code.partition(':')[0]
        if code == '0':
            self._codes.clear()
        elif kind in ('38', '48'):
            self._codes[kind] = code if ':' in code else _whole_colour(code, rest)
        elif code in ('39', '49'):
            self._codes.pop(f'{code[0]}8', None)
        elif (len(code) == 2 and code[0] in '34') or (len(code) == 2 and code[0] == '9'):
            self._codes['48' if code[0] == '4' else '38'] = code
        elif len(code) == 3 and code.startswith('10'):
            self._codes['48'] = code
        elif code in _ENDS:
            for ended in _ENDS[code]:
                self._codes.pop(ended, None)
        elif kind in '123456789' and len(kind) == 1:
            self._codes[kind] = code


def _whole_colour(code: str, rest: Iterator[str]) -> str:
    kind = next(rest, '')
    count = {'5': 1, '2': 3}.get(kind, 0)
    return ';'.join([code, kind, *(next(rest, '') or '0' for _ in range(count))])
