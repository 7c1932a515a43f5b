"""Draw docs/pictures/rooms.svg, the floors and rooms of Synapse, from the contracts in pyproject.toml.

python scripts/rooms.py   after a room has come or gone; a test says when
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / 'docs/pictures/rooms.svg'
FLOORS = {
    'main.py': ('reads the command line,', 'opens the house'),
    'pages/': ('what people see; no rules',),
    'synapse/': ('the core, which knows no page',),
    'storage/': ('documents, history, files,', 'log; no word of the domain'),
}
WIDTH, LEFT, MARGIN = 960, 240, 12
ROW, BOX, GAP = 34, 26, 8
LETTER = 7.3
"""How wide a letter of the font is, in pixels."""
STYLE = """
  text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1f2937 }
  .floor { fill: #f6f7fb; stroke: #d5d9e4 } .room { fill: #fff; stroke: #8b5cf6 }
  .name { font-weight: 600; font-size: 14px } .about { fill: #5b6475; font: 11px sans-serif }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e9f2 } .floor { fill: #10151f; stroke: #2a3242 } .room { fill: #171d2a; stroke: #a78bfa }
    .about { fill: #9aa4b8 }
  }
"""


def main(arguments: list[str] | None = None) -> int:
    argparse.ArgumentParser(
        prog='python scripts/rooms.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    PICTURE.write_text(drawn(), encoding='utf-8')
    return 0


def drawn() -> str:
    """Return the picture for the contracts as they are now."""
    parts, y = [], MARGIN
    for name, about in FLOORS.items():
        rows = [row for layer in layers(name.rstrip('/')) for row in wrapped(layer)]
        high = max(2, len(rows)) * ROW + MARGIN
        parts.append(f'<rect class="floor" x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{high}" rx="8"/>')
        parts.append(f'<text class="name" x="{2 * MARGIN}" y="{y + 26}">{name}</text>')
        parts += [
            f'<text class="about" x="{2 * MARGIN}" y="{y + 44 + 14 * number}">{line}</text>'
            for number, line in enumerate(about)
        ]
        for number, row in enumerate(rows):
            parts += boxes(row, y + MARGIN // 2 + 4 + number * ROW)
        y += high + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" '
        f'aria-label="The rooms of Synapse: each imports only those below it">\n<style>{STYLE}</style>\n'
        + '\n'.join(parts)
        + '\n</svg>\n'
    )


def layers(floor: str) -> list[list[str]]:
    """The rooms of a floor, from the roof to the ground; those in one list do not know each other."""
    tools = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['tool']
    contracts = tools['importlinter']['contracts']
    found: list[str] = next((item['layers'] for item in contracts if item.get('containers') == [floor]), [])
    return [layer.split(' | ') for layer in found]


def wide(room: str) -> float:
    return len(room) * LETTER + 16


def wrapped(layer: list[str]) -> Iterator[list[str]]:
    """The rooms of a layer in as many rows as they need."""
    row: list[str] = []
    for room in layer:
        if row and LEFT + sum(wide(item) + GAP for item in [*row, room]) > WIDTH - MARGIN:
            yield row
            row = []
        row.append(room)
    yield row


def boxes(row: list[str], y: float) -> Iterator[str]:
    x = float(LEFT)
    for room in row:
        yield f'<rect class="room" x="{x:.0f}" y="{y}" width="{wide(room):.0f}" height="{BOX}" rx="6"/>'
        yield f'<text x="{x + 8:.0f}" y="{y + 17}">{room}</text>'
        x += wide(room) + GAP


if __name__ == '__main__':
    sys.exit(main())
