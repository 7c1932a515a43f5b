"""Turns errors of Pydantic into sentences that say what to do."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from synapse.language import ENGLISH, N_, _, _n, capital, filled, joined, language

WHOLE = '*'
"""The key of a sentence about no single field."""

Sentence = str | Callable[[ErrorDetails, Mapping[str, Any]], str]
"""A text that was marked, to be filled with the context of the error, or a function of it."""

FIELDS: Mapping[str, Sentence] = {'missing': N_('Give a value.'), 'extra_forbidden': N_('There is no such field.')}
"""For requests of programs; of other errors they get the same sentences as people."""


def sentences(error: ValidationError, *, of_form: bool = False) -> dict[str, str]:
    """Return the first error of each parameter of a pipeline, as a sentence that says how to fix it.

    :param of_form: whether they are fields of a form that a step shows
    """
    known = {**_PARAMETERS, **FIELDS} if of_form else _PARAMETERS
    fields: dict[str, str] = {}
    for details in error.errors(include_url=False):
        name = str(details['loc'][0]) if details['loc'] else WHOLE
        fields.setdefault(name, _at_its_place(details, sentence_of(details, known)))
    return fields


def sentence_of(details: ErrorDetails, known: Mapping[str, Sentence] = FIELDS) -> str:
    """Return the sentence that is `known` for the type of an error, else the one that people get for a parameter.

    What a form cannot cause has only the English words of Pydantic; a validator may have words of its own.
    """
    context = details.get('ctx', {})
    type = details['type']
    sentence = known.get(type) or FIELDS.get(type) or _PARAMETERS.get(type)
    if sentence is None:
        if type in _OWN_ERRORS:
            return _own_words(details, context)  # as they are: they may begin with the name of a file
        if language() != ENGLISH and type in _OF_PYDANTIC:
            return _('This value is not valid.')
        return f'{capital(details["msg"].rstrip("."))}.'
    return sentence(details, context) if callable(sentence) else filled(sentence, **context)


def _at_its_place(details: ErrorDetails, sentence: str) -> str:
    numbers = [place for place in details['loc'][1:] if isinstance(place, int)]
    return _('Item {number}: {sentence}', number=numbers[0] + 1, sentence=sentence) if numbers else sentence


def _unknown(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    return _('This pipeline has no parameter called {name!r}.', name=str(details['loc'][-1]))


def _own_words(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    text = str(context.get('error', '')).strip() or _('This value is not valid.')
    return with_stop(text)


def with_stop(text: str) -> str:
    """Return a sentence, maybe of a person's pipeline, with a full stop if it has no end; nothing stays nothing."""
    return text if not text.strip() or text.rstrip()[-1] in '.!?:…' else joined(text, '.', by='')


def _characters(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    if (least := context.get('min_length')) is not None:
        return _n('Give at least {count} character.', 'Give at least {count} characters.', least)
    return _n('Give at most {count} character.', 'Give at most {count} characters.', context['max_length'])


def _items(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    if (least := context.get('min_length')) is not None:
        return _n('Give at least {count} item.', 'Give at least {count} items.', least)
    return _n('Give at most {count} item.', 'Give at most {count} items.', context['max_length'])


def _expected(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    """Pydantic joins the choices by `or`."""
    others, _or, last = str(context['expected']).rpartition(' or ')
    return _('Choose {others} or {last}.', others=others, last=last) if others else _('Choose {choice}.', choice=last)


def _digits(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    if (most := context.get('decimal_places')) is not None:
        return _n('Write at most {count} digit after the point.', 'Write at most {count} digits after the point.', most)
    if (most := context.get('whole_digits')) is not None:
        return _n(
            'Write at most {count} digit before the point.', 'Write at most {count} digits before the point.', most
        )
    return _n('Write at most {count} digit.', 'Write at most {count} digits.', context['max_digits'])


_OF_PYDANTIC = frozenset(get_args(ErrorType))
_OWN_ERRORS = ('value_error', 'assertion_error')
"""Of validators, which say in their own words what is wrong."""

_PARAMETERS: Mapping[str, Sentence] = {
    'missing': N_('A value is needed here.'),
    'extra_forbidden': _unknown,
    **dict.fromkeys(_OWN_ERRORS, _own_words),
    **dict.fromkeys(('int_type', 'int_parsing', 'int_from_float'), N_('Write a whole number.')),
    'int_parsing_size': N_('Write a smaller whole number.'),
    **dict.fromkeys(('float_type', 'float_parsing', 'decimal_type', 'decimal_parsing'), N_('Write a number.')),
    'finite_number': N_('Write a finite number.'),
    **dict.fromkeys(('bool_type', 'bool_parsing'), N_('Choose yes or no.')),
    **dict.fromkeys(('string_type', 'bytes_type'), N_('Write text here.')),
    'string_unicode': N_('This has half of a character. Type it again.'),
    **dict.fromkeys(('literal_error', 'enum'), _expected),
    'greater_than': N_('Must be more than {gt}.'),
    'greater_than_equal': N_('Must be {ge} or more.'),
    'less_than': N_('Must be less than {lt}.'),
    'less_than_equal': N_('Must be {le} or less.'),
    'multiple_of': N_('Must be a multiple of {multiple_of}.'),
    **dict.fromkeys(('string_too_short', 'string_too_long', 'bytes_too_short', 'bytes_too_long'), _characters),
    **dict.fromkeys(('too_short', 'too_long'), _items),
    'string_pattern_mismatch': N_('Must match the pattern {pattern}.'),
    'ip_any_network': N_('Write an address or network such as 10.0.0.2 or 10.0.0.0/8.'),
    'path_type': N_('Write the path of a file or folder.'),
    'path_not_file': N_('There is no file at this path.'),
    'path_not_directory': N_('There is no folder at this path.'),
    **dict.fromkeys(('list_type', 'tuple_type', 'set_type', 'frozen_set_type', 'iterable_type'), N_('Give a list.')),
    **dict.fromkeys(
        ('dict_type', 'mapping_type', 'model_type', 'model_attributes_type', 'dataclass_type'),
        N_('Give names with values.'),
    ),
    **dict.fromkeys(
        ('date_type', 'date_parsing', 'date_from_datetime_parsing', 'date_from_datetime_inexact'),
        N_('Write a date like 2026-10-14.'),
    ),
    **dict.fromkeys(('time_type', 'time_parsing'), N_('Write a time like 14:30.')),
    **dict.fromkeys(
        ('datetime_type', 'datetime_parsing', 'datetime_from_date_parsing', 'datetime_object_invalid'),
        N_('Write a date and time like 2026-10-14T14:30:00.'),
    ),
    **dict.fromkeys(
        ('time_delta_type', 'time_delta_parsing'), N_('Write a length of time such as 90 s, 1h 30m or 0:05.')
    ),
    'none_required': N_('Leave this empty.'),
    **dict.fromkeys(('url_parsing', 'url_type'), N_('Write a URL like https://example.org/.')),
    'url_scheme': N_('The URL must begin with {expected_schemes}.'),
    'url_too_long': _characters,
    **dict.fromkeys(('decimal_max_digits', 'decimal_max_places', 'decimal_whole_digits'), _digits),
    **dict.fromkeys(('date_past', 'datetime_past'), N_('Must be in the past.')),
    **dict.fromkeys(('date_future', 'datetime_future'), N_('Must be in the future.')),
    **dict.fromkeys(('timezone_aware', 'timezone_offset'), N_('Give the time zone too, as in 14:30:00+02:00.')),
    'timezone_naive': N_('Leave the time zone out.'),
    'string_not_ascii': N_('Use letters without accents, digits and signs only.'),
    **dict.fromkeys(('json_invalid', 'json_type'), N_('This is not valid JSON.')),
    **dict.fromkeys(('uuid_type', 'uuid_parsing', 'uuid_version'), N_('This is not a UUID.')),
    'union_tag_invalid': N_('Choose one of these: {expected_tags}.'),
    'union_tag_not_found': N_('Give a value for {discriminator}.'),
    'invalid_key': N_('Names must be text.'),
}


def command_text(words: Sequence[Any]) -> str:
    """Return the words of a command quoted as a shell needs them; a single one may be a whole line, kept as it is."""
    return str(words[0]) if len(words) == 1 else shlex.join(map(str, words))
