"""Write the names that Windows and Outlook show for time zones, in all languages of Windows, as a table.

    python scripts/windows_zone_names.py windows-displaynames.json

The file is `src/TimeZoneNames.DataBuilder/data/windows-displaynames.json` of mattjohnsonpint/TimeZoneNames (MIT), which
collects these names on Windows itself.
"""

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / 'synapse/ical/windows_zone_names.tsv'
HEAD = """\
# How Windows shows its time zones in 48 languages: the zone, its offset as shown, and its names without offset.
# Made by scripts/windows_zone_names.py from mattjohnsonpint/TimeZoneNames, under the MIT License:
# Copyright (c) 2014 Matt Johnson-Pint
# Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
# documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
# rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
# persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice
# and this permission notice shall be included in all copies or substantial portions of the Software.
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
# WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
# COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
# OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def main(source: Path) -> None:
    """Write the table."""
    offsets: dict[str, str] = {}
    names: dict[str, dict[str, None]] = {}
    for language in json.loads(source.read_text(encoding='utf-8'))['Languages']:
        for zone, shown in language['TimeZones'].items():
            match = re.match(r'\(UTC([-+]\d\d:\d\d)?\)\s*', shown)
            if match is None:
                raise SystemExit(f'{shown!r} has no offset')
            offsets[zone] = match[1] or '+00:00'
            names.setdefault(zone, {})[shown[match.end() :].replace('\t', ' ').strip()] = None
    lines = ['\t'.join([zone, offsets[zone], *known]) for zone, known in names.items()]
    TARGET.write_text(HEAD + '\n'.join(lines) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main(Path(sys.argv[1]))
