"""Days as a person types them."""

from datetime import date

import pytest

from pages.shell.date_words import day_meant

TODAY = date(2026, 10, 14)  # a Wednesday


@pytest.mark.parametrize(
    ('words', 'day'),
    [
        ('2026-10-09', date(2026, 10, 9)),
        ('9 Oct', date(2026, 10, 9)),
        ('go to 9 oct', date(2026, 10, 9)),
        ('Goto 9 October 2027', date(2027, 10, 9)),
        ('9th of October, 2025', date(2025, 10, 9)),
        ('Oct 9', date(2026, 10, 9)),
        ('Fri 9 Oct', date(2026, 10, 9)),
        ('2 jan', date(2027, 1, 2)),  # nearer than the one that is over
        ('29 Feb', date(2028, 2, 29)),
        ('today', TODAY),
        ('Tomorrow', date(2026, 10, 15)),
        ('yesterday', date(2026, 10, 13)),
        ('monday', date(2026, 10, 19)),
        ('wednesday', TODAY),
        ('next wednesday', date(2026, 10, 21)),
        ('next monday', date(2026, 10, 19)),
        ('last wed', date(2026, 10, 7)),
        ('last tue', date(2026, 10, 13)),
        ('next week', date(2026, 10, 21)),
        ('in 3 days', date(2026, 10, 17)),
        ('in 2 weeks', date(2026, 10, 28)),
        ('9 de outubro', date(2026, 10, 9)),
        ('9 out', date(2026, 10, 9)),
        ('1º de março de 2027', date(2027, 3, 1)),
        ('sex., 9 de out. de 2026', date(2026, 10, 9)),
        ('ir para 2 fev', date(2027, 2, 2)),
        ('hoje', TODAY),
        ('amanhã', date(2026, 10, 15)),
        ('Amanha', date(2026, 10, 15)),
        ('ontem', date(2026, 10, 13)),
        ('segunda', date(2026, 10, 19)),
        ('na quarta-feira', TODAY),
        ('próxima segunda', date(2026, 10, 19)),
        ('proxima quarta feira', date(2026, 10, 21)),
        ('segunda que vem', date(2026, 10, 19)),
        ('no próximo sábado', date(2026, 10, 17)),
        ('terça passada', date(2026, 10, 13)),
        ('último domingo', date(2026, 10, 11)),
        ('semana que vem', date(2026, 10, 21)),
        ('em 3 dias', date(2026, 10, 17)),
        ('daqui a 2 semanas', date(2026, 10, 28)),
    ],
)
def test_words_mean_a_day(words: str, day: date) -> None:
    assert day_meant(words, TODAY) == day


@pytest.mark.parametrize(
    'words',
    ['', '9', 'oct', 'video', '12', '#12', '31 Feb', '2026-02-30', '2026-13-01', 'ma', '9 ma', '0 oct', '9 oct 0000',
     'mo 9', 'in days', '9 de', 'que vem', 'em dias', 'proxima', 'run mon 3', '99 oct', 'next', 'go to'],
)  # fmt: skip
def test_other_words_mean_none(words: str) -> None:
    assert day_meant(words, TODAY) is None
