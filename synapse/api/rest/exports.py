"""Lists as streamed files: their types and names, and cells of CSV that no spreadsheet runs."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

TYPES = {'jsonl': 'application/x-ndjson', 'csv': 'text/csv', 'txt': 'text/plain'}
_OF_FORMULAS = ('=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n')


def attachment(what: str, format: str) -> dict[str, str]:
    """The header with the name of the file, such as `synapse-log-20261014-120831.csv`."""
    return {'content-disposition': f'attachment; filename="synapse-{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}.{format}"'}


def csv_rows(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(value) for value in row] for row in rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """Quote text that a spreadsheet would take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_OF_FORMULAS) else value
