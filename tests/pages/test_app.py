"""Under which names the gate lets the program be called."""

from pathlib import Path

from pages.app import _hosts, _origins
from synapse.settings import Settings


def test_a_port_belongs_to_the_name(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=8123)

    assert _hosts(settings) == {'127.0.0.1:8123', 'localhost:8123'}
    assert _origins(settings) == {'http://127.0.0.1:8123', 'http://localhost:8123'}


def test_browsers_leave_port_80_out(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, port=80)

    assert {'127.0.0.1', 'localhost', '127.0.0.1:80', 'localhost:80'} <= _hosts(settings)
    assert 'http://localhost' in _origins(settings)
