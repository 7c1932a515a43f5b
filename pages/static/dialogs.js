/* Open dialogs while the server is away: they say so, nothing is sent that would get lost, and what was typed in a
   `data-draft` is kept in this tab until the dialog is closed, and offered again after a restart. */
(() => {
  'use strict';
  const root = document.documentElement;
  const _ = (...said) => window.synapse._(...said);
  const DRAFTS = '.q-dialog [data-draft]', PRIMARY = '.q-dialog .sy-btn:is(.is-primary, .is-solid)';
  const PREFIX = 'synapse-draft:', WAIT_MS = 1500, SETTLE_MS = 60, GRACE_MS = 3000;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  function add(tag, parent, classes, text, pressed) {
    const element = document.createElement(tag);
    element.className = classes;
    element.textContent = text;
    if (pressed) Object.assign(element, { type: 'button', onclick: pressed });
    parent.append(element);
    return element;
  }
  function bar(dialog, classes, text) {
    const box = document.createElement('div');
    box.className = `sy-dialog-bar ${classes}`;
    add('span', box, 'sy-grow', text).setAttribute('role', 'alert');
    dialog.prepend(box);
    return box;
  }

  // -- away: said in the dialog, since the top bar is dimmed behind it; not for a moment's silence, as it moves the fields
  let isAway = false, since = 0;
  function watch() {
    clearTimeout(since);
    since = 0;
    const isLost = ['reconnecting', 'offline'].includes(root.dataset.connection);
    if (isLost && !isAway) since = setTimeout(() => { isAway = true; mark(); }, GRACE_MS);
    else if (!isLost && isAway) { isAway = false; mark(); }
  }
  function mark() {
    for (const button of all(PRIMARY)) {
      if (isAway) button.setAttribute('aria-disabled', 'true');
      else button.removeAttribute('aria-disabled');
    }
    if (!isAway) for (const box of all('.sy-dialog-bar.is-away')) box.remove();
    else for (const dialog of all('.q-dialog .sy-dialog')) if (!dialog.querySelector('.sy-dialog-bar.is-away')) {
      const isKept = dialog.matches('[data-draft]');
      bar(dialog, 'is-away', isKept ? _('Synapse cannot be reached. What you typed is kept; save when it is back.') : _('Synapse cannot be reached. Go on when it is back.'));
    }
  }
  new MutationObserver(watch).observe(root, { attributeFilter: ['data-connection'] });
  function swallow(event) { event.preventDefault(); event.stopImmediatePropagation(); }
  addEventListener('click', (event) => { if (isAway && event.target.closest?.(PRIMARY)) swallow(event); }, true);
  // Ctrl and Enter press what saves or starts what a form asks for.
  const FORM = '.sy-dialog:has(:is(input, select, textarea):not([data-asks] *))', SAVES = ':is(.form-foot, .sy-dialog-buttons) .is-primary';
  addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat || event.isComposing) return;
    const save = event.target.closest?.('.q-dialog')?.querySelector(`${FORM} ${SAVES}`);
    if (!save?.checkVisibility()) return;
    swallow(event);
    // With `data-checks` it is disabled while something is wrong, as far as the server has read: it looks once more.
    if (save.dataset.checks) save.dispatchEvent(new Event('click', { bubbles: true, cancelable: true }));
    else save.click();
  });

  // -- drafts: the edits in their order, so that repeating them also brings back the fields that depend on others
  const CONTROLS = 'input:not([type=password], [type=file], .is-secret), select, textarea:not(.is-secret)';
  const isTick = (control) => ['checkbox', 'radio'].includes(control.type);
  const valueOf = (control) => isTick(control) ? control.checked : control.value;
  /* The same after a restart, unlike the ids that the framework numbers. */
  function nameOf(control) {
    if (control.id && !/^c\d+$/.test(control.id)) return control.id;
    const group = control.closest('[role=group], fieldset');
    const label = control.ariaLabel || control.closest('label')?.textContent.trim() || '';
    return [control.type, group?.getAttribute('aria-labelledby') || group?.ariaLabel || '', label].join('|');
  }
  function read(key) { try { return JSON.parse(sessionStorage.getItem(PREFIX + key)); } catch { return null; } }
  function write(key, draft) { try { sessionStorage.setItem(PREFIX + key, JSON.stringify(draft)); } catch { /* no room */ } }
  function forget(key) { try { sessionStorage.removeItem(PREFIX + key); } catch { /* none was kept */ } }
  function keep(event) {
    const dialog = event.target.closest?.(DRAFTS);
    if (!dialog || !event.target.matches(CONTROLS)) return;
    const name = nameOf(event.target), group = event.target.type === 'radio' ? event.target.name : null;
    const { edits = [] } = read(dialog.dataset.draft) || {};
    const others = edits.filter((edit) => edit[0] !== name && (group === null || edit[2] !== group));
    write(dialog.dataset.draft, { title: dialog.dataset.draftTitle || dialog.ariaLabel, edits: [...others, [name, valueOf(event.target), group]] });
  }
  addEventListener('input', keep, true);
  addEventListener('change', keep, true);

  const settled = () => new Promise((done) => {
    if (!window.socket?.connected) return done();
    window.socket.emit('synapse_ping', () => setTimeout(done, SETTLE_MS));
  });
  async function controlOf(dialog, name) {
    for (const until = Date.now() + WAIT_MS; Date.now() < until; await pause(50)) {
      const control = all(CONTROLS, dialog).find((one) => nameOf(one) === name);
      if (control) return control;
    }
    return null;
  }
  async function restore(dialog, edits) {
    for (const [name, value] of edits) {
      const control = await controlOf(dialog, name);
      if (!control || valueOf(control) === value) continue;
      if (isTick(control)) control.click();
      else {
        control.value = value;
        for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, { bubbles: true }));
      }
      await settled();
    }
  }

  const open = new Map(); // dialogs with a draft that are shown, by key
  const notices = new Map(); // what takes the notice of a draft away, by key
  let asked = ''; // the key of the draft whose dialog the notice opens
  function offer(dialog) {
    const key = dialog.dataset.draft, draft = read(key);
    if (!draft) return;
    const take = () => { box.remove(); restore(dialog, draft.edits); };
    const box = bar(dialog, 'is-draft', _('What you typed here before is kept.'));
    add('button', box, 'sy-btn is-sm', _('Restore what you typed'), take);
    add('button', box, 'sy-btn is-sm is-ghost', _('Discard'), () => { box.remove(); forget(key); });
    if (asked === key) take();
    asked = '';
  }
  function look() {
    const shown = new Map(all(DRAFTS).map((dialog) => [dialog.dataset.draft, dialog]));
    for (const [key, dialog] of open) if (shown.get(key) !== dialog) {
      open.delete(key);
      // Closed by the person; a draft that was not answered yet stays.
      if (!dialog.querySelector('.sy-dialog-bar.is-draft')) forget(key);
    }
    for (const [key, dialog] of shown) if (!open.has(key)) {
      open.set(key, dialog);
      notices.get(key)?.();
      offer(dialog);
    }
    if (isAway) mark();
  }
  const dialogs = document.getElementsByClassName('q-dialog');
  addEventListener('DOMContentLoaded', () => new MutationObserver(() => { if (dialogs.length || open.size) look(); })
    .observe(document.body, { childList: true, subtree: true }));

  // -- after a reload: whose dialog has gone, and how to get back what was typed
  async function tell() {
    while (root.dataset.connection !== 'live' || !window.Quasar?.Notify?.create) await pause(250);
    const keys = Object.keys(sessionStorage).filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
    for (const key of keys.filter((one) => !open.has(one))) {
      const opener = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
      const title = read(key)?.title;
      const restoring = { label: _('Restore'), noCaps: true, handler: () => { asked = key; opener.click(); } };
      notices.set(key, window.Quasar.Notify.create({
        message: opener ? _('What you typed in “{title}” is kept.', { title }) : _('What you typed in “{title}” is kept. Open it again to restore it.', { title }),
        position: 'bottom-right', classes: 'sy-notice is-info', timeout: 0,
        actions: [...(opener ? [restoring] : []), { label: _('Discard'), noCaps: true, handler: () => forget(key) }],
      }));
    }
  }
  addEventListener('load', tell);
})();
