"""A real Chromium for the benchmarks, and what watches frames and lines from within its pages."""

import contextlib
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.parts.chromium import ARGUMENTS, find_chromium

_WATCH_LINES = r"""(where) => {
  const painted = window.painted = {};
  const note = (text) => {
    for (const [, name, at] of text.matchAll(/sample (\S+) at ([\d.]+)/g)) {
      if (name in painted) continue;
      painted[name] = null;
      // What a message finds after the frame's own callbacks has been laid out and painted.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => { painted[name] = [Number(at), (performance.timeOrigin + performance.now()) / 1000]; };
        port2.postMessage(0);
      });
    }
  };
  new MutationObserver((records) => {
    for (const record of records) {
      if (record.type === 'characterData') note(record.target.data);
      for (const node of record.addedNodes) note(node.textContent);
    }
  }).observe(document.querySelector(where), { subtree: true, childList: true, characterData: true });
}"""

_WATCH_FRAMES = """() => {
  const frames = window.frames_ = { gaps: [], last: 0 };
  const step = (now) => {
    if (frames !== window.frames_) return;
    if (frames.last) frames.gaps.push(now - frames.last);
    frames.last = now;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}"""

_HIDE = """() => {
  Object.defineProperty(document, 'hidden', { value: true });
  Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
  window.requestAnimationFrame = () => 0;
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@contextlib.contextmanager
def browser() -> Iterator[BrowserContext]:
    """One window size for all pages; without a graphics card animations would be painted by the processor."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        context = chromium.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce')
        context.set_default_timeout(60_000)
        yield context
        chromium.close()


def watch_lines(page: Page, where: str) -> None:
    """Note when each text `sample NAME at SECONDS` that comes into this element is painted."""
    page.evaluate(_WATCH_LINES, where)


def painted(page: Page, prefix: str, count: int, *, timeout: float = 60) -> dict[str, tuple[float, float]]:
    """Wait for `count` samples of this prefix: what stood in the text, and when it was painted; seconds since 1970."""
    found = '([name, at]) => at && name.startsWith(prefix)'
    page.wait_for_function(
        f'([prefix, count]) => Object.entries(window.painted).filter({found}).length >= count',
        arg=[prefix, count],
        polling=100,
        timeout=timeout * 1000,
    )
    rows: dict[str, list[float]] = page.evaluate(
        f'(prefix) => Object.fromEntries(Object.entries(window.painted).filter({found}))', prefix
    )
    return {name: (said, seen) for name, (said, seen) in rows.items()}


def watch_frames(page: Page) -> None:
    """Note the time between each two frames from now on."""
    page.evaluate(_WATCH_FRAMES)


def gaps(page: Page) -> list[float]:
    """Milliseconds between each two frames since `watch_frames`, which ends here."""
    found: list[float] = page.evaluate(
        '() => { const { gaps, last } = window.frames_; window.frames_ = null;'
        ' return [...gaps, performance.now() - last]; }'
    )
    return found


def open_log(context: BrowserContext, url: str) -> Page:
    """The Logs page, at its newest line."""
    page = context.new_page()
    page.goto(f'{url}logs')
    page.locator('.log-one').first.wait_for()
    return page


def hide(page: Page) -> None:
    """Let this page take itself for a tab behind another: a headless Chromium shows all of them at once."""
    page.evaluate(_HIDE)


def last_row(page: Page) -> dict[str, Any]:
    """The newest row that the view holds, drawn or not."""
    row: dict[str, Any] = page.evaluate(
        "() => getElement(Number(document.querySelector('.log-lines').id.slice(1))).rows().at(-1)"
    )
    return row
