/* The log grid and the time axis of a run: what must be judged or drawn between two messages of the server. */
(() => {
  'use strict';
  const WORDS = { debug: 'DEBUG', info: 'INFO', success: 'OK', warning: 'WARN', error: 'ERROR', critical: 'CRIT' };
  const GLYPHS = { debug: 'info', info: 'info', success: 'success', warning: 'warning', error: 'error', critical: 'error' };
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const views = new Map();
  const two = (n) => String(n).padStart(2, '0');
  const isNarrow = () => innerWidth < 768;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function glyph(name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 16 16');
    svg.setAttribute('aria-hidden', 'true');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', `/static/synapse/icons.svg#g-${name}`);
    svg.append(use);
    return svg;
  }

  // -- cells: text is only ever text
  function time(millis) {
    const at = new Date(millis);
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    const cell = make('span', 'tm');
    cell.title = at.toLocaleString();
    if (at.toDateString() === new Date().toDateString()) {
      cell.append(make('b', '', clock), `.${String(at.getMilliseconds()).padStart(3, '0')}`);
    } else {
      cell.append(`${two(at.getDate())} ${MONTHS[at.getMonth()]} `, make('b', '', clock));
    }
    return cell;
  }
  function level(name) {
    const cell = make('span', 'lv');
    cell.append(glyph(GLYPHS[name] || 'info'), WORDS[name] || name);
    return cell;
  }
  function rule(data) {
    const row = make('div', 'log-rule st-running');
    row.append(time(data.t), glyph('running'), make('b', '', data.m), make('i'), make('span', 'run', data.r));
    return row;
  }
  function stacked(data) {
    const row = make('div', `log-stack lv-${GLYPHS[data.l] || 'info'}`);
    const head = make('div', 'head');
    head.append(time(data.t), level(data.l), make('span', 'src', data.s), make('span', 'run', data.r));
    row.append(head, make('div', 'msg', data.m));
    return row;
  }

  // -- following the newest line, one state per view
  function viewOf(event) { return views.get(event.context.view); }
  function isAtEnd(api) {
    const count = api.getDisplayedRowCount();
    if (!count) return true;
    const last = api.getDisplayedRowAtIndex(count - 1);
    return api.getVerticalPixelRange().bottom >= last.rowTop + last.rowHeight - 6;
  }
  function tell(view) {
    view.element.dispatchEvent(new CustomEvent('followed', { detail: view.follows }));
  }
  function follow(id, follows, isFromServer) {
    const view = views.get(id);
    if (!view) return;
    const isNews = view.follows !== follows;
    view.follows = follows;
    if (follows) toEnd(view.api);
    if (isNews && !isFromServer) tell(view);
  }
  function toEnd(api) {
    const count = api.getDisplayedRowCount();
    if (count) api.ensureIndexVisible(count - 1, 'bottom');
  }

  window.synapseLog = {
    time: (params) => time(params.value),
    level: (params) => level(params.value),
    full: (params) => (isNarrow() && !params.data.k ? stacked(params.data) : rule(params.data)),
    isFull: (params) => Boolean(params.rowNode.data?.k) || isNarrow(),
    rowHeight: () => (isNarrow() ? 42 : 22),
    ready(event) {
      const element = document.getElementById(event.context.view);
      views.set(event.context.view, { api: event.api, element, follows: event.context.follows, top: 0, mark: null });
      for (const [id, view] of views) if (!view.element?.isConnected) views.delete(id);
    },
    flushed(event) {
      const view = viewOf(event);
      if (!view) return;
      if (view.follows) return toEnd(event.api);
      // Old lines went at the top while somebody reads: keep the same lines under the eyes.
      const gone = event.results.reduce((sum, result) => sum + result.remove.length, 0);
      const port = view.element.querySelector('.ag-body-viewport');
      if (gone && port) port.scrollTop -= gone * this.rowHeight();
    },
    scrolled(event) {
      const view = viewOf(event);
      if (!view || event.direction !== 'vertical') return;
      const wentUp = event.top < view.top - 2;
      view.top = event.top;
      const follows = isAtEnd(event.api) ? true : wentUp ? false : view.follows;
      if (follows !== view.follows) { view.follows = follows; tell(view); }
    },
    isMarked: (params) => views.get(params.context.view)?.mark === params.data.id,
    follow: (id, follows) => follow(id, follows, true),
    show(id, index, mark) {
      const view = views.get(id);
      if (!view) return;
      view.follows = false;
      view.mark = mark;
      view.api.ensureIndexVisible(index, 'middle');
      view.api.redrawRows();
    },
    end(id) { const view = views.get(id); if (view && view.follows) toEnd(view.api); },
  };

  document.addEventListener('selectionchange', () => {
    const selection = getSelection();
    if (!selection || selection.isCollapsed) return;
    const element = selection.anchorNode?.parentElement?.closest('.log-grid');
    if (element && views.get(element.id)?.follows) follow(element.id, false);
  });

  // -- the bar of a running step grows by the clock of the browser
  setInterval(() => {
    for (const bar of document.querySelectorAll('[data-grows-from]')) {
      const [from, start, end] = [bar.dataset.growsFrom, bar.dataset.axisStart, bar.dataset.axisEnd].map(Number);
      const width = `${Math.max(0.4, (100 * (Math.min(Date.now(), end) - from)) / (end - start)).toFixed(2)}%`;
      if (bar.style.width !== width) bar.style.width = width;
    }
  }, 500);

  // -- which theme is chosen: only this browser knows
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

  // -- keys of these pages; off while typing
  const KEYS = { f: 'follow', e: 'first-error', End: 'newest' };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('.q-dialog')) return;
    if (event.target.closest?.('input, textarea, select, [contenteditable=true]')) return;
    const name = event.key === '/' ? 'search-log' : KEYS[event.key];
    const target = name && [...document.querySelectorAll(`[data-key=${name}]`)].find((element) => element.offsetParent);
    if (!target) return;
    event.preventDefault();
    if (name === 'search-log') target.focus(); else target.click();
  });
})();
