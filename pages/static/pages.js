/* The time axis of a run, what only this browser knows, and arrow keys. */
(() => {
  'use strict';
  // -- the bar of a running step grows with the server's clock
  setInterval(() => {
    for (const bar of document.querySelectorAll('[data-grows-from]')) {
      const [from, start, end] = [bar.dataset.growsFrom, bar.dataset.axisStart, bar.dataset.axisEnd].map(Number);
      const width = `${Math.max(0.4, (100 * (Math.min(window.synapse?.now?.() ?? Date.now(), end) - from)) / (end - start)).toFixed(2)}%`;
      if (bar.style.width !== width) bar.style.width = width;
    }
  }, 500);

  // -- a text that is shortened is told in full where the pointer rests on it
  addEventListener('pointerover', (event) => {
    const text = event.target.closest?.('.sy-ell');
    if (!text || (text.title && text.title !== text.dataset.told)) return;
    text.title = text.dataset.told = text.scrollWidth > text.clientWidth ? text.textContent.trim() : '';
  }, { passive: true });

  // -- the selected options that only this browser knows
  const CHOICES = { 'data-theme-option': 'themeChoice', 'data-single-keys-option': 'singleKeys' };
  const OPTIONS = Object.keys(CHOICES).map((name) => `[${name}]`).join();
  function mark() {
    for (const [name, kept] of Object.entries(CHOICES)) for (const option of document.querySelectorAll(`[${name}]`)) {
      const isChosen = String(option.getAttribute(name) === document.documentElement.dataset[kept]);
      if (option.getAttribute('aria-checked') !== isChosen) option.setAttribute('aria-checked', isChosen);
    }
  }
  new MutationObserver(mark).observe(document.documentElement, { attributeFilter: ['data-theme-choice', 'data-single-keys'] });
  addEventListener('DOMContentLoaded', () => {
    new MutationObserver((changes) => {
      if (changes.some((change) => change.addedNodes.length) && document.querySelector(OPTIONS)) mark();
    }).observe(document.body, { childList: true, subtree: true });
  });

  // -- arrow keys go from one choice to the next, and choose it; while capturing, before Home and End are shortcuts of the log
  const MOVES = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  addEventListener('keydown', (event) => {
    const by = MOVES[event.key], choices = [...(event.target.closest?.('[data-arrows]')?.querySelectorAll('button') || [])];
    const at = choices.indexOf(event.target);
    if (!by || at < 0 || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    const next = choices[Math.min(choices.length - 1, Math.max(0, at + by))];
    if (next === event.target) return;
    next.focus();
    next.click();
  }, true);

  // -- keys of the log
  const SCROLLS = ['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'];
  addEventListener('keydown', (event) => {
    const field = document.querySelector('[data-key=search-log]');
    if (event.key === 'Escape' && field && event.target === field && !event.defaultPrevented) {
      event.preventDefault();
      field.value = '';
      field.dispatchEvent(new Event('input', { bubbles: true }));
      document.querySelector('.log-port')?.focus({ preventScroll: true });
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !window.synapse.isFree(event)) return;
    const port = document.querySelector(':is(.logs-page, .runs-page) .log-port');
    if (port && event.target === document.body && SCROLLS.includes(event.key)) {
      event.preventDefault();
      port.focus({ preventScroll: true });
      port.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }));
    }
  });
})();
