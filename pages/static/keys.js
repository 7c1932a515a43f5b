/* Shortcuts of all pages, and keys typed while a dialog, menu or popover is still on its way from the server: from the
   press that opens something, keys belong to what it opens. */
(() => {
  'use strict';
  const GRACE_MS = 500, UNTOLD_MS = 2000, MOST_MS = 15_000;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => element.getClientRects().length > 0;

  // -- layers over the page that take its keys, except those fading out or faded to an empty frame
  const LEAVING = '[class*="-leave-active"]';
  const DIALOG = `.q-dialog:not([data-unwanted]):has(> .q-dialog__inner:not(${LEAVING}))`, MENU = `.q-menu:not([data-unwanted], ${LEAVING})`, POPOVER = '.bl-pop, .mo-pop[data-shown]';
  const LAYERS = `${DIALOG}, ${MENU}, ${POPOVER}`;
  const openDialog = () => document.querySelector(DIALOG);
  const openMenu = () => document.querySelector(MENU);
  const typing = (target) => target.closest?.('input, textarea, select, [contenteditable=true]');
  /* Whether a key belongs to the page: no field has the focus, and no layer is open. */
  const isFree = (event) => !event.defaultPrevented && !typing(event.target) && !event.target.closest?.(POPOVER) && !openDialog() && !openMenu();

  // -- on its way: openers pressed whose layer has not appeared yet, oldest first; only the last is still wanted
  let openings = [];
  const wanted = () => openings.find((one) => !one.isCancelled);
  const observer = new MutationObserver(look);
  function swallow(event) { event.preventDefault(); event.stopImmediatePropagation(); }

  function begin(opener) {
    const one = { opener, known: new Set(all(LAYERS)), keys: [], from: document.activeElement, path: location.pathname, isCancelled: false };
    openings.push(one);
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-shown'] });
    // The server reports when everything is sent; otherwise, wait a while after its next answer.
    if (opener.dataset.opens !== 'told') setTimeout(() => window.socket?.emit('synapse_ping', () => setTimeout(() => giveUp(one), UNTOLD_MS)));
    setTimeout(() => giveUp(one), MOST_MS);
  }
  function settled(id) {
    for (const one of openings) if (one.opener.id === id) setTimeout(() => giveUp(one), GRACE_MS);
  }
  const asksForPalette = (one) => one.keys.some((key) => key.isPalette);
  /* Nothing opened: what was typed goes into the field that still has the focus, if any. */
  function giveUp(one) {
    if (one.layer || !openings.includes(one)) return;
    if (asksForPalette(one) && openDialog()) { setTimeout(() => giveUp(one), 16); return; } // it is closing
    end(one);
    const field = typing(document.activeElement), asked = one.keys.findIndex((key) => key.isPalette);
    const typed = asked < 0 ? one.keys : one.keys.slice(0, asked);
    if (field && !field.closest(LEAVING)) typed.forEach((key) => replay(key));
    if (asked >= 0 && click('palette')) wanted()?.keys.push(...one.keys.slice(asked + 1).filter((key) => !key.isPalette));
  }
  function end(one) {
    openings = openings.filter((other) => other !== one);
    if (!openings.length) observer.disconnect();
  }
  function look() {
    const layers = all(LAYERS);
    for (const one of openings) {
      for (const layer of one.known) if (!layers.includes(layer)) one.known.delete(layer);
      // The focus is elsewhere by now, unless the previous layer is still closing.
      if (one.path !== location.pathname && !openDialog()?.contains(one.opener)) (asksForPalette(one) ? giveUp : end)(one);
    }
    for (const layer of layers) {
      const one = openings.find((other) => !other.layer && !other.known.has(layer));
      if (!one) continue;
      for (const other of openings) other.known.add(layer);
      one.layer = layer;
      if (one.isCancelled) { end(one); dismiss(one); } else setTimeout(() => arrived(one)); // it gets the focus a tick later
    }
  }
  function arrived(one) {
    if (!openings.includes(one)) return;
    end(one);
    if (one.isCancelled) return dismiss(one);
    enter(one.layer);
    giveBack(one);
    // On the layer below, they would be shortcuts again.
    if (one.keys.length && !one.layer.contains(document.activeElement)) (one.layer.querySelector('[tabindex]') || one.layer).focus({ preventScroll: true });
    one.keys.forEach((key) => {
      const next = wanted(); // one of these keys may open another layer, which gets the rest
      if (next) next.keys.push(key);
      else if (!key.isPalette) replay(key);
    });
  }
  /* Where the focus was before the first of nested layers; the framework only knows where it was last. */
  const origins = new WeakMap();
  function giveBack({ layer, from }) {
    const origin = origins.get(from?.closest('.q-dialog, .q-menu')) || from;
    origins.set(layer, origin);
    const gone = new MutationObserver(() => {
      if (layer.isConnected) return;
      gone.disconnect();
      if (document.activeElement === document.body && !document.querySelector(LAYERS)) origin?.focus({ preventScroll: true });
    });
    gone.observe(document.body, { childList: true });
  }
  /* No longer wanted: prevent it if possible, else close it as soon as it appears. */
  function cancel(one) {
    Object.assign(one, { isCancelled: true, keys: [] });
    if (!one.opener.dispatchEvent(new CustomEvent('unwanted', { cancelable: true }))) end(one);
  }
  function dismiss({ layer, from }) {
    if (layer.matches(POPOVER)) {
      layer.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
    } else {
      layer.dataset.unwanted = '';
      window.getElement(Number(layer.id.slice(1)))?.$emit('update:model-value', false);
    }
    setTimeout(() => from?.focus({ preventScroll: true })); // the framework moved it a tick before
  }
  /* Focus the first field, unless one has the focus already. */
  function enter(layer) {
    const active = document.activeElement;
    if (layer.contains(active) && typing(active)) return;
    const fields = ['[autofocus]', '[aria-pressed=true]', '.form-scroll :is(input, select, textarea)', 'input:not([type=hidden], [type=file])'];
    const field = fields.map((selector) => [...layer.querySelectorAll(selector)].find((e) => isShown(e) && !e.disabled)).find(Boolean);
    field?.focus({ preventScroll: true });
  }

  // `aria-haspopup` marks what opens a layer, `data-opens` what may open one. Pressed twice, it opens once.
  addEventListener('click', (event) => {
    const opener = event.target.closest?.('[aria-haspopup], [data-opens]');
    const shuts = opener?.ariaExpanded === 'true' || openMenu() && !opener?.closest('.q-menu');
    if (opener && !opener.disabled && !shuts && !opens(opener)) swallow(event);
  }, true);
  /* Note that a layer opens now; false if it is on its way already. */
  function opens(opener) {
    const again = openings.find((one) => one.opener === opener), other = wanted();
    if (other && other !== again) {
      if (other.opener.ariaHasPopup && opener.ariaHasPopup) return false;
      end(other); // it may not open anything
    }
    if (again) again.isCancelled = false;
    else begin(opener);
    return !again;
  }

  const EDITS = ['Enter', 'Escape', 'Tab', 'Backspace', 'Delete', 'Home', 'End', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'];
  addEventListener('keydown', (event) => {
    const one = wanted(), { key, code, shiftKey, ctrlKey, metaKey, altKey } = event;
    if (event.isComposing) return;
    const isText = key.length === 1 && (!(ctrlKey || metaKey || altKey) || event.getModifierState('AltGraph') || altKey && !ctrlKey && key > '~');
    if (!one && isText && goesOn(event.target)) { swallow(event); choose(event.target, key); }
    if (!one) return;
    // Keys for the browser, such as copying and reloading, pass through, but are no shortcuts of the page.
    if (!isText && (!EDITS.includes(key) || altKey) && !isPalette(event)) return event.stopImmediatePropagation();
    swallow(event);
    if (key === 'Escape') cancel(one);
    // Only the palette opens over other layers.
    else if (isPalette(event)) { if (!event.repeat) one.keys.push({ isPalette: true }); }
    else if (!event.repeat || one.keys.some((other) => other.key === key)) one.keys.push({ key, code, shiftKey, ctrlKey, metaKey });
  }, true);
  addEventListener('paste', (event) => {
    const one = wanted();
    if (!one) return;
    swallow(event);
    one.keys.push({ text: event.clipboardData.getData('text') });
  }, true);

  // -- keys typed meanwhile: dispatched first, then carried out as the browser would have
  function replay(key) {
    const target = document.activeElement || document.body;
    if (key.text !== undefined) { document.execCommand('insertText', false, key.text); return; }
    if (!target.dispatchEvent(new KeyboardEvent('keydown', { ...key, bubbles: true, cancelable: true }))) return;
    if (key.ctrlKey || key.metaKey) return;
    if (key.key === 'Tab') tab(target, key.shiftKey);
    else if (target.matches('select')) choose(target, key.key);
    else if (target.matches('button, a, [role=button], [type=checkbox], [type=radio]')) { if (key.key === ' ' || key.key === 'Enter') target.click(); }
    else if (typing(target)) edit(target, key.key);
  }
  function edit(field, key) {
    if (key.length === 1) { document.execCommand('insertText', false, key); return; }
    const command = { Backspace: 'delete', Delete: 'forwardDelete', Enter: field.matches('textarea') ? 'insertLineBreak' : '' }[key];
    if (command) { document.execCommand(command); return; }
    const { selectionStart: start, selectionEnd: stop, value } = field;
    const at = { Home: 0, End: value?.length, ArrowLeft: Math.max(0, start - 1), ArrowRight: stop + 1 }[key];
    if (at !== undefined && start !== null) field.setSelectionRange(at, at);
  }
  // Letters select from a list, as in the browser; letters that follow soon continue the word.
  const PREFIX_MS = 1000;
  let prefix = '', prefixOf = null, prefixAt = 0;
  const goesOn = (select) => select === prefixOf && performance.now() - prefixAt < PREFIX_MS;
  function choose(select, key) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[key], last = select.options.length - 1;
    prefix = key.length > 1 ? '' : (goesOn(select) ? prefix : '') + key.toLowerCase();
    [prefixOf, prefixAt] = [select, performance.now()];
    const fitting = [...select.options].findIndex((option) => prefix && option.text.toLowerCase().startsWith(prefix));
    const index = step ? Math.min(last, Math.max(0, select.selectedIndex + step)) : fitting;
    if (index < 0 || index === select.selectedIndex) return;
    select.selectedIndex = index;
    for (const name of ['input', 'change']) select.dispatchEvent(new Event(name, { bubbles: true }));
  }
  function tab(target, isBack) {
    const layer = target.closest(LAYERS) || document;
    const stops = [...layer.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')].filter((e) => e.tabIndex >= 0 && !e.disabled && isShown(e));
    stops[(stops.indexOf(target) + (isBack ? -1 : 1) + stops.length) % stops.length]?.focus();
  }

  // -- shortcuts: each clicks the visible element with its name
  const SHORTCUTS = { r: 'new-run', n: 'new-event', b: 'bell', '[': 'collapse', '?': 'help' };
  const SCROLLS = [' ', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', 'Home', 'End'];
  const isPalette = (event) => (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k';
  // On a Mac, Option changes the letter, but not the code of the key.
  const isPause = (event) => event.altKey && !event.ctrlKey && !event.metaKey && (event.key.toLowerCase() === 'p' || event.key > '~' && event.code === 'KeyP');
  function click(name) {
    const found = all(`[data-key="${name}"]`).find((e) => !e.disabled && isShown(e));
    found?.click();
    return Boolean(found);
  }
  function press(event, name) {
    if (click(name)) event.preventDefault();
  }
  let goUntil = 0;
  addEventListener('keydown', (event) => {
    const key = event.key.toLowerCase();
    if (isPalette(event)) { event.preventDefault(); if (!openDialog()) press(event, 'palette'); return; }
    if (key === 'escape' && event.shiftKey && !openDialog()) { press(event, 'stop'); return; }
    if (typing(event.target)) return;
    if (isPause(event) && isFree(event) && !event.repeat) { press(event, 'pause'); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches('.upload-zone') && (key === 'enter' || key === ' ')) { event.preventDefault(); event.target.click(); return; }
    if (key === 'b' && event.target.closest('.bl-pop')) { press(event, 'bell'); return; }
    const menu = openMenu()?.querySelector('.sy-menu');
    if (menu && ['arrowdown', 'arrowup'].includes(key)) {
      const rows = [...menu.querySelectorAll('a, button')], by = key === 'arrowdown' ? 1 : -1;
      rows[(rows.indexOf(document.activeElement) + by + rows.length) % rows.length]?.focus();
      event.preventDefault();
      return;
    }
    if (!isFree(event)) return;
    if (Date.now() < goUntil && /^[1-7]$/.test(key)) {
      goUntil = 0;
      event.preventDefault();
      document.querySelector(`[data-key="g ${key}"]`)?.click();
      return;
    }
    goUntil = key === 'g' ? Date.now() + 1500 : 0;
    if (SCROLLS.includes(event.key)) scrolled(event);
    else if (SHORTCUTS[key]) press(event, SHORTCUTS[key]);
  });
  /* The browser scrolls what has the focus; elsewhere than in the page that is nothing, since the body does not scroll. */
  function scrolled({ key, target }) {
    const page = document.querySelector('.logs-page .log-port') || document.querySelector('.sy-page');
    if (!page || page.contains(target) || key === ' ' && target.matches('button, summary, [role=button], [tabindex="0"]')) return;
    if (!page.hasAttribute('tabindex')) page.tabIndex = -1;
    page.focus({ preventScroll: true });
  }

  Object.assign(window.synapse, { openDialog, openMenu, isFree, opens, settled });
})();
