/* The shortcuts of all pages, by the table of `shortcuts.py`: each presses the visible element with its name. They go by
   the letter that a key types, wherever a keyboard has it. */
(() => {
  'use strict';
  const root = document.documentElement;
  const { openDialog, openMenu, POPOVER } = window.synapse;
  const { names, single } = JSON.parse(document.querySelector('meta[name=synapse-keys]')?.content || '{"names": {}, "single": []}');
  const isMac = navigator.platform.startsWith('Mac');
  const isShown = (element) => element.getClientRects().length > 0;
  const typing = (target) => target.closest?.('input, textarea, select, [contenteditable=true]');

  // -- a dead key, such as ´ or ~, and the letter that follows it are one character, and no shortcut
  const MODIFIERS = ['Shift', 'Control', 'Alt', 'AltGraph', 'Meta', 'CapsLock'];
  const composed = new WeakSet();
  let isDead = false;
  addEventListener('keydown', (event) => {
    if (MODIFIERS.includes(event.key)) return;
    if (isDead && event.key.length === 1 || event.isComposing || ['Dead', 'Process'].includes(event.key)) composed.add(event);
    isDead = event.key === 'Dead';
  }, true);
  addEventListener('pointerdown', () => { isDead = false; }, true);
  const isComposed = (event) => composed.has(event);

  /* Whether the key types a character: AltGr and, on a Mac, Option do so too. Windows reports AltGr as Ctrl and Alt. */
  const isThird = (event) => event.getModifierState('AltGraph') || isMac && event.altKey && !event.ctrlKey && /^[!-/:-@[-`{-~]$/.test(event.key);
  /* Such as `Alt+p`, as the table names it. */
  function comboOf(event) {
    const isLetter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
    const isAlt = event.altKey && !isThird(event), isControl = (event.ctrlKey || event.metaKey) && !isThird(event);
    let key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // Option changes the letter, and some keyboards have digits only with Shift.
    if (isAlt && !/^[a-z0-9]$/.test(key)) key = /^(?:Key|Digit)(.)$/.exec(event.code)?.[1].toLowerCase() ?? key;
    const isShift = event.shiftKey && (isLetter || event.key.length > 1 && event.key !== 'Dead');
    return `${isControl ? 'Control+' : ''}${isAlt ? 'Alt+' : ''}${isShift ? 'Shift+' : ''}${key}`;
  }
  const isOn = (key) => root.dataset.singleKeys !== 'off' || !single.includes(key);
  function nameOf(event) {
    if (isComposed(event)) return null;
    const combo = comboOf(event), key = !names[combo] && /^Shift\+.$/.test(combo) ? combo.at(-1) : combo;
    return isOn(key) ? names[key] : null;
  }

  /* Whether a key belongs to the page: no field has the focus, and no layer is open. */
  const isFree = (event) => !event.defaultPrevented && !isComposed(event) && !typing(event.target) && !event.target.closest?.(POPOVER) && !openDialog() && !openMenu();

  function press(name) {
    const found = [...document.querySelectorAll(`[data-key="${name}"]`)].find((e) => !e.disabled && isShown(e));
    if (found?.matches('input')) { found.focus(); found.select(); } else found?.click();
    return Boolean(found);
  }
  const GO_MS = 1500, ANYWHERE = ['palette', 'stop', 'search-log'];
  const SCROLLS = [' ', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
  let goUntil = 0;
  addEventListener('keydown', (event) => {
    const name = nameOf(event), combo = comboOf(event);
    if (name === 'palette') { event.preventDefault(); if (!openDialog()) press(name); return; }
    const isModified = /^(?:Control|Alt|Shift\+Escape)/.test(combo);
    if (isModified && ANYWHERE.includes(name) && !event.defaultPrevented && !openDialog() && !openMenu()) {
      // Pressed again, it is for the browser's own search.
      const isThere = document.activeElement.matches(`input[data-key="${name}"]`);
      if (!isThere && press(name)) event.preventDefault();
      return;
    }
    if (name === 'bell' && event.target.closest?.('.bl-pop') && !typing(event.target)) { event.preventDefault(); press(name); return; }
    if (openMenu() && !isModified && walkMenu(event)) { event.preventDefault(); return; }
    if (!isFree(event)) return;
    const isGone = Date.now() < goUntil && names[`g ${combo}`];
    goUntil = combo === 'g' && isOn('g 1') ? Date.now() + GO_MS : 0;
    if (isGone) { event.preventDefault(); press(`g ${combo}`); return; }
    if (name && !(isModified && event.repeat) && press(name)) event.preventDefault();
    else if (SCROLLS.includes(event.key) && !isModified) scrolled(event);
  });

  /* Arrows, Home, End and first letters go through an open menu. The server may draw its rows a moment later, or again. */
  const rowsOf = (menu) => [...menu?.querySelectorAll('.sy-menu :is(a, button):not(:disabled)') ?? []].filter(isShown);
  let wantedRow = 0;
  const redrawn = new MutationObserver(() => {
    if (!openMenu()) redrawn.disconnect();
    else if (!openMenu().contains(document.activeElement) || !rowsOf(openMenu()).includes(document.activeElement)) goTo(wantedRow);
  });
  function goTo(goal) {
    const menu = openMenu(), rows = rowsOf(menu);
    wantedRow = goal;
    redrawn.observe(menu, { childList: true, subtree: true });
    if (!rows.length) return;
    rows.at(goal % rows.length).focus();
    wantedRow = rows.indexOf(document.activeElement);
  }
  let word = '', wordAt = -Infinity;
  const WORD_MS = 700;
  function walkMenu(event) {
    const rows = rowsOf(openMenu()), at = rows.indexOf(document.activeElement);
    if (typing(event.target)) return false;
    const goal = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key];
    if (goal !== undefined) { goTo(goal); return true; }
    const goesOn = performance.now() - wordAt < WORD_MS;
    if (event.key.length > 1 || event.key === ' ' && !goesOn) return false;
    word = (goesOn ? word : '') + event.key.toLowerCase();
    wordAt = performance.now();
    const from = word.length > 1 ? Math.max(0, at) : at + 1;
    [...rows.slice(from), ...rows.slice(0, from)].find((row) => row.innerText.trim().toLowerCase().startsWith(word))?.focus();
    return true;
  }
  /* The browser scrolls what has the focus; elsewhere than in the page that is nothing, since the body does not scroll. */
  function scrolled({ key, target }) {
    const page = document.querySelector(':is(.logs-page, .runs-page) .log-port') || document.querySelector('.sy-page');
    if (!page || page.contains(target) || key === ' ' && target.matches('button, summary, [role=button], [tabindex="0"]')) return;
    if (!page.hasAttribute('tabindex')) page.tabIndex = -1;
    page.focus({ preventScroll: true });
  }

  Object.assign(window.synapse, { isFree, isComposed, isThird, comboOf, isKey: (event, name) => nameOf(event) === name, press });
})();
