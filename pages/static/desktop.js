/* Notifications of the browser: only where a person switched them on, only while no tab of Synapse is in sight, each
   alert once over all tabs, and never more than a few at a time. What is new comes from the bell. */
(() => {
  'use strict';
  const SWITCH = 'synapse-desktop', TOLD = 'synapse-told', MOST_TOLD = 200;
  const RECENT_MS = 10 * 60_000, BURST = 3, BURST_MS = 30_000, LONGEST = 200;
  const read = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const write = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a private window */ } };
  const shown = new Set();
  let isUnable = false; // some have the constructor and refuse to use it

  const isAble = () => !isUnable && isSecureContext && 'Notification' in window && Boolean(navigator.locks);
  function state() {
    if (!isAble()) return 'none';
    if (Notification.permission === 'denied') return 'denied';
    return Notification.permission === 'granted' && read(SWITCH) === 'on' ? 'on' : 'off';
  }

  // -- in sight: every tab that is holds one end of a lock, so that the others know without asking them
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

  // -- told: by which tab does not matter, so all of them share one list
  function memory() {
    try { return { ids: [], shown: [], more: 0, ...JSON.parse(read(TOLD)) }; } catch { return { ids: [], shown: [], more: 0 }; }
  }
  function remember(told, alerts) {
    told.ids = [...told.ids, ...alerts.map((alert) => alert.id)].slice(-MOST_TOLD);
    write(TOLD, JSON.stringify(told));
  }

  function note(title, body, tag, press) {
    try {
      const look = { body: body.slice(0, LONGEST), tag, icon: '/static/synapse/favicon.svg' };
      // It takes the place of the one with its tag, and says so again.
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
    note(`${unseen} alerts are not seen`, `The newest: ${alert.title}`, 'synapse-more', () => dispatchEvent(new CustomEvent('synapse-bell', { detail: 'open' })));
  }

  async function tell(latest, unseen) {
    if (state() !== 'on' || !latest.length) return;
    // One tab after the other: the first one tells, the others find it told.
    await navigator.locks.request('synapse-telling', async () => {
      const told = memory(), now = Date.now();
      const fresh = latest.filter((alert) => !told.ids.includes(alert.id)).reverse();
      if (!fresh.length) return;
      const { held } = await navigator.locks.query();
      const isInSight = held.some((lock) => lock.name === 'synapse-in-sight');
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
    });
  }

  // What is there already when it is switched on is no news any more.
  async function toggle(latest) {
    if (state() === 'on') { write(SWITCH, 'off'); return state(); }
    if (!isAble()) return state();
    if (Notification.permission === 'default') await Notification.requestPermission();
    if (Notification.permission === 'granted') { remember(memory(), latest); write(SWITCH, 'on'); }
    return state();
  }

  window.synapseDesktop = { state, tell, toggle };
})();
