"""Under which names the gate lets the program be called."""

from synapse.api.gate.own_hosts import OwnHosts


def test_a_port_belongs_to_the_name() -> None:
    assert set(OwnHosts(8123, '127.0.0.1:8123')) == {'127.0.0.1:8123', 'localhost:8123'}


def test_browsers_leave_port_80_out() -> None:
    assert {'127.0.0.1', 'localhost', '127.0.0.1:80', 'localhost:80'} <= set(OwnHosts(80, '127.0.0.1:80'))
