"""`python scripts/audit.py`: known security holes in the packages that are installed, as PyPI's database has them.

pip-audit looks them up, from an environment of its own. It passes by packages that it cannot find, so a machine without
the database would always pass: that is said, and how many were looked up.
"""

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS = 300


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(folder) / 'tool'
        venv.create(tool, with_pip=True)
        python = tool / ('Scripts' if sys.platform == 'win32' else 'bin') / 'python'
        subprocess.run([python, '-m', 'pip', 'install', '--quiet', 'pip-audit==2.10.1'], check=True, timeout=SECONDS)
        found = Path(folder) / 'found.json'
        ours = [path for path in sys.path if path.endswith('site-packages')]
        arguments = [
            '--progress-spinner=off',
            '--format=json',
            f'--output={found}',
            *(f'--path={path}' for path in ours),
        ]
        done = subprocess.run(
            [python, '-m', 'pip_audit', *arguments], check=False, timeout=SECONDS, capture_output=True, text=True
        )
        if not found.exists():
            print(f'Not audited: the database cannot be reached. {done.stderr.strip()[-300:]}')
            return 0
        text, code = verdict(json.loads(found.read_text()))
    print(text)
    return code


def verdict(report: Mapping[str, Any]) -> tuple[str, int]:
    """Say what a report of pip-audit means.

    :return: lines for people, and 1 if a package has a known hole
    """
    packages = report['dependencies']
    known = [package for package in packages if 'skip_reason' not in package]
    lines = [
        f'{package["name"]} {package["version"]}: {hole["id"]}, mended in {", ".join(hole["fix_versions"]) or "none"}'
        for package in known
        for hole in package['vulns']
    ]
    if not known:
        return f'Not audited: none of {len(packages)} packages is in the database that can be reached.', 0
    summary = f'{len(known)} of {len(packages)} packages audited, {len(lines) or "no"} known holes.'
    return '\n'.join([*lines, summary]), 1 if lines else 0


if __name__ == '__main__':
    sys.exit(main())
