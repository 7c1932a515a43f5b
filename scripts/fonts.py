"""Make the two fonts of the pages anew, from what npm has: `python scripts/fonts.py`.

Both are under the SIL Open Font License 1.1, which lets a part be shipped under their names (neither reserves one).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

FONTS = ROOT / 'synapse/api/gate/static'
INTER, MONO = 'inter-ui@4.1.1', '@expo-google-fonts/jetbrains-mono@0.4.1'
LICENSES = {
    'inter-license.txt': '@fontsource-variable/inter@5.3.0',
    'jetbrains-mono-license.txt': '@fontsource-variable/jetbrains-mono@5.3.0',
}
KEPT = (
    *range(0x20, 0x7F),  # Basic Latin
    *range(0xA0, 0x250),  # Latin-1, Extended-A and B
    *range(0x1E00, 0x1F00),  # Latin Extended Additional: Vietnamese
    *range(0x2000, 0x2070),  # punctuation
    *range(0x20A0, 0x20D0),  # currencies
    *range(0x2100, 0x2400),  # letter-like symbols, arrows, mathematics
    *range(0x2500, 0x2800),  # lines and blocks that programs draw with, shapes, check marks
)
WEIGHTS = (400, 700)
"""The lightest and the boldest that the pages use; all between them too."""


def main() -> None:
    ensure_packages('test')
    with tempfile.TemporaryDirectory() as folder:
        inter = _unpacked(INTER, Path(folder)) / 'variable/InterVariable.woff2'
        _write_inter(inter, FONTS / 'inter-4.1.woff2')
        _write_mono(_unpacked(MONO, Path(folder)), FONTS / 'jetbrains-mono-2.211.woff2')
        for name, package in LICENSES.items():
            shutil.copyfile(_unpacked(package, Path(folder)) / 'LICENSE', FONTS / name)


def _unpacked(package: str, folder: Path) -> Path:
    path = os.pathsep.join([sysconfig.get_path('scripts'), os.environ['PATH']])
    home = Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(
        [shutil.which('npm', path=path) or 'npm', 'pack', package, '--silent', '--pack-destination', str(home)],
        check=True,
        env=os.environ | {'PATH': path},
        stdout=subprocess.DEVNULL,
    )
    with tarfile.open(next(home.glob('*.tgz'))) as archive:
        archive.extractall(home, filter='data')
    return home / 'package'


def _write_inter(source: Path, target: Path) -> None:
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    font = TTFont(source)
    _keep(font, ('kern', 'ccmp', 'locl', 'mark', 'mkmk', 'calt', 'case', 'tnum'))
    _save(instantiateVariableFont(font, {'opsz': 14, 'wght': WEIGHTS}), target)


def _write_mono(folder: Path, target: Path) -> None:
    """Join the weights into one font, without ligatures, which would hide what a program wrote."""
    from fontTools import varLib
    from fontTools.designspaceLib import DesignSpaceDocument
    from fontTools.ttLib import TTFont

    design = DesignSpaceDocument()
    design.addAxisDescriptor(tag='wght', name='Weight', minimum=WEIGHTS[0], default=WEIGHTS[0], maximum=WEIGHTS[1])
    for weight, name in zip(WEIGHTS, ('400Regular', '700Bold'), strict=True):
        path = folder / name / f'JetBrainsMono_{name}.ttf'
        font = TTFont(path, recalcTimestamp=False)
        _keep(font, ('ccmp', 'mark', 'mkmk'))
        font.save(path)  # what is left out is gone once it is read again
        design.addSourceDescriptor(path=str(path), font=TTFont(path), location={'Weight': weight})
    _save(varLib.build(design)[0], target)


def _keep(font: Any, features: Sequence[str]) -> None:
    from fontTools.subset import Options, Subsetter

    subsetter = Subsetter(Options(layout_features=list(features), hinting=False, name_IDs=['*']))
    subsetter.populate(unicodes=KEPT)
    subsetter.subset(font)


def _save(font: Any, target: Path) -> None:
    font.flavor = 'woff2'
    font.recalcTimestamp = False
    font.save(target)
    print(f'{target.name}: {target.stat().st_size // 1024} KiB, {len(font.getBestCmap())} characters')


if __name__ == '__main__':
    main()
