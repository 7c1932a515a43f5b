"""Texts that can be said again, and formats."""

import copy
import errno
import json
import os
import pickle
import socket
import sqlite3
import urllib.error
from datetime import date, datetime
from pathlib import Path

import pytest

from storage.files import DiskFull, named_errors
from storage.foreign_words import program_words, system_words
from storage.texts import Count, Text, joined
from storage.texts import _ as in_english
from synapse.language import (
    Np_,
    Words,
    _,
    _n,
    _p,
    answering_in,
    own,
    parts_of,
    said_in,
    spoken,
    text_from,
    translated,
)
from synapse.language.formats import first_weekday, listed, moment, number, weekdays


def test_a_text_is_said_in_the_language_of_its_reader_and_kept_in_ours() -> None:
    with answering_in('en_XA'):
        text = _('The run {name} failed: {reason}', name='A {b}', reason=_('no disk'))

    assert text == '⟦The run A {b} failed: ⟦no disk⟧⟧'
    assert own(text) == 'The run A {b} failed: no disk'


def test_what_the_cellar_says_and_its_errors_say_is_said_in_the_language_of_the_reader(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught, named_errors(tmp_path):
        raise OSError(errno.ENOSPC, 'full')

    with answering_in('en_XA'):
        text = _('Nothing was saved: {reason}', reason=caught.value)
        said = spoken(caught.value)

    full = f'No room is left on the disk for {tmp_path}; nothing was saved.'
    assert [str(caught.value), said, own(said)] == [full, f'⟦{full}⟧', full]
    assert [text, own(text)] == [f'⟦Nothing was saved: ⟦{full}⟧⟧', f'Nothing was saved: {full}']
    with answering_in('pt_BR'):
        assert '12.345' in spoken(joined(in_english('{bytes} free', bytes=Count(12345)), '', 'x'))


def test_a_count_chooses_the_form_and_is_written_as_numbers_are() -> None:
    assert _n('{count} line', '{count} lines', 1) == '1 line'
    assert _n('{count} line of {name}', '{count} lines of {name}', 12345, name='x') == '12,345 lines of x'


@pytest.mark.parametrize(('chosen', 'said'), [('en', 'Run'), ('en_XA', '⟦Run⟧'), ('pt_BR', 'Execução')])
def test_a_word_with_several_translations_has_the_one_of_its_context(chosen: str, said: str) -> None:
    words = Words({'head': Np_('noun', 'Run')})
    with answering_in(chosen):
        text = _p('noun', 'Run')

        assert (text, words['head'], own(text)) == (said, said, 'Run')

    assert translated('Run', 'pt_BR') == 'Executar'


def test_braces_stay_where_there_are_no_values() -> None:
    assert _('{x}') == '{x}'


@pytest.mark.parametrize('again', [copy.deepcopy, lambda text: pickle.loads(pickle.dumps(text))])  # noqa: S301 - our own
def test_copies_can_be_said_again(again: object) -> None:
    with answering_in('en_XA'):
        text = again(_n('{count} run', '{count} runs', 2))  # type: ignore[operator]

    assert (text, own(text)) == ('⟦2 runs⟧', '2 runs')


def test_a_text_of_somebody_else_stays_as_it_is() -> None:
    assert translated('Some title of mine', 'pt_BR') == 'Some title of mine'
    assert translated('', 'pt_BR') == ''  # gettext has the head of its catalogue there


@pytest.mark.parametrize(
    ('skeleton', 'english', 'portuguese'),
    [
        ('MMMd', '9 Oct', '9 de out.'),
        ('MMMEd', 'Fri 9 Oct', 'sex., 9 de out.'),
        ('yMMMM', 'October 2026', 'outubro de 2026'),
        ('EEEE', 'Friday', 'sexta-feira'),
        ('MMMM', 'October', 'outubro'),
        ('yMMMMEEEEd', 'Friday 9 October 2026', 'sexta-feira, 9 de outubro de 2026'),
        ('Hm', '14:05', '14:05'),
        ('MMMdHm', '9 Oct 14:05', '9 de out. 14:05'),
    ],
)
def test_moments_are_written_as_the_language_has_them(skeleton: str, english: str, portuguese: str) -> None:
    at = datetime(2026, 10, 9, 14, 5)

    assert moment(skeleton, at, 'en') == english
    assert moment(skeleton, at, 'pt_BR') == portuguese


def test_numbers_days_and_lists() -> None:
    assert (number(1234.5, 'en'), number(1234.5, 'pt_BR'), number(2, 'pt_BR', digits=1)) == (
        '1,234.5',
        '1.234,5',
        '2,0',
    )
    assert (first_weekday('en'), first_weekday('pt_BR')) == (0, 6)
    assert weekdays('wide', 'pt_BR')[0] == 'segunda-feira'
    assert listed(['a', 'b', 'c'], chosen='pt_BR') == 'a, b e c'
    assert listed(['a', 'b'], style='or', chosen='en') == 'a or b'
    assert moment('yMMMd', date(2026, 10, 9), 'pt_BR') == '9 de out. de 2026'
    assert moment('yMMMEd', date(2026, 9, 4), 'en') == 'Fri 4 Sep 2026'


def test_the_separator_of_contexts_in_a_text_of_somebody_else_cuts_nothing() -> None:
    title = 'my\x04title'

    assert [translated(title, chosen) for chosen in ('en', 'pt_BR')] == [title, title]
    assert translated(title, 'en_XA') == f'⟦{title}⟧'
    assert _(title) == title


def test_numbers_with_a_format_are_written_as_the_language_has_them() -> None:
    with answering_in('pt_BR'):
        assert _('There are {items:,} entries.', items=12345) == 'Há 12.345 linhas.'
        assert '1,5 MB' in _('The file has {value:.1f} MB; the limit is {value_2:.0f} MB.', value=1.5, value_2=20)
    assert _('There are {items:,} entries.', items=12345) == 'There are 12,345 entries.'


REFUSED = [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), '/a b'), "Não há mais espaço no disco: '/a b'"),
    (PermissionError(errno.EACCES, os.strerror(errno.EACCES)), 'Permissão negada'),
    (FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), 'a', None, 'b'), "O arquivo já existe: 'a' -> 'b'"),
    (socket.gaierror(socket.EAI_NONAME, 'as this system has it'), 'Nome ou serviço desconhecido'),
    (urllib.error.URLError(ConnectionRefusedError(111, os.strerror(111))), 'Conexão recusada'),
    (sqlite3.OperationalError('database is locked'), 'o banco de dados está bloqueado por outro programa'),
    # of a library, not of the system: its words are no sentence of ours
    (OSError(1, '[SSL: BAD] bad'), '[SSL: BAD] bad'),
]


@pytest.mark.parametrize(('error', 'words'), REFUSED)
def test_what_the_system_refuses_is_said_in_the_language_of_the_reader(error: Exception, words: str) -> None:
    with answering_in('pt_BR'):
        assert _('{name} cannot be read: {reason}.', name='x', reason=error) == f'Não é possível ler x: {words}.'
        assert spoken(error) == words


def test_an_error_of_the_system_has_neither_number_nor_file_behind_a_colon() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path('/nowhere/zz').read_text()

    assert system_words(caught.value) == 'No such file or directory'
    assert spoken(caught.value) == "No such file or directory: '/nowhere/zz'"


@pytest.mark.parametrize(
    ('said', 'words'),
    [
        ('a.mp4: Invalid data found when processing input', 'a.mp4: Dados inválidos na entrada'),
        ('No space left on device', 'Não há mais espaço no disco'),
        ('a.mp4: something else', 'a.mp4: something else'),
    ],
)
def test_what_programs_usually_say_is_said_in_the_language_of_the_reader(said: str, words: str) -> None:
    assert said_in('pt_BR', program_words(said)) == words
    assert program_words(said) == said


def test_a_text_that_a_file_has_kept_is_said_in_another_language_later() -> None:
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    text = joined(
        _n('{count} run', '{count} runs', 1234),
        _('{path} cannot be read: {reason}.', path=Path('/x'), reason=error),
        _p('noun', 'Run'),
        in_english('{bytes} free', bytes=Count(1234)),
    )
    assert isinstance(text, Text)

    kept = text_from(str(text), json.loads(json.dumps(parts_of(text))))

    assert kept == text
    assert said_in('pt_BR', kept) == '1.234 execuções Não é possível ler /x: Permissão negada. Execução 1.234 free'


@pytest.mark.parametrize(
    'parts', [None, [], {}, {'message': 'Run {x}', 'values': {'y': 1}}, {'message': 1, 'values': {}}]
)
def test_a_kept_text_that_cannot_be_made_again_stays_as_it_was_said(parts: object) -> None:
    assert text_from('as it was', parts) == 'as it was'


def test_a_date_in_a_format_is_kept_as_it_was_said() -> None:
    text = _('Removed {name} of {at:%Y-%m-%d %H:%M}', name='a', at=datetime(2026, 10, 9))

    assert isinstance(text, Text)
    assert parts_of(text) is None
