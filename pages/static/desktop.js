/* Desktop notifications: only if switched on, only while no Synapse tab is visible, each alert once over all tabs, and
   only a few at a time. The bell passes new alerts on. */
(() => {
  'use strict';
  const SWITCH = 'synapse-desktop', TOLD = 'synapse-told', MOST_TOLD = 200;
  const RECENT_MS = 10 * 60_000, BURST = 3, BURST_MS = 30_000, LONGEST = 200;
  const read = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const write = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a private window */ } };
  const shown = new Set();
  let isUnable = false; // some browsers have the constructor but refuse to use it

  const isAble = () => !isUnable && isSecureContext && 'Notification' in window && Boolean(navigator.locks);
  function state() {
    if (!isAble()) return 'none';
    if (Notification.permission === 'denied') return 'denied';
    return Notification.permission === 'granted' && read(SWITCH) === 'on' ? 'on' : 'off';
  }

  // -- visible: each visible tab holds a shared lock, so that the others know without asking
  let letGo = null;
  function mark() {
    const isInSight = document.visibilityState === 'visible';
    if (isInSight) { for (const note of shown) note.close(); shown.clear(); }
    if (!navigator.locks || isInSight === Boolean(letGo)) return;
    if (!isInSight) { letGo(); letGo = null; return; }
    const gone = new Promise((resolve) => { letGo = resolve; });
    navigator.locks.request('synapse-in-sight', { mode: 'shared' }, () => gone);
  }
  document.addEventListener('visibilitychange', mark);
  mark();

  // -- shown: all tabs share one list, since it does not matter which one shows an alert
  function memory() {
    try { return { ids: [], shown: [], more: 0, ...JSON.parse(read(TOLD)) }; } catch { return { ids: [], shown: [], more: 0 }; }
  }
  function remember(told, alerts) {
    told.ids = [...told.ids, ...alerts.map((alert) => alert.id)].slice(-MOST_TOLD);
    write(TOLD, JSON.stringify(told));
  }

  function note(title, body, tag, press) {
    try {
      const look = { body: body.slice(0, LONGEST), tag, icon: window.synapse.at('/static/synapse/favicon.svg') };
      // It replaces the one with the same tag, and alerts again.
      const made = new Notification(title, { ...look, renotify: true });
      shown.add(made);
      made.onclose = () => shown.delete(made);
      made.onclick = () => { window.focus(); made.close(); press(); };
    } catch { isUnable = true; }
  }
  function show(alert) {
    note(alert.title, alert.text, `synapse-${alert.key}`, () => dispatchEvent(new CustomEvent('synapse-alert', { detail: alert.id })));
  }
  function showMore(alert, unseen) {
    note(window.synapse._n('{count} unseen alert', '{count} unseen alerts', unseen), window.synapse._('The newest: {title}', { title: alert.title }), 'synapse-more', () => dispatchEvent(new CustomEvent('synapse-bell', { detail: 'open' })));
  }

  // -- one tab shows them as long as it lives: what it writes into localStorage may reach the others too late
  let isTeller = false, waiting = null;
  navigator.locks?.request('synapse-telling', () => {
    isTeller = true;
    if (waiting) tell(...waiting);
    return new Promise(() => {});
  });

  async function tell(latest, unseen) {
    if (!isTeller) { waiting = [latest, unseen]; return; }
    if (state() !== 'on' || !latest.length) return;
    const { held } = await navigator.locks.query();
    const isInSight = held.some((lock) => lock.name === 'synapse-in-sight');
    const told = memory(), now = Date.now();
    const fresh = latest.filter((alert) => !told.ids.includes(alert.id)).reverse();
    if (!fresh.length) return;
    const due = isInSight ? [] : fresh.filter((alert) => window.synapse.now() - alert.at < RECENT_MS);
    told.shown = told.shown.filter((at) => now - at < BURST_MS);
    const few = due.slice(0, BURST - told.shown.length);
    for (const alert of few) show(alert);
    told.shown.push(...few.map(() => now));
    if (due.length > few.length && now - told.more > BURST_MS) {
      told.more = now;
      showMore(due.at(-1), unseen);
    }
    remember(told, fresh);
  }

  // Alerts from before notifications were switched on are not new.
  async function toggle(latest) {
    if (state() === 'on') { write(SWITCH, 'off'); return state(); }
    if (!isAble()) return state();
    if (Notification.permission === 'default') await Notification.requestPermission();
    if (Notification.permission === 'granted') { remember(memory(), latest); write(SWITCH, 'on'); }
    return state();
  }

  window.synapseDesktop = { state, tell, toggle };
})();
