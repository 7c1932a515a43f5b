/* The time axis of a run, the selected theme, and the keys of pages. */
(() => {
  'use strict';
  // -- the bar of a running step grows with the browser's clock
  setInterval(() => {
    for (const bar of document.querySelectorAll('[data-grows-from]')) {
      const [from, start, end] = [bar.dataset.growsFrom, bar.dataset.axisStart, bar.dataset.axisEnd].map(Number);
      const width = `${Math.max(0.4, (100 * (Math.min(Date.now(), end) - from)) / (end - start)).toFixed(2)}%`;
      if (bar.style.width !== width) bar.style.width = width;
    }
  }, 500);

  // -- the selected theme, which only this browser knows
  function markTheme() {
    const choice = document.documentElement.dataset.themeChoice || 'dark';
    for (const option of document.querySelectorAll('[data-theme-option]')) {
      const isChosen = String(option.dataset.themeOption === choice);
      if (option.getAttribute('aria-checked') !== isChosen) option.setAttribute('aria-checked', isChosen);
    }
  }
  new MutationObserver(markTheme).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme-choice'] });
  addEventListener('DOMContentLoaded', () => {
    new MutationObserver((changes) => {
      if (changes.some((change) => change.addedNodes.length) && document.querySelector('[data-theme-option]')) markTheme();
    }).observe(document.body, { childList: true, subtree: true });
  });

  // -- keys of these pages, off while typing
  const KEYS = { f: 'follow', e: 'first-error', E: 'last-error', w: 'wrap', c: 'clear-view', '.': 'fold', End: 'newest', Home: 'begin' };
  const SCROLLS = ['ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'];
  const shown = (name) => [...document.querySelectorAll(`[data-key=${name}]`)];
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || window.synapse.openDialog() || window.synapse.openMenu()) return;
    const field = shown('search-log')[0];
    // Pressed again, it is for the browser's own search.
    const isFind = (event.ctrlKey || event.metaKey) && event.key === 'f' && document.activeElement !== field;
    if (field && isFind) { event.preventDefault(); field.focus(); field.select(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && event.target === field) {
      event.preventDefault();
      field.value = '';
      field.dispatchEvent(new Event('input', { bubbles: true }));
      document.querySelector('.log-port')?.focus({ preventScroll: true });
      return;
    }
    if (!window.synapse.isFree(event)) return;
    if (event.key === '/') { if (field) { event.preventDefault(); field.focus(); field.select(); } return; }
    const port = document.querySelector('.logs-page .log-port');
    if (port && event.target === document.body && SCROLLS.includes(event.key)) {
      event.preventDefault();
      port.focus({ preventScroll: true });
      port.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }));
      return;
    }
    const name = KEYS[event.key];
    const target = name && shown(name).find((element) => element.offsetParent || element.classList.contains('sy-vh'));
    if (!target) return;
    event.preventDefault();
    target.click();
  });
})();
