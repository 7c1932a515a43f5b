"""What is wrong with a value, in a sentence that says what to do: the errors of Pydantic for people."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

WHOLE = '*'
"""The key of a sentence that belongs to no single field."""


def sentences(error: ValidationError) -> dict[str, str]:
    """The first complaint about each field, as a sentence that says the fix."""
    fields: dict[str, str] = {}
    for details in error.errors(include_url=False):
        name = str(details['loc'][0]) if details['loc'] else WHOLE
        fields.setdefault(name, _where(details) + _sentence(details))
    return fields


def _where(details: ErrorDetails) -> str:
    numbers = [place for place in details['loc'][1:] if isinstance(place, int)]
    return f'Item {numbers[0] + 1}: ' if numbers else ''


def _sentence(details: ErrorDetails) -> str:
    context = details.get('ctx', {})
    known = _SENTENCES.get(details['type'])
    if known is None:
        text = details['msg']
        return f'{text[:1].upper()}{text[1:].rstrip(".")}.'
    return known(details, context) if callable(known) else known.format(**context)


def _missing(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    return 'A value is needed here.'


def _unknown(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    return f'This pipeline has no parameter called {str(details["loc"][-1])!r}.'


def _own_words(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    text = str(context.get('error', '')).strip() or 'This value does not fit.'
    return text if text.endswith(('.', '!', '?')) else f'{text}.'


def _number_of(one: str, many: str) -> Callable[[ErrorDetails, Mapping[str, Any]], str]:
    def sentence(details: ErrorDetails, context: Mapping[str, Any]) -> str:
        least, most = context.get('min_length'), context.get('max_length')
        count = most if least is None else least
        bound = 'at most' if least is None else 'at least'
        return f'Give {bound} {count} {one if count == 1 else many}.'

    return sentence


_WHOLE_NUMBER = 'Write a whole number.'


_NUMBER = 'Write a number.'


_YES_NO = 'Choose yes or no.'


_DATE = 'Write a date like 2026-10-14.'


_TIME = 'Write a time like 14:30.'


_MOMENT = 'Write a date and time like 2026-10-14T14:30:00.'


_LENGTH = 'Write a duration like PT30M, or a number of seconds.'


_Sentence = str | Callable[[ErrorDetails, Mapping[str, Any]], str]


_SENTENCES: dict[str, _Sentence] = {
    'missing': _missing,
    'extra_forbidden': _unknown,
    'value_error': _own_words,
    'assertion_error': _own_words,
    'int_type': _WHOLE_NUMBER,
    'int_parsing': _WHOLE_NUMBER,
    'int_from_float': _WHOLE_NUMBER,
    'int_parsing_size': 'Write a smaller whole number.',
    'float_type': _NUMBER,
    'float_parsing': _NUMBER,
    'finite_number': 'Write a finite number.',
    'decimal_type': _NUMBER,
    'decimal_parsing': _NUMBER,
    'bool_type': _YES_NO,
    'bool_parsing': _YES_NO,
    'string_type': 'Write text here.',
    'literal_error': 'Choose {expected}.',
    'enum': 'Choose {expected}.',
    'greater_than': 'Must be more than {gt}.',
    'greater_than_equal': 'Must be {ge} or more.',
    'less_than': 'Must be less than {lt}.',
    'less_than_equal': 'Must be {le} or less.',
    'multiple_of': 'Must be a multiple of {multiple_of}.',
    'string_too_short': _number_of('character', 'characters'),
    'string_too_long': _number_of('character', 'characters'),
    'too_short': _number_of('item', 'items'),
    'too_long': _number_of('item', 'items'),
    'string_pattern_mismatch': 'Must match the pattern {pattern}.',
    'path_type': 'Write the path of a file or folder.',
    'path_not_file': 'No file is at this path.',
    'path_not_directory': 'No folder is at this path.',
    'list_type': 'Give a list.',
    'tuple_type': 'Give a list.',
    'set_type': 'Give a list.',
    'dict_type': 'Give names with values.',
    'date_type': _DATE,
    'date_parsing': _DATE,
    'date_from_datetime_parsing': _DATE,
    'time_type': _TIME,
    'time_parsing': _TIME,
    'datetime_type': _MOMENT,
    'datetime_parsing': _MOMENT,
    'datetime_from_date_parsing': _MOMENT,
    'time_delta_type': _LENGTH,
    'time_delta_parsing': _LENGTH,
    'none_required': 'Leave this empty.',
    'url_parsing': 'Write a URL like https://example.org/.',
    'url_type': 'Write a URL like https://example.org/.',
    'url_scheme': 'The URL must begin with {expected_schemes}.',
}
