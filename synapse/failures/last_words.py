"""Finds the line in which a program said why it failed, among the last ones that it printed."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from storage.logs.text import plain

LONGEST = 300
"""Characters of a reason; the rest is cut."""
MOST_LINES = 120
"""How many of the last lines are looked at."""
LONGEST_LINE = 4_000
LONE_COMPLAINT = 35
"""The points of a line that has a word like "failed", and nothing else of an error message."""
LONE_COMPLAINT_LINES = 6
"""Such a line counts only among this many last ones."""


class LastWords(NamedTuple):
    """The reason, and which of the messages has it."""

    text: str
    row: int


def last_words(messages: Sequence[str], program: str = '', *, longest: int = LONGEST) -> LastWords | None:
    """Return why a program failed, in its own words; None if none of its lines says so.

    Each line gets points: most for one that calls itself an error or ends a traceback, fewer for the message of a
    system call, fewer still for a word like "failed". Such a word alone counts only near the end, and not in a line
    that says what is being done ("Cleaning up after failure") or only mentions it ("The error report is ready"). A
    line that only points at others ("see previous errors", `make: *** [all] Error 1`) counts if nothing better is
    there. Of equal ones the last is taken, and a line loses half a point with each line after it, since what it
    complained about may have been coped with. Progress, stack frames, markup and the help that follows a usage error
    have no points.

    :param messages: rows of the log, oldest first, without secrets; one may have several lines
    :param program: the name of the program, with which it may begin its messages
    :param longest: characters of the text; what is scrubbed only later must not be cut in the middle of a secret
    """
    lines, texts, worth = _weighed(messages, program)
    best = max(range(len(lines)), key=lambda place: (worth[place], place), default=0)
    if not lines or worth[best] <= 0:
        return None
    return LastWords(shortened(_with_its_rest(texts, best), longest), lines[best][1])


def complaints(messages: Sequence[str], program: str = '', *, most: int = 3) -> list[LastWords]:
    """Return the lines that complain most, at most this many, in the order in which they were printed."""
    lines, texts, worth = _weighed(messages, program)
    best = sorted((place for place, points in enumerate(worth) if points > 0), key=lambda place: worth[place])
    return [LastWords(shortened(texts[place]), lines[place][1]) for place in sorted(best[-most:])]


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return the text in one line, cut after this many characters."""
    line = ' '.join(text.split())
    return line if len(line) <= longest else f'{line[: longest - 1].rstrip()}…'


def _weighed(messages: Sequence[str], program: str) -> tuple[list[tuple[str, int]], list[str], list[float]]:
    """Return the last lines with their rows, their texts alone, and what each is worth as a reason."""
    lines = [*_lines(messages)][-MOST_LINES:]
    texts = [line for line, _ in lines]
    points = enumerate(_points(texts, program), 1)
    return lines, texts, [worth and worth - (len(lines) - place) / 2 for place, worth in points]


def _lines(messages: Sequence[str]) -> Iterator[tuple[str, int]]:
    for row, message in enumerate(messages[-MOST_LINES:], max(0, len(messages) - MOST_LINES)):
        for line in plain(message).split('\n'):
            drawn = next((part for part in reversed(line.split('\r')) if part.strip()), '')[:LONGEST_LINE]
            drawn = _FRAME_OF_BOX.sub('', drawn)
            # Its meter has no line end, so its error stands in the same line.
            yield (found[0] if (found := _CURL.search(drawn)) else drawn.rstrip()), row


def _points(lines: Sequence[str], program: str) -> Iterator[int]:
    in_traceback = in_usage = False
    for place, line in enumerate(lines):
        text = _BAR_OF_GROUP.sub('', line)
        in_usage = bool(_USAGE.match(line)) or (in_usage and _is_help(line))
        if _TRACEBACK.match(text):
            in_traceback = True
            yield 0
        elif in_traceback and (not text.strip() or text[0].isspace()):
            yield 0
        elif in_traceback:
            in_traceback = False
            yield 130 if 'ExceptionGroup: ' in text else 120
        elif in_usage or _NOISE.search(text):
            yield 0
        else:
            points = _points_of(
                text, program, is_thrown=_FRAME.match(''.join(lines[place + 1 : place + 2])) is not None
            )
            is_early = len(lines) - place > LONE_COMPLAINT_LINES
            yield 0 if points in _LONE and (is_early or _is_mention(text)) else points


def _points_of(line: str, program: str, *, is_thrown: bool) -> int:
    if _POINTER.search(line):
        return 15 if _COMPLAINT.search(line) else 0
    if _INFO.search(line) or not _WORD.search(line):
        return 0
    if _ERROR.search(line):
        points = 110 if is_thrown else 100
        return points // 2 if _COPED_WITH.search(line) else points
    points = 60 * bool(_SYSTEM.search(line)) + LONE_COMPLAINT * bool(_COMPLAINT.search(line))
    if program and line.startswith(f'{program}: '):
        points += 25
    elif points and _PREFIX.match(line):
        points += 10
    return points // 3 if _COPED_WITH.search(line) else points


def _is_mention(line: str) -> bool:
    """Whether a line has words of a complaint but does not complain."""
    if _VERDICT.search(line):
        return False
    return bool(_ACTIVITY.match(line)) or not _COMPLAINT.search(_TOPIC.sub('', line))


def _is_help(line: str) -> bool:
    """Whether a line belongs to the help that has begun: its options, and text that is indented."""
    return not line.strip() or line[0].isspace() or line[0] in '-[' or line.rstrip().endswith(':')


def _with_its_rest(lines: Sequence[str], place: int) -> str:
    """Return a line with those that continue it: indented ones, or the next one after a colon at its end."""
    text = _BAR_OF_GROUP.sub('', lines[place])
    for line in lines[place + 1 : place + 4]:
        continues = text.rstrip().endswith(':') or (line[:1] in (' ', '\t') and bool(_TRACED.match(text)))
        if not continues or not _WORD.search(line) or _NOISE.search(line) or _FRAME.match(line):
            break
        text = f'{text} {line.strip()}'
    return text


_WORD = re.compile(r'[^\W\d_]{2}')
_FRAME_OF_BOX = re.compile('^[╭╮╰╯│┃─━┏┓┗┛]+ *| *[╭╮╰╯│┃─━┏┓┗┛]+ *$')
_CURL = re.compile(r'curl: \(\d+\) .*')
_TRACEBACK = re.compile(r'\s*(Exception Group )?Traceback \(most recent call last\):|  File ".+", line \d+$')
_TRACED = re.compile(r'[\w.]+(Error|Exception|Warning|Exit|Interrupt)?: ')
_BAR_OF_GROUP = re.compile(r'^\s*[|+](?=[ -])[-+]* ?')
_FRAME = re.compile(r'\s+(at |in |from )\S|\s+\d+: |goroutine \d+|\t\S+:\d+')
_USAGE = re.compile(r'\s*usage: |\s*usage:$', re.IGNORECASE)
_NOISE = re.compile(
    r'^\s*$'
    r'|\d+\s?%\s?\||[█▏▎▍▌▋▊▉━╸╺]|[=#.>-]{12,}'  # bars
    r'|(^|\s)\d{1,3}(\.\d+)?\s?%.*(/s|\d:\d\d|ETA|of )'  # rsync, yt-dlp, wget
    r'|--:--:--|% Total    % Received|Dload  Upload'  # curl
    r'|^frame= *\d|^size= *\d|\bbitrate=|^ +\d+K[ .]+'  # ffmpeg, wget
    r'|^\d+\+\d+ records (in|out)$'
    r'|^\s*[~^]+\s*$|^\s*(at|from) .+[:(]\S*\d+\)?:?$|^\s*File ".+", line \d+'  # frames
    r'|^\s*<[/!?a-zA-Z][^>]*>|^\s*[\]})(\[{]+,?\s*$|^\s*&\w+;'  # markup
    r'|^\s*-{1,2}[\w?][\w-]*[ =,]'  # options
    r'|^\W*(errors?|fatal|failed|failures?)[^\w:]*$'  # titles
    r'|^Fatal Python error: (Segmentation fault|Aborted|Bus error|Illegal instruction|Floating-point exception)$'
    r'|^\s*#|^npm (error|ERR!)\s*$|^npm (error|ERR!) {2,}'
    r"|^\s*('.*'|\".*\"),?$",
    re.IGNORECASE,
)
_POINTER = re.compile(
    r'see (the )?(previous|above|log)|previous errors|\(see |for (more|full) (info|doc|details)'
    r"|\b(try|type|run|use|see) ['`\"‘]?[\w./-]+ (help |-+h)|--help\b|maximum number of retries"
    r'|not recoverable|status? (code )?\d+$|\bError \d+( \(ignored\))?$|Child returned status'
    r'|complete log of this run|errors? occurred|^npm (error|ERR!) (code|syscall|path|errno|aliases|signal|dest)\b'
    r'|exit(ed)? (with )?(code|status)|syntax or usage error|Conversion failed!$|^hint: |^note: |rolled back'
    r'|ELIFECYCLE|Failed to execute script|^\s*Finished with error|^Aborted!?$|^Error splitting the argument list'
    r'|^make(\[\d+\])?: \*\*\* \[',
    re.IGNORECASE,
)
_INFO = re.compile(
    r'\b(INFO|DEBUG|TRACE)\b|level=(info|debug)|"level":\s*"(info|debug)"'
    r'|\b(?i:(no|0|zero|without) (errors?|failures?|failed|warnings?))\b|\b(?i:(errors?|failed|failures)\s?[:=]\s*0\b)'
)
_ERROR = re.compile(
    r'\b(ERROR|FATAL|CRITICAL|PANIC|SEVERE|FAILED|FEHLER)\b'
    r'|^\W*(?i:fatal|error|panic|critical|abort(ed|ing)?|failure|exception|uncaught|unhandled)\b[^.]'
    r'|(^|[\s:\[(])(?i:fatal error|fatal|error|panic|exception)[:!\]]( |$)'
    r'|(^|: )Error\b|\bError at\b|^E: |^npm (error|ERR!) .*(?i:could not|can only|cannot|not found|missing|invalid)'
    r'|\bpanicked at\b|^(Exception in thread|Caused by:|Unhandled exception)'
    r'|^[\w.$]*(Error|Exception|Exit)(: |$)|\((\w+Error|\w+Exception)\)$'
    r'|level=(?i:error|fatal|panic)|"level":\s*"(?i:error|fatal|critical)"|^curl: \(\d+\)'
)
_SYSTEM = re.compile(
    r'No such file or directory|Permission denied|command not found|: not found$|Connection (refused|reset|timed out)'
    r'|No space left on device|Is a directory|Not a directory|File exists|Operation not permitted|Broken pipe|I/O error'
    r'|Input/output error|Read-only file system|Disk quota exceeded|Cannot allocate memory|Name or service not known'
    r'|Could not resolve|No route to host|Network is unreachable|Host is down|Too many open files'
    r'|Device or resource busy'
    r'|Text file busy|Argument list too long|Exec format error|Directory not empty|Invalid (argument|data)'
    r'|No such device|File name too long|Stale file handle|Temporary failure in name resolution|Out of memory'
    r'|Segmentation fault|core dumped|Address already in use|cannot execute|unbound variable|syntax error'
    r'|Datei oder Verzeichnis nicht gefunden|Keine Berechtigung|Zugriff verweigert',
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\b(failed|failure|fails|fail|cannot|can't|can not|could not|couldn't|unable|denied|refused|reject(ed)?|not found"
    r'|no such|no module|invalid|incorrect|wrong|missing|unknown|unrecognized|unrecognised|unexpected|unsupported'
    r"|does ?n[o']t|is not|was not|has no|have no|not (a|an|in|allowed|supported|available|enough)"
    r'|not (permitted|able|possible)'
    r'|expired|timed out|time ?out|exceed(ed|s)?|killed|abort(ed|ing)?|corrupt(ed)?|damaged|broken|locked|conflicts?'
    r'|unexpectedly|must|forbidden|unauthorized|unreachable|illegal|too (many|large|long|big|small|few)|(is|disk) full'
    r'|error|errors|exception|no rule|duplicate|already (exists|in use|running|locked)|insufficient|bad|mismatch'
    r'|lost|unavailable|required|impossible|violates|out of (memory|space|range|bounds|date|disk)|gave up|giving up'
    r'|nicht|fehlgeschlagen)\b',
    re.IGNORECASE,
)
_PREFIX = re.compile(r'[\w.+/@-]+(\[\d+\])?: (line )?\S')
_COPED_WITH = re.compile(r'\bwarn(ing)?\b|\bignor(ed|ing)\b|\b(retrying|skipp(ed|ing))\b', re.IGNORECASE)
_LONE = (LONE_COMPLAINT, LONE_COMPLAINT // 3)
_ACTIVITY = re.compile(r'[\W\d_]*((?!missing\b)[a-z]+ing|after|before|if|when|on|in case)\b', re.IGNORECASE)
_VERDICT = re.compile(
    r'(failed|failure|refused|denied|rejected|aborted|timed out|lost|errors?|not found|missing|invalid)(\s*([.:,;!(]|$)'
    r'| (to|with|because|due|by|while|after|in|at)\b)|\b(cannot|could not|unable to)\b',
    re.IGNORECASE,
)
_TOPIC = re.compile(
    r'\b(failures?|fails?|failed|errors?|exceptions?|time ?outs?|conflicts?)\b(?!\s*[:.!]|$)', re.IGNORECASE
)
