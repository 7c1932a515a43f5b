"""Sizes as pipelines write them, and in words."""

import pytest

from synapse.sizes import limit_size, parse_size, short_size, size_beside, size_of


@pytest.mark.parametrize(
    ('text', 'count'),
    [
        (1, 1),
        ('1', 1),
        ('500 MB', 500_000_000),
        ('1.5gb', 1_500_000_000),
        (' 2 GiB ', 2 * 1024**3),
        ('3 TB', 3 * 10**12),
    ],
)
def test_a_size_is_bytes_or_text(text: int | str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize('text', ['', 'GB', '-1 GB', '0', 0, '1 gig', '1,5 GB', True, '0.0001 B'])
def test_what_is_no_size_says_how_to_write_one(text: int | str) -> None:
    with pytest.raises(ValueError, match='write bytes, or text like "500 MB" or "2 GB"'):
        parse_size(text)


def test_sizes_in_words() -> None:
    assert [size_of(count) for count in (812, 9_100, 2_000_000_000)] == ['812 B', '9.1 kB', '2.0 GB']
    assert [short_size(10**15 * count) for count in (0.9, 2, 7_000)] == ['900 TB', '2 PB', '7000 PB']
    assert [short_size(count) for count in (812, 2_000_000_000, 2_100_000_000)] == ['812 B', '2 GB', '2.1 GB']


@pytest.mark.parametrize('text', ['1 B', '500 MB', '1.5 GB', '20 GB', '2 GiB', '512 MiB', '200 kB', '1 TB', '3 TiB'])
def test_a_limit_is_said_as_it_was_set(text: str) -> None:
    assert limit_size(parse_size(text)) == text


def test_a_size_beside_a_limit_is_in_its_units() -> None:
    assert size_beside(3 * 1024**3, 2 * 1024**3) == '3 GiB'
    assert size_beside(700 * 1024**2, 2 * 1024**3) == '700 MiB'
    assert size_beside(3 * 1024**3, 2 * 1000**3) == '3.2 GB'
