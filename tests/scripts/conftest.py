"""A data folder that the demo has really made, once for all tests that look at it."""

from pathlib import Path

import pytest

from tests.parts.scripts import script


@pytest.fixture(scope='session')
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, and what has passed of today."""
    folder = tmp_path_factory.mktemp('demo') / 'data'
    done = script('demo.py', folder, '--days', 2)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
