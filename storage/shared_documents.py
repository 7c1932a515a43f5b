"""Documents that many runs have in common, each kept once, such as the versions of all installed packages.

A hundred thousand runs name a few of them by their keys; the newest thousand are kept.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from .database import json_text, micros
from .runs import Document, RunStore

KEPT = 1_000


def key_of(document: Document) -> str:
    """Return the key of a document: the same for equal ones."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


class SharedDocuments:
    """Uses the database of `runs`; safe to use from several threads."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    def keep(self, documents: Mapping[str, Document], at: datetime) -> None:
        """Save documents by their keys, or note that those saved before were used; drop those unused the longest."""
        with self._runs.transaction() as connection:
            connection.executemany(
                'INSERT INTO shared VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET used = excluded.used',
                [(key, micros(at), json_text(document)) for key, document in documents.items()],
            )
            connection.execute(
                'DELETE FROM shared WHERE key IN (SELECT key FROM shared ORDER BY used DESC LIMIT -1 OFFSET ?)', [KEPT]
            )

    def get(self, keys: Collection[str]) -> dict[str, Document]:
        """The documents with these keys, by key; without those that are gone."""
        query = 'SELECT key, document FROM shared WHERE key IN (SELECT value FROM json_each(?))'
        with self._runs.reading() as connection:
            rows = connection.execute(query, [json.dumps([*keys])]).fetchall()
        return {key: json.loads(text) for key, text in rows}
