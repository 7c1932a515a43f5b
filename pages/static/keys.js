/* Keys typed while a dialog, menu or popover is still on its way from the server: from the press that opens something,
   keys belong to what it opens. */
(() => {
  'use strict';
  const GRACE_MS = 500, UNTOLD_MS = 2000, AWAY_MS = 5000, MOST_MS = 15_000;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (element) => element.checkVisibility(); // not in a closed fold
  const { LAYERS, LEAVING, POPOVER, openDialog, openMenu, isComposed, isThird, isKey, press } = window.synapse;

  const typing = (target) => target.closest?.('input, textarea, select, [contenteditable=true]');

  // -- on its way: openers pressed whose layer has not appeared yet, oldest first; only the last is still wanted
  let openings = [];
  const wanted = () => openings.find((one) => !one.isCancelled);
  const observer = new MutationObserver(look);
  function swallow(event) { event.preventDefault(); event.stopImmediatePropagation(); }

  function begin(opener) {
    const isCut = isAway() && opener.matches('[data-opens]'); // menus need no server
    const one = { opener, known: new Set(all(LAYERS)), keys: [], from: document.activeElement, path: location.pathname, isCancelled: false, isCut };
    openings.push(one);
    wire();
    if (isCut) { waitFor(one); setTimeout(() => giveUp(one), AWAY_MS); return; }
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-shown'] });
    // The server reports when everything is sent; otherwise, wait a while after its next answer.
    if (opener.dataset.opens !== 'told') setTimeout(() => window.socket?.emit('synapse_ping', () => setTimeout(() => giveUp(one), UNTOLD_MS)));
    setTimeout(() => giveUp(one), isAway() ? UNTOLD_MS : MOST_MS);
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
    if (one.isCut) return one.isCancelled || tell(missedOf(one));
    const field = typing(document.activeElement), asked = one.keys.findIndex((key) => key.isPalette);
    const typed = asked < 0 ? one.keys : one.keys.slice(0, asked);
    if (field && !field.closest(LEAVING)) typed.forEach((key) => replay(key));
    if (asked >= 0 && press('palette')) wanted()?.keys.push(...one.keys.slice(asked + 1).filter((key) => !key.isPalette));
  }
  function end(one) {
    openings = openings.filter((other) => other !== one);
    if (!openings.length) observer.disconnect();
  }
  function look() {
    const layers = all(LAYERS);
    for (const one of openings) {
      for (const layer of one.known) if (!layers.includes(layer)) one.known.delete(layer);
      // It led to another page, unless it is sure to open something: then an earlier key did. Or the previous layer is still closing.
      const isElsewhere = one.path !== location.pathname && !one.opener.ariaHasPopup;
      if (isElsewhere && !openDialog()?.contains(one.opener)) (asksForPalette(one) ? giveUp : end)(one);
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
    enter(one.layer, one.keys);
    // On the layer below, they would be shortcuts again.
    if (one.keys.length && !one.layer.contains(document.activeElement)) (one.layer.querySelector('[tabindex]') || one.layer).focus({ preventScroll: true });
    one.keys.forEach((key) => {
      const next = wanted(); // one of these keys may open another layer, which gets the rest
      if (next) next.keys.push(key);
      else if (!key.isPalette) replay(key);
    });
  }
  /* No longer wanted: prevent it if possible, else close it as soon as it appears. */
  function cancel(one) {
    Object.assign(one, { isCancelled: true, keys: [] });
    if (!one.opener.dispatchEvent(new CustomEvent('unwanted', { cancelable: true }))) end(one);
  }
  function dismiss({ layer, from }) {
    if (!layer.matches(POPOVER)) layer.dataset.unwanted = '';
    window.synapse.close(layer);
    setTimeout(() => from?.focus({ preventScroll: true })); // the framework moved it a tick before
  }
  /* Focus the first field, unless one has the focus already; what was typed is no use to a choice. */
  const FIELDS = ':is(input:not([type=hidden], [type=file], [type=radio]:not(:checked)), select, textarea)';
  const TEXTS = `${FIELDS}:not([type=radio], [type=checkbox])`;
  function enter(layer, keys = []) {
    const active = document.activeElement, isTyped = keys.some(({ key, text }) => text || key?.length === 1);
    if (layer.contains(active) && typing(active)) return;
    const wishes = ['[autofocus]', '[aria-pressed=true]', `.form-scroll ${TEXTS}`, ...(isTyped ? [TEXTS] : []), `.form-scroll ${FIELDS}`, FIELDS];
    const field = wishes.map((wish) => [...layer.querySelectorAll(wish)].find((e) => isShown(e) && !e.disabled)).find(Boolean);
    field?.focus({ preventScroll: true });
  }

  // `aria-haspopup` marks what opens a layer, `data-opens` what may open one. Pressed twice, it opens once.
  addEventListener('click', (event) => {
    const opener = event.target.closest?.('[aria-haspopup], [data-opens]');
    const shuts = opener?.ariaExpanded === 'true' || openMenu() && !opener?.closest('.q-menu');
    if (!opener || opener.disabled || shuts) return;
    // What is sent while the server is away would come at some time later, or never.
    if (!opens(opener) || openings.at(-1)?.isCut) swallow(event);
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

  // -- what cannot open, since the server is away, or went away before it answered: said, with what was typed for it
  const KEPT = 'synapse-unopened', _ = (...said) => window.synapse._(...said);
  const isAway = () => window.synapse.isLost() || document.documentElement.dataset.connection === 'offline';
  let missed = [], wired = null;
  function wire() {
    if (!window.socket || wired === window.socket) return;
    wired = window.socket;
    wired.on('disconnect', () => openings.forEach((one) => { one.isCut = true; }));
    wired.on('connect', () => openings.forEach((one) => waitFor(one))); // it may be sent again
  }
  /* Give up once nothing has been typed for a while. */
  function waitFor(one) {
    clearTimeout(one.timer);
    one.timer = setTimeout(() => giveUp(one), UNTOLD_MS);
  }
  const labelOf = ({ ariaLabel, title, innerText }) => (ariaLabel || innerText.split('\n')[0].trim() || title).trim();
  const missedOf = ({ opener, keys }) => ({ title: labelOf(opener), name: opener.dataset.key, keys, opener });
  function openerOf({ name, opener }) {
    return opener?.isConnected ? opener : all(`[data-key="${name}"]`).find((e) => !e.disabled && isShown(e));
  }
  function tell(one) {
    missed.push(one);
    const forget = () => { missed = missed.filter((other) => other !== one); };
    const parts = [_('“{title}” did not open, as Synapse could not be reached.', one)];
    if (one.isLost) parts.push(_('What you typed is lost.'));
    else if (one.keys.length) parts.push(_('What you typed is kept.'));
    const handler = () => { forget(); openerOf(one)?.click(); wanted()?.keys.push(...one.keys); };
    const open = { label: _('Open'), noCaps: true, handler };
    window.Quasar.Notify.create({
      message: parts.join(' '), position: 'bottom-right', classes: 'sy-notice is-warning', timeout: 0,
      actions: [...(openerOf(one) ? [open] : []), { label: _('Discard'), noCaps: true, handler: forget }],
    });
  }
  // The framework may load the page again. What is typed for the other dialogs may be a password, which nothing keeps.
  addEventListener('pagehide', () => {
    const unopened = [...missed, ...openings.filter((one) => !one.isCancelled && (one.isCut || one.opener.ariaHasPopup)).map(missedOf)];
    const kept = unopened.map(({ title, name, keys, isLost }) => ({ title, name, keys: name ? keys : [], isLost: isLost || !name && keys.length > 0 }));
    try { if (kept.length) sessionStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* no room */ }
  });
  addEventListener('load', async () => {
    let kept = [];
    try { kept = JSON.parse(sessionStorage.getItem(KEPT)) || []; sessionStorage.removeItem(KEPT); } catch { /* none can be kept */ }
    if (!kept.length) return;
    while (document.documentElement.dataset.connection !== 'live' || !window.Quasar?.Notify?.create) await new Promise((done) => setTimeout(done, 250));
    kept.forEach(tell);
  });

  const isSelectAll = ({ key, ctrlKey, metaKey, altKey }) => (ctrlKey || metaKey) && !altKey && key?.toLowerCase() === 'a';
  const EDITS = ['Enter', 'Escape', 'Tab', 'Backspace', 'Delete', 'Home', 'End', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'PageUp', 'PageDown'];
  addEventListener('keydown', (event) => {
    const one = wanted(), { key, code, shiftKey, ctrlKey, metaKey, altKey } = event;
    // The browser makes one character of a dead key and a letter; it comes with one of the events below.
    if (isComposed(event)) { if (one) event.stopImmediatePropagation(); return; }
    const isText = key.length === 1 && (!(ctrlKey || metaKey || altKey) || isThird(event) || altKey && !ctrlKey && key > '~');
    if (!one && isText && goesOn(event.target)) { swallow(event); choose(event.target, key); }
    if (!one) return;
    // Keys for the browser, such as copying and reloading, pass through, but are no shortcuts of the page.
    if (!isText && (!EDITS.includes(key) || altKey) && !isSelectAll(event) && !isKey(event, 'palette')) return event.stopImmediatePropagation();
    swallow(event);
    if (one.isCut) waitFor(one);
    if (key === 'Escape') cancel(one);
    // Only the palette opens over other layers.
    else if (isKey(event, 'palette')) { if (!event.repeat) one.keys.push({ isPalette: true }); }
    else if (!event.repeat || one.keys.some((other) => other.key === key)) one.keys.push({ key, code, shiftKey, ctrlKey, metaKey });
  }, true);
  function take(event, text) {
    const one = wanted();
    if (!one || !text) return;
    swallow(event);
    one.keys.push({ text });
  }
  addEventListener('paste', (event) => take(event, event.clipboardData.getData('text')), true);
  addEventListener('keypress', (event) => { if (event.key.length === 1) take(event, String.fromCodePoint(event.charCode)); }, true);
  addEventListener('compositionend', (event) => take(event, event.data), true);

  // -- keys typed meanwhile: dispatched first, then carried out as the browser would have
  function replay(key) {
    const target = document.activeElement || document.body;
    if (key.text !== undefined) { document.execCommand('insertText', false, key.text); return; }
    if (!target.dispatchEvent(new KeyboardEvent('keydown', { ...key, bubbles: true, cancelable: true }))) return;
    if (isSelectAll(key) && typing(target)) target.select?.();
    if (key.ctrlKey || key.metaKey) return;
    if (key.key === 'Tab') tab(target, key.shiftKey);
    else if (target.matches('select')) choose(target, key.key);
    else if (target.matches('[type=radio]') && STEPS[key.key]) pick(target, STEPS[key.key]);
    else if (target.matches('button, a, [role=button], [type=checkbox], [type=radio]')) { if (key.key === ' ' || key.key === 'Enter') target.click(); }
    else if (typing(target)) edit(target, key.key);
  }
  const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  function pick(radio, step) {
    const group = all(`[type=radio][name="${CSS.escape(radio.name)}"]`).filter((e) => !e.disabled && isShown(e));
    const next = group[(group.indexOf(radio) + step + group.length) % group.length];
    next.focus();
    next.click();
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
    if (unsent?.select !== select) { send(); unsent = { select, first: select.selectedIndex }; }
    select.selectedIndex = index;
    setTimeout(send);
  }
  // Said once for a word that was typed ahead: what it begins with may mean another option, for which a form would be drawn
  // again, while the next field is being typed in.
  let unsent = null;
  function send() {
    const { select, first } = unsent ?? {};
    unsent = null;
    if (!select || select.selectedIndex === first) return;
    for (const name of ['input', 'change']) select.dispatchEvent(new Event(name, { bubbles: true }));
  }
  addEventListener('focusout', (event) => { if (event.target === unsent?.select) send(); }, true);
  function tab(target, isBack) {
    const layer = target.closest(LAYERS) || document;
    const stops = [...layer.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')].filter((e) => e.tabIndex >= 0 && !e.disabled && isShown(e));
    stops[(stops.indexOf(target) + (isBack ? -1 : 1) + stops.length) % stops.length]?.focus();
  }

  Object.assign(window.synapse, { opens, settled, enter });
})();
