"""The messages of a run host, assembled as the control room does: messages with lines become entries."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synapse.protocol.long_lines import LONG_LINES, LongLines
from synapse.protocol.spool_reader import Record, SpoolReader
from synapse.runs.lines.intake import Cutter, Printed

Message = dict[str, Any]


class Said:
    """Unpacks raw output, also from the spool of the run in `folder`, and leaves other messages as they are."""

    def __init__(self, folder: Path) -> None:
        self._cutter = Cutter(LongLines(folder / LONG_LINES))
        self._spool = SpoolReader(folder)

    def unfold(self, message: Message) -> Iterator[Message]:
        if message['t'] == 'spool':
            yield from self._records((message['file'], message['size']))
        elif message['t'] == 'raw':
            yield from self._record((message, message['text'].encode('latin-1')))
        else:
            yield message

    def rest(self) -> Iterator[Message]:
        """What is left once the host has exited."""
        yield from self._records(None)
        yield from map(_entries, self._cutter.rest())

    def _records(self, until: tuple[int, int] | None) -> Iterator[Message]:
        while records := self._spool.read(until):
            for record in records:
                yield from self._record(record)

    def _record(self, record: Record) -> Iterator[Message]:
        header, data = record
        if header['t'] == 'logs':
            yield header
        else:
            yield from map(_entries, self._cutter.lines(header, data))


def _entries(said: Printed) -> Message:
    return {'t': 'logs', 'e': [[at, 'info', said.source, text, said.step, said.fields] for at, text in said.lines]}
