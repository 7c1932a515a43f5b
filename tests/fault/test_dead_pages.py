"""A monitor that requests the dashboard every minute leaks nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault.page_visits import MOST_GROWTH
from tests.parts.harness import ROOT

pytestmark = pytest.mark.fault


@pytest.mark.timeout(480)
def test_500_pages_that_are_never_opened_leave_no_memory_and_hold_nothing_up(tmp_path: Path) -> None:
    command = [sys.executable, '-m', 'tests.fault.page_visits', str(tmp_path / 'data'), '500']
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=440, check=False)
    assert ran.returncode == 0, ran.stderr
    cost = next(json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{'))

    assert cost['after'] < MOST_GROWTH * cost['before']
    assert cost['longest_turn'] < 0.1
