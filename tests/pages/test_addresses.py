"""What pages write as an address goes through the one place that knows the path below which a browser found us."""

import re

from tests.parts.harness import ROOT

PLACES = 'api|login|logout|logs|pipelines|profiles|runs|scheduler|settings|static|ws'
IN_SCRIPTS = re.compile(rf"""(?<!at\()(?<!startsWith\()["'`]/(?:{PLACES})\b""")
IN_PYTHON = re.compile(
    rf"""fetch\(['"`]/|location\.\w+\(['"`]/|props\[['"](?:href|src)['"]\] = (?!placed)|href="/(?:{PLACES})\b"""
    r"""|State\([^)]*"", (?!synapse\.at)"""
)


def found(pattern: re.Pattern[str], kind: str) -> list[str]:
    texts = {path: path.read_text(encoding='utf-8') for path in (ROOT / 'pages').rglob(f'*.{kind}')}
    assert texts
    return [f'{path.name}: {hit[0]}' for path, text in texts.items() for hit in pattern.finditer(text)]


def test_scripts_ask_for_the_address_of_a_path() -> None:
    assert found(IN_SCRIPTS, 'js') == []


def test_pages_leave_addresses_to_the_elements() -> None:
    assert found(IN_PYTHON, 'py') == []
