"""Code of pipelines on a machine: shared by runs of the same, and bounded."""

import os
import time
from pathlib import Path

import pytest

from synapse.cluster import code_cache as module
from synapse.cluster.code_cache import CodeCache


@pytest.fixture
def cache(tmp_path: Path) -> CodeCache:
    return CodeCache(tmp_path / 'pipelines')


def arrived(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / 'arrived'
    folder.mkdir()
    (folder / 'work.py').write_text(text)
    return folder


def used(cache: CodeCache, tmp_path: Path, text: str, *, days_ago: float = 0) -> Path:
    """Code whose last run ended then."""
    kept = cache.take(arrived(tmp_path, text))
    cache.release(kept)
    at = time.time() - days_ago * 86_400
    os.utime(kept, (at, at))
    return kept


def test_runs_of_the_same_code_share_a_folder_and_others_do_not(cache: CodeCache, tmp_path: Path) -> None:
    one, same = (cache.take(arrived(tmp_path, 'print(1)')) for _ in range(2))
    other = cache.take(arrived(tmp_path, 'print(2)'))

    assert one == same != other
    assert [path.read_text() for path in (one / 'work.py', other / 'work.py')] == ['print(1)', 'print(2)']
    assert not (tmp_path / 'arrived').exists()


def test_the_least_recently_used_goes_first_and_never_what_a_run_uses(
    cache: CodeCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'KEPT_BYTES', 250)
    live = cache.take(arrived(tmp_path, 'L' * 1000))
    os.utime(live, (1, 1))
    old = used(cache, tmp_path, 'a' * 100, days_ago=3)
    older = used(cache, tmp_path, 'b' * 100, days_ago=4)
    recent = used(cache, tmp_path, 'c' * 100)

    assert [folder.exists() for folder in (live, old, older, recent)] == [True, True, False, True]

    cache.release(live)
    assert not live.exists()


def test_what_has_not_run_for_long_goes(cache: CodeCache, tmp_path: Path) -> None:
    unused = used(cache, tmp_path, 'a', days_ago=31)
    kept = used(cache, tmp_path, 'b', days_ago=29)

    used(cache, tmp_path, 'c')

    assert (unused.exists(), kept.exists()) == (False, True)


def test_a_run_does_not_change_the_folder(cache: CodeCache, tmp_path: Path) -> None:
    # A process that has imported the file would have to be made anew for each run.
    kept = cache.take(arrived(tmp_path, 'a'))
    os.utime(kept, ns=(2, 1))

    cache.take(arrived(tmp_path, 'a'))
    cache.release(kept)

    assert (kept.stat().st_mtime_ns, kept.stat().st_atime > time.time() - 60) == (1, True)


def test_what_a_crash_has_left_half_deleted_goes_too(cache: CodeCache, tmp_path: Path) -> None:
    half = tmp_path / 'pipelines' / '.going-abc'
    half.mkdir(parents=True)

    used(cache, tmp_path, 'a')

    assert not half.exists()
