/* What lies over the page. Escape, the browser's Back and a press beside it take the topmost layer away, and ask before
   what was typed there is lost; then the focus goes back to where it was. */
(() => {
  'use strict';
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const isShown = (element) => element.checkVisibility(); // not in a closed fold
  function swallow(event) { event.preventDefault(); event.stopImmediatePropagation(); }

  // -- layers, except those fading out or faded to an empty frame
  const LEAVING = '[class*="-leave-active"]';
  const DIALOG = `.q-dialog:not([data-unwanted]):has(> .q-dialog__inner:not(${LEAVING}))`, MENU = `.q-menu:not([data-unwanted], ${LEAVING})`, POPOVER = '.bl-pop, .mo-pop[data-shown]';
  const LAYERS = `${DIALOG}, ${MENU}, ${POPOVER}`, ANY = '.q-dialog, .q-menu, .bl-pop, .mo-pop';
  const shut = new WeakSet();
  // Dialogs and menus are children of the body, the topmost last; popovers are below them.
  const open = (selector) => all(selector).filter((layer) => !shut.has(layer)).sort((one, other) => one.matches(POPOVER) ? -1 : other.matches(POPOVER) ? 1 : 0);
  const top = () => open(LAYERS).at(-1);

  /* Closed here at once, even while the server is away; it hears of it. */
  function close(layer) {
    if (layer.matches(POPOVER)) { layer.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, cancelable: true })); return; }
    const id = Number(layer.id.slice(1)), element = window.getElement(id);
    shut.add(layer);
    if (!element) return;
    element.$root.elements[id].props['model-value'] = false;
    element.$emit('update:model-value', false);
    settle();
  }
  async function leave(layer) {
    if (asking()) { question.close(); return; }
    if (!layer || isUnsaved(layer) && !await isSure(layer)) return;
    close(layer);
  }

  // -- what was typed or chosen, and differs from what was there before
  const CONTROLS = ':is(input:not([type=file], [type=search], [role=combobox]), textarea, select):not([data-asks] *)';
  // A choice alone is soon made again, except in the long forms that are kept as drafts.
  const COUNTS = `${CONTROLS}:is([data-draft] *, :not(select, [type=checkbox], [type=radio]))`;
  const valueOf = (control) => ['checkbox', 'radio'].includes(control.type) ? control.checked : control.value;
  const before = new WeakMap(), changed = new WeakMap();
  const dialogOf = (event) => event.target.closest?.('.q-dialog');
  function remember(event) {
    const dialog = dialogOf(event);
    if (dialog) for (const control of all(CONTROLS, dialog)) if (!before.has(control)) before.set(control, valueOf(control));
  }
  function note(event) {
    const dialog = dialogOf(event), isFile = event.type === 'uploaded';
    if (!dialog || !isFile && !event.target.matches(COUNTS)) return;
    if (!changed.has(dialog)) changed.set(dialog, new Set());
    changed.get(dialog).add(isFile ? null : event.target);
  }
  for (const name of ['focusin', 'pointerdown', 'keydown']) addEventListener(name, remember, true);
  for (const name of ['input', 'change', 'uploaded']) addEventListener(name, note, true);
  function differs(control) {
    if (!control) return true; // a file
    const now = control.isConnected ? control : control.id && document.getElementById(control.id); // drawn again
    return Boolean(now) && valueOf(now) !== before.get(control);
  }
  const isUnsaved = (layer) => !layer.querySelector('.is-question:not(dialog)') && [...changed.get(layer) || []].some(differs);
  const unsaved = () => open(DIALOG).find(isUnsaved);

  // -- the question, made here: it needs no server, and is there before the next key
  let question = null;
  const asking = () => Boolean(question?.isConnected); // it may go with its dialog
  function add(tag, parent, classes, text) {
    const element = document.createElement(tag);
    element.className = classes;
    element.textContent = text;
    parent.append(element);
    return element;
  }
  function isSure(layer) {
    const box = question = add('dialog', layer.querySelector('.q-dialog__inner'), 'sy-dialog is-question', '');
    const title = window.synapse._('Leave without saving?');
    box.setAttribute('role', 'alertdialog');
    box.setAttribute('aria-label', title);
    add('h2', box, '', title);
    add('p', box, 'sy-2', window.synapse._('Your changes are not saved.'));
    const buttons = add('div', box, 'sy-dialog-buttons', '');
    const stay = add('button', buttons, 'sy-btn', window.synapse._('Keep editing'));
    const go = add('button', buttons, 'sy-btn is-danger is-solid', window.synapse._('Leave'));
    for (const [button, answer] of [[stay, ''], [go, 'leave']]) Object.assign(button, { type: 'button', onclick: () => box.close(answer) });
    box.onclick = (event) => { if (event.target === box) box.close(); }; // beside it
    box.showModal();
    stay.focus();
    return new Promise((answered) => { box.onclose = () => { question = null; box.remove(); answered(box.returnValue === 'leave'); }; });
  }

  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.defaultPrevented || event.isComposing) return;
    const layer = top();
    if (!layer?.matches('.q-dialog')) return;
    swallow(event);
    if (!event.repeat) leave(layer);
  });
  const CROSS = '[data-leave], .sy-dialog > .form-head > .sy-btn.is-icon';
  addEventListener('click', (event) => {
    const dialog = dialogOf(event);
    if (!dialog || asking()) return;
    const link = event.target.closest('a[href]:not([target=_blank], [download])');
    if (event.target.matches('.q-dialog__backdrop') || event.target.closest(CROSS)) { swallow(event); leave(top()); }
    else if (link && isUnsaved(dialog)) { swallow(event); isSure(dialog).then((isLeft) => { if (isLeft) { close(dialog); link.click(); } }); }
  }, true);
  addEventListener('click', (event) => {
    const menu = event.target.closest?.('a[href], [data-closes]')?.closest('.q-menu');
    if (menu) close(menu);
  });
  // A menu of the framework is toggled once more as Enter comes up again, which a button takes as it goes down.
  addEventListener('keyup', (event) => {
    if (event.key === 'Enter' && event.target.closest?.('button[aria-haspopup]')) event.stopImmediatePropagation();
  }, true);
  // After a lost connection the framework reloads the page by itself; what was typed is kept then, see `dialogs.js`.
  const SOON_MS = 5000;
  let lostAt = -Infinity, wired = null;
  function wire() {
    if (!window.socket || wired === window.socket) return;
    wired = window.socket;
    for (const name of ['disconnect', 'connect_error']) wired.on(name, () => { lostAt = Infinity; });
    wired.on('connect', () => { if (lostAt === Infinity) lostAt = performance.now(); });
  }
  addEventListener('beforeunload', (event) => {
    if (performance.now() - lostAt > SOON_MS && unsaved()) event.preventDefault();
  });

  /* -- Back closes what is open, instead of leaving the page. For that, a page has two entries in the history from its
     first layer on: Back leads from the upper to the lower one, from where we return at once. With nothing open, the lower
     one is passed in both directions. An entry for each layer would stay behind when that closes: Forward would lead to it. */
  const narrow = matchMedia('(max-width: 767px)');
  const isGuarded = () => open(narrow.matches ? LAYERS : DIALOG).length > 0;
  const place = () => window.navigation?.currentEntry?.index ?? 0;
  const entry = () => ({ ...history.state, href: location.href, place: place() });
  const original = { pushState: history.pushState.bind(history), replaceState: history.replaceState.bind(history) };
  const RETURN_MS = 5000;
  let at = entry(), waiting = [], returning = null;
  const unpaired = (state) => ({ ...state, upper: undefined, lower: undefined });
  /* What the framework asks for once we are back at the entry that it means. */
  function change(work) { waiting.push(work); settle(); }
  function push(state, ...place) {
    // Stayed at, since no page is before it.
    if (history.state?.lower) original.replaceState(unpaired(history.state), '');
    original.pushState(unpaired(state), ...place);
  }
  const replace = (state, ...place) => original.replaceState({ ...state, upper: history.state?.upper, lower: history.state?.lower }, ...place);
  history.pushState = (...entry) => change(() => push(...entry));
  history.replaceState = (...entry) => change(() => replace(...entry));
  /* What a page shows, in its address. It comes from the server, and the browser may have gone on to another page meanwhile. */
  function showAddress(path, isNew) {
    const { href, pathname } = new URL(window.synapse.at(path), location.href);
    change(() => { if (pathname === location.pathname) (isNew ? push : replace)({}, '', href); });
  }
  function returnTo(goal) {
    clearTimeout(returning?.timer);
    returning = { goal, timer: setTimeout(arrived, RETURN_MS) };
    history.go(goal.place - place() || 1);
  }
  function arrived() {
    clearTimeout(returning?.timer);
    returning = null;
    settle();
  }
  function settle() {
    if (returning) return;
    for (const work of waiting.splice(0)) work();
    if (isGuarded() && !history.state?.upper) {
      const pair = `${Math.random()}`, state = unpaired(history.state);
      original.replaceState({ ...state, lower: pair }, '');
      original.pushState({ ...state, upper: pair }, '', location.href);
    }
    at = entry();
  }
  addEventListener('popstate', (event) => {
    const from = at, now = history.state?.lower, isBack = Boolean(now) && from.upper === now;
    if (returning) {
      event.stopImmediatePropagation();
      if (now || place() !== returning.goal.place) returnTo(returning.goal);
      else arrived();
    } else if (isGuarded() && (isBack || unsaved())) {
      event.stopImmediatePropagation();
      returnTo(from);
      leave(top());
    } else if (now) {
      event.stopImmediatePropagation();
      at = entry();
      history.go(isBack ? -1 : 1);
    } else {
      if (isGuarded()) open(LAYERS).forEach(close);
      settle();
    }
  });
  addEventListener('load', () => { if (history.state?.lower) history.go(1); });

  // -- the focus: where it was before each layer, and who takes its place if that was drawn again meanwhile
  const origins = new WeakMap();
  let held = null;
  const takesFocus = (element) => element.isConnected && isShown(element) && !element.disabled;
  function nameOf({ id, dataset: { key, run, day }, ariaLabel, labels, textContent }) {
    return !/^c\d*$/.test(id) && id || key || run || day || ariaLabel || (labels?.[0]?.textContent ?? textContent).trim();
  }
  const peersOf = (element, box) => all(element.tagName, box).filter((other) => other.className === element.className && takesFocus(other));
  function originAt(element) {
    const around = [];
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) around.push({ box, place: peersOf(element, box).indexOf(element) });
    return { element, around, name: nameOf(element), layer: element.closest(ANY) };
  }
  function isFrom(layer, other) {
    while (layer && layer !== other) layer = origins.get(layer)?.layer;
    return layer === other;
  }
  addEventListener('focusin', ({ target }) => {
    if (!target.closest) return;
    const layer = target.closest(ANY);
    // The first time it is entered, or each time for a popover, which stays in the document; but not from what it opened.
    if (layer && held && !isFrom(held.closest(ANY), layer) && (!origins.has(layer) || layer.matches(POPOVER))) origins.set(layer, originAt(held));
    held = target;
  }, true);
  const NEAR = 3;
  function successor({ element, around, name }) {
    if (takesFocus(element)) return element;
    for (const [level, { box, place }] of around.entries()) {
      const peers = box.isConnected ? peersOf(element, box) : [], same = peers.filter((other) => nameOf(other) === name);
      if (same.length === 1) return same[0];
      if (peers.length && level < NEAR) return peers[Math.min(place, peers.length - 1)];
    }
    return headingIn(around) ?? document.getElementById('content');
  }
  /* The heading of the card that it was in, rather than the beginning of the page. */
  function headingIn(around) {
    const heading = around.find(({ box }) => box.isConnected && box.matches('section.glass-card'))?.box.querySelector('h2');
    if (!heading || !isShown(heading)) return null;
    heading.tabIndex = -1;
    return heading;
  }
  function giveBack(layer) {
    if (top()) return;
    let origin = origins.get(layer);
    while (origin?.layer && !origin.layer.isConnected) origin = origins.get(origin.layer);
    if (!origin) return;
    if (document.activeElement === document.body) successor(origin)?.focus({ preventScroll: true });
    watchOver(originAt(document.activeElement));
  }
  // What the layer asked about often goes a moment later, and the focus with it.
  const GONE_MS = 5000;
  let watched = null, watching = 0;
  const lost = new MutationObserver(() => {
    if (watched.element.isConnected || document.activeElement !== document.body || top()) return;
    lost.disconnect();
    successor(watched)?.focus({ preventScroll: true });
  });
  function watchOver(origin) {
    watched = origin;
    lost.observe(document.body, { childList: true, subtree: true });
    clearTimeout(watching);
    watching = setTimeout(() => lost.disconnect(), GONE_MS);
  }

  // The framework puts each dialog and menu into a box of its own under the body, a moment after the box.
  const PORTALS = '[id^=q-portal--dialog], [id^=q-portal--menu]';
  const leaving = new MutationObserver(settle);
  const coming = new MutationObserver((records) => {
    wire();
    const isBox = (node) => node.matches?.(PORTALS), layersIn = (node) => node.matches?.(ANY) ? [node] : isBox(node) ? all(ANY, node) : [];
    for (const { addedNodes, removedNodes } of records) {
      for (const box of [...addedNodes].filter(isBox)) coming.observe(box, { childList: true });
      for (const layer of [...addedNodes].flatMap(layersIn)) for (const inner of all('.q-dialog__inner', layer)) leaving.observe(inner, { attributeFilter: ['class'] });
      for (const layer of [...removedNodes].flatMap(layersIn)) giveBack(layer);
    }
    settle();
  });
  addEventListener('DOMContentLoaded', () => coming.observe(document.body, { childList: true }));
  addEventListener('load', settle); // reloaded while something was open

  Object.assign(window.synapse, {
    LAYERS, LEAVING, POPOVER, close, settle, showAddress,
    openDialog: () => document.querySelector(DIALOG),
    openMenu: () => document.querySelector(MENU),
    leave: (element) => leave(element.closest('.q-dialog')),
  });
})();
