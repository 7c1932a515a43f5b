"""Texts that can be said again, and formats."""

import copy
import errno
import pickle
from datetime import date, datetime
from pathlib import Path

import pytest

from storage.files import DiskFull, named_errors
from storage.texts import Count, joined
from storage.texts import _ as in_english
from synapse.language import Np_, Words, _, _n, _p, answering_in, own, spoken, translated
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
