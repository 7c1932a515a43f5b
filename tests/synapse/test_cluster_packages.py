"""The packages that other machines need, brought by a real pip."""

import subprocess
import sys
from pathlib import Path

import pytest

from synapse import cluster_packages
from synapse.cluster_packages import NotInstalled, are_installed, can_be_installed, install
from tests.parts.harness import ROOT

PROJECT = """
[project]
optional-dependencies.cluster = ["{requirement}"]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own."""
    monkeypatch.setattr(cluster_packages, 'ROOT', tmp_path)
    return tmp_path


async def test_what_is_there_already_is_enough(root: Path) -> None:
    (root / 'pyproject.toml').write_text(PROJECT.format(requirement='pip'))

    await install()

    assert are_installed()


async def test_what_pip_cannot_bring_is_said_in_its_words(root: Path) -> None:
    (root / 'pyproject.toml').write_text(PROJECT.format(requirement='pip<0.1'))

    with pytest.raises(NotInstalled, match=r'No matching distribution found for pip<0\.1') as caught:
        await install()

    assert caught.value.hint == 'Is the network reachable?'


def test_only_our_own_environment_is_changed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / 'pyproject.toml').write_text('')
    assert not can_be_installed()

    monkeypatch.setattr(sys, 'prefix', str(root / '.venv'))
    assert can_be_installed()


def test_whether_they_are_there_is_known_without_importing_them() -> None:
    code = 'import sys; from synapse.cluster_packages import are_installed; print(are_installed(), len(sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)

    found, count = done.stdout.split()
    assert found == 'True'
    assert int(count) < 200  # Dask alone has more
