"""Turns errors of Pydantic into sentences that say what to do."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

WHOLE = '*'
"""The key of a sentence about no single field."""

Sentence = str | Callable[[ErrorDetails, Mapping[str, Any]], str]

FIELDS: Mapping[str, Sentence] = {'missing': 'Give a value.', 'extra_forbidden': 'There is no such field.'}
"""For requests of programs; other errors keep the words of Pydantic."""


def sentences(error: ValidationError) -> dict[str, str]:
    """Return the first error of each parameter of a pipeline, as a sentence that says how to fix it."""
    fields: dict[str, str] = {}
    for details in error.errors(include_url=False):
        name = str(details['loc'][0]) if details['loc'] else WHOLE
        fields.setdefault(name, _where(details) + sentence_of(details, _PARAMETERS))
    return fields


def sentence_of(details: ErrorDetails, known: Mapping[str, Sentence] = FIELDS) -> str:
    """Return the sentence that is `known` for the type of an error, else its own message as a sentence."""
    context = details.get('ctx', {})
    sentence = known.get(details['type'])
    if sentence is None:
        if details['type'] in _OWN_ERRORS:
            return _own_words(details, context)  # as they are: they may begin with the name of a file
        text = details['msg'].rstrip('.')
        return f'{text[:1].upper()}{text[1:]}.'
    return sentence(details, context) if callable(sentence) else sentence.format(**context)


def _where(details: ErrorDetails) -> str:
    numbers = [place for place in details['loc'][1:] if isinstance(place, int)]
    return f'Item {numbers[0] + 1}: ' if numbers else ''


def _unknown(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    return f'This pipeline has no parameter called {str(details["loc"][-1])!r}.'


def _own_words(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    text = str(context.get('error', '')).strip() or 'This value is not valid.'
    return text if text.endswith(('.', '!', '?')) else f'{text}.'


def _number_of(one: str, many: str) -> Callable[[ErrorDetails, Mapping[str, Any]], str]:
    def sentence(details: ErrorDetails, context: Mapping[str, Any]) -> str:
        least, most = context.get('min_length'), context.get('max_length')
        count = most if least is None else least
        bound = 'at most' if least is None else 'at least'
        return f'Give {bound} {count} {one if count == 1 else many}.'

    return sentence


_OWN_ERRORS = ('value_error', 'assertion_error')
"""Of validators, which say in their own words what is wrong."""

_PARAMETERS: Mapping[str, Sentence] = {
    'missing': 'A value is needed here.',
    'extra_forbidden': _unknown,
    **dict.fromkeys(_OWN_ERRORS, _own_words),
    **dict.fromkeys(('int_type', 'int_parsing', 'int_from_float'), 'Write a whole number.'),
    'int_parsing_size': 'Write a smaller whole number.',
    **dict.fromkeys(('float_type', 'float_parsing', 'decimal_type', 'decimal_parsing'), 'Write a number.'),
    'finite_number': 'Write a finite number.',
    **dict.fromkeys(('bool_type', 'bool_parsing'), 'Choose yes or no.'),
    'string_type': 'Write text here.',
    'string_unicode': 'This has half of a character. Type it again.',
    **dict.fromkeys(('literal_error', 'enum'), 'Choose {expected}.'),
    'greater_than': 'Must be more than {gt}.',
    'greater_than_equal': 'Must be {ge} or more.',
    'less_than': 'Must be less than {lt}.',
    'less_than_equal': 'Must be {le} or less.',
    'multiple_of': 'Must be a multiple of {multiple_of}.',
    **dict.fromkeys(('string_too_short', 'string_too_long'), _number_of('character', 'characters')),
    **dict.fromkeys(('too_short', 'too_long'), _number_of('item', 'items')),
    'string_pattern_mismatch': 'Must match the pattern {pattern}.',
    'path_type': 'Write the path of a file or folder.',
    'path_not_file': 'There is no file at this path.',
    'path_not_directory': 'There is no folder at this path.',
    **dict.fromkeys(('list_type', 'tuple_type', 'set_type'), 'Give a list.'),
    'dict_type': 'Give names with values.',
    **dict.fromkeys(('date_type', 'date_parsing', 'date_from_datetime_parsing'), 'Write a date like 2026-10-14.'),
    **dict.fromkeys(('time_type', 'time_parsing'), 'Write a time like 14:30.'),
    **dict.fromkeys(
        ('datetime_type', 'datetime_parsing', 'datetime_from_date_parsing'),
        'Write a date and time like 2026-10-14T14:30:00.',
    ),
    **dict.fromkeys(('time_delta_type', 'time_delta_parsing'), 'Write a length of time such as 90 s, 1h 30m or 0:05.'),
    'none_required': 'Leave this empty.',
    **dict.fromkeys(('url_parsing', 'url_type'), 'Write a URL like https://example.org/.'),
    'url_scheme': 'The URL must begin with {expected_schemes}.',
}


def count_of(count: int, noun: str) -> str:
    """`1 line`, `412,000 lines`."""
    return f'{count:,} {noun}{"" if count == 1 else "s"}'


def command_text(words: Sequence[Any]) -> str:
    """Return the words of a command quoted as a shell needs them; a single one may be a whole line, kept as it is."""
    return str(words[0]) if len(words) == 1 else shlex.join(map(str, words))


def size_of(count: int) -> str:
    """Return a size such as `812 B`, `9.1 kB` or `1.2 GB`; units are powers of 1000."""
    size, unit = float(count), 'B'
    for larger in ('kB', 'MB', 'GB'):
        if round(size) >= 1000:
            size, unit = size / 1000, larger
    return f'{size:.0f} {unit}' if unit == 'B' or round(size, 1) >= 100 else f'{size:.1f} {unit}'
