"""What a step prints, as it is sent to the control room."""

import json
import os
import time
from pathlib import Path
from typing import Any

from synapse.host.channel import Channel
from synapse.host.streams import FilteredOutput, ProgramOutput, Stream


def raws(path: Path) -> list[dict[str, Any]]:
    return [message for message in map(json.loads, path.read_text().splitlines()) if message['t'] == 'raw']


def test_a_print_without_a_line_end_is_sent_soon(tmp_path: Path) -> None:
    path = tmp_path / 'messages'
    channel = Channel(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    stream = Stream(channel, 'stdout', 1)
    channel.on_idle = stream.drain
    channel.watch()
    deadline = time.monotonic() + 10

    print('Uploading backup... ', end='', file=stream)
    while not raws(path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    print('done', file=stream)

    assert [raw['text'] for raw in raws(path)] == ['Uploading backup... ', 'done\n']


def test_the_end_of_an_output_is_sent_only_if_something_may_be_left_of_it(tmp_path: Path) -> None:
    path = tmp_path / 'messages'
    channel = Channel(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))

    for data in (b'a line\n', b'no line end', b'\r100%\n', b'\x1b[31mred\n'):
        output = ProgramOutput(channel, 'tar')
        output.feed(data)
        output.finish()

    assert [raw['text'] for raw in raws(path) if raw.get('last')] == ['', '', '']
    assert len(raws(path)) == 7


def test_a_filter_hears_of_redraws_and_of_their_end_and_passes_them_on_as_one_row(tmp_path: Path) -> None:
    path, heard = tmp_path / 'messages', list[str]()
    channel = Channel(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))

    def on_line(line: str) -> bool:
        heard.append(line)
        return line.startswith('secret')

    output = FilteredOutput(on_line, ProgramOutput(channel, 'tar'))
    for text in ('first\nsecret\n', '\r 1%', '\r 2%', '\r100%\n', 'last\n'):
        output.feed(text.encode())
    output.finish()

    assert heard == ['first', 'secret', ' 1%', '100%', 'last']
    assert ''.join(raw['text'] for raw in raws(path)) == 'first\n\r\x1b[K 1%\r\x1b[K100%\nlast\n'
