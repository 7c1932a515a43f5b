"""Draw the icons of an installed Synapse, as PNG files, from its favicon: `python scripts/icons.py`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

STATIC = ROOT / 'pages/static'
BACKGROUND = '#0a0e14'
SIZES = {'icon-192': (192, 0.08), 'icon-512': (512, 0.08), 'icon-maskable': (512, 0.2), 'apple-touch-icon': (180, 0.14)}
"""Pixels of each, and the margin: a maskable one may lose a tenth at each side. Source: W3C App Manifest."""
PAGE = """<body style="margin:0;background:{background};width:100vw;height:100vh;display:grid;place-items:center">
<div style="width:{inner}%;height:{inner}%">{svg}</div>"""


def main() -> None:
    ensure_packages('test')
    from playwright.sync_api import sync_playwright

    from tests.parts.chromium import find_chromium

    svg = (STATIC / 'favicon.svg').read_text(encoding='utf-8')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=['--no-sandbox'])
        for name, (size, margin) in SIZES.items():
            page = browser.new_page(viewport={'width': size, 'height': size})
            page.set_content(PAGE.format(background=BACKGROUND, inner=100 - 200 * margin, svg=svg))
            page.screenshot(path=STATIC / f'{name}.png')
        browser.close()


if __name__ == '__main__':
    main()
