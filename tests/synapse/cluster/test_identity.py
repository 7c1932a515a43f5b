"""The code of a cluster as it is kept: what replaces it, and what is done with one that is out of date."""

from pathlib import Path

from synapse.cluster.identity import forget_code, new_code, newest_code, replace_code, save_code, saved_code


def test_a_code_that_was_replaced_stands_for_the_newest_one(tmp_path: Path) -> None:
    first, second, third = new_code(), new_code(), new_code()
    save_code(tmp_path, first)

    replace_code(tmp_path, second)
    replace_code(tmp_path, third)

    assert [newest_code(tmp_path, code) for code in (first, second, third)] == [third] * 3
    assert first not in (tmp_path / 'past-codes').read_text()


def test_a_code_that_nobody_knows_here_is_taken_as_it_is(tmp_path: Path) -> None:
    code, other = new_code(), new_code()
    save_code(tmp_path, code)

    assert newest_code(tmp_path, other) == other


def test_who_has_forgotten_the_code_takes_any(tmp_path: Path) -> None:
    first, second = new_code(), new_code()
    save_code(tmp_path, first)
    replace_code(tmp_path, second)

    forget_code(tmp_path)

    assert (saved_code(tmp_path), newest_code(tmp_path, first)) == ('', first)
