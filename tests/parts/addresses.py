"""The addresses that a page tells the browser to show."""

import pytest

import pages.parts.address


def record_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that each address shown from now on is added to, instead of going to the browser."""
    addresses: list[str] = []
    monkeypatch.setattr(pages.parts.address, '_tell', lambda _page, address, *, is_new: addresses.append(address))
    return addresses
