"""What the parts of pages decide without a browser."""

from pages.parts.cards import line_of, points_of
from pages.parts.scope import Scope
from pages.parts.words import kinds_of
from pages.shell.palette import MOST, Command, found
from synapse.media.formats import VIDEO_SUFFIXES


def command(words: str, *, group: str = 'Commands', note: str = '') -> Command:
    return Command(group=group, words=words, note=note, do=lambda: None)


def test_the_palette_wants_every_word_and_keeps_groups_together() -> None:
    commands = [
        command('Run Publish video'),
        command('New run'),
        command('#12 teaser.mp4', group='Runs', note='Publish video, failed at RENDER'),
        command('Profiles', group='Pages'),
    ]

    assert [item.words for item in found(commands, 'run pub')] == ['Run Publish video', '#12 teaser.mp4']
    assert [item.words for item in found(commands, 'zebra')] == []


def test_the_palette_puts_what_was_used_last_first_and_shows_no_more_than_it_should() -> None:
    commands = [command(f'Run pipeline {number}') for number in range(30)]

    results = found(commands, 'run', recent=['Run pipeline 17'])

    assert results[0].words == 'Run pipeline 17'
    assert len(results) == MOST


def test_a_curve_leaves_out_days_without_a_value_and_needs_two() -> None:
    points = points_of([None, 10.0, None, 20.0], width=96, height=30)

    assert [x for x, _ in points] == [2, 92]
    assert points[0][1] > points[1][1], 'more is higher, and y grows downwards'
    assert line_of(points_of([5.0], width=96, height=30)) == ''


def test_a_curve_without_change_is_a_line_in_the_middle() -> None:
    assert {y for _, y in points_of([3.0, 3.0, 3.0], width=96, height=30)} == {15}


def test_at_most_three_endings_are_named() -> None:
    assert kinds_of(['.mp4', '.mov', '.mkv', '.avi', '.mp3']) == 'video and sound files, such as mp4, mov, mkv'
    assert kinds_of(['.mp4', '.mov']) == 'mp4, mov'
    assert kinds_of([*VIDEO_SUFFIXES, '.gz', '.tgz']) == 'video files, such as mp4, mov, mkv, and gz, tgz'
    assert kinds_of(['.a', '.b', '.c', '.d', '.e']) == 'files such as a, b, c'
    assert kinds_of([]) == 'any file'


def test_a_scope_belongs_to_an_element() -> None:
    assert hasattr(Scope, '_handle_delete'), 'what NiceGUI calls when an element goes; see scope.py'
