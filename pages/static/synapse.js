/* What only a browser can do: set the theme before the first paint, show the connection, tick clocks, send files with
   progress, drag. The state of the program is never kept here. */
(() => {
  'use strict';
  const root = document.documentElement;
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a private window */ } };
  const all = (selector) => document.querySelectorAll(selector);
  // In place: the framework keeps a reference to the existing text node.
  const say = (element, text) => {
    if (!element || element.textContent === text) return;
    const node = [...element.childNodes].find((child) => child.nodeType === Node.TEXT_NODE);
    if (node) node.data = text;
    else element.textContent = text;
  };

  // -- theme: dark, light, or the system's
  const light = matchMedia('(prefers-color-scheme: light)');
  function applyTheme() {
    const choice = stored('synapse-theme') || 'dark';
    const theme = choice === 'system' ? (light.matches ? 'light' : 'dark') : choice;
    root.dataset.theme = theme;
    root.dataset.themeChoice = choice;
    syncBody();
  }
  // The framework follows the system by itself, so its classes are corrected whenever they differ.
  function syncBody() {
    const isDark = root.dataset.theme === 'dark';
    if (!document.body || document.body.classList.contains('body--dark') === isDark && document.body.classList.contains('body--light') === !isDark) return;
    if (window.Quasar?.Dark?.set) { try { window.Quasar.Dark.set(isDark); } catch { /* not installed yet */ } }
    document.body.classList.toggle('body--dark', isDark);
    document.body.classList.toggle('body--light', !isDark);
  }
  light.addEventListener('change', applyTheme);
  addEventListener('storage', (event) => { if (event.key === 'synapse-theme') applyTheme(); });
  applyTheme();
  addEventListener('DOMContentLoaded', () => {
    applyTheme();
    new MutationObserver(syncBody).observe(document.body, { attributeFilter: ['class'] });
  });

  // -- no blur without a graphics card: the processor would compute it again for every frame
  function hasGraphicsCard() {
    try {
      const gl = document.createElement('canvas').getContext('webgl');
      const info = gl?.getExtension('WEBGL_debug_renderer_info');
      const name = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : '';
      gl?.getExtension('WEBGL_lose_context')?.loseContext();
      return Boolean(gl) && !/swiftshader|llvmpipe|software|basic render/i.test(name);
    } catch { return false; }
  }
  addEventListener('load', () => setTimeout(() => { root.dataset.graphics = hasGraphicsCard() ? 'card' : 'none'; }, 500));

  // -- clocks: the server sends a moment once, and they tick here
  let skew = 0; // how far the server's clock is ahead of this one, in ms
  const two = (n) => String(n).padStart(2, '0');
  function length(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const h = Math.floor(whole / 3600), m = Math.floor(whole % 3600 / 60), s = whole % 60;
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }
  /* The wall time of the calendar's zone, in the UTC parts of a Date; from the offsets the server sent, never from the zone
     or the time-zone data of this browser. */
  const offsets = JSON.parse(document.querySelector('meta[name=synapse-offsets]')?.content || '[[0, 0]]');
  let [from, until, offset] = [0, 0, 0];
  function wall(ms) {
    if (!(from <= ms && ms < until)) {
      const next = offsets.findIndex(([begin]) => begin > ms), place = next < 0 ? offsets.length - 1 : Math.max(0, next - 1);
      from = place ? offsets[place][0] : -Infinity;
      until = offsets[place + 1]?.[0] ?? Infinity;
      offset = offsets[place][1] * 1000;
    }
    return new Date(ms + offset);
  }
  const clock = (ms) => { const at = wall(ms); return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`; };
  const dayNumber = (ms) => Math.floor(wall(ms) / 86400000);
  const formats = {
    clock: (left) => length(left),
    about: (left) => left < 5 ? 'next' : left < 60 ? `in ~${Math.ceil(left / 10) * 10} s` : left < 5400 ? `in ~${Math.round(left / 60)} min` : `in ~${Math.round(left / 3600)} h`,
    // `far` is shown while the moment is more than a day away, or, with `near`, on any day but today.
    countdown: (left, element) => {
      if (left >= 86400 && element.dataset.far) return element.dataset.far;
      if (left < 60) return `in ${Math.max(0, Math.ceil(left))} s`;
      const minutes = Math.floor(left / 60);
      return minutes < 60 ? `in ${minutes} min` : `in ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    },
    day: (left, { dataset }) => dayNumber(Number(dataset.until)) === dayNumber(Date.now() + skew) ? dataset.near : dataset.far,
  };
  function tick() {
    const now = Date.now() + skew;
    // Without a connection it is unknown whether a run is still running, so its clock stops.
    const isKnown = !['reconnecting', 'offline'].includes(root.dataset.connection);
    if (isKnown) for (const e of all('[data-since]')) say(e, length((now - Number(e.dataset.since)) / 1000));
    if (isKnown) for (const e of all('[data-until]')) say(e, (formats[e.dataset.format] || formats.clock)((Number(e.dataset.until) - now) / 1000, e));
    const day = wall(now).toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' }).replace(',', '');
    for (const e of all('[data-clock]')) say(e, `${day}, ${clock(now)}`);
    // If this browser's clock differs, the machine's place is shown next to its times.
    const isAway = offset !== -60000 * new Date(now).getTimezoneOffset();
    for (const e of all('[data-away]')) say(e, isAway ? e.dataset.away : '');
  }
  setInterval(tick, 250);
  // A new clock must not stay empty until the next tick. Most of what is added, such as log lines, has none.
  const CLOCKS = '[data-since], [data-until], [data-clock], [data-away]';
  const hasClock = (node) => node.nodeType === Node.ELEMENT_NODE && (node.matches(CLOCKS) || node.querySelector(CLOCKS));
  const isNews = (record) => record.type === 'attributes' || [...record.addedNodes].some(hasClock);
  addEventListener('DOMContentLoaded', () => new MutationObserver((records) => { if (records.some(isNews)) tick(); }).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['data-since', 'data-until'],
  }));

  // A rule of NiceGUI's page for browsers without modules, `#esm-fallback ~ *`, makes Chromium check the styles of all
  // siblings whenever an element is added or removed: five milliseconds for each new line of a log.
  addEventListener('DOMContentLoaded', () => {
    if (document.getElementById('esm-fallback')) return;
    for (const style of all('style')) if (style.textContent.includes('#esm-fallback')) style.remove();
  });

  // -- connection: measured over the socket that carries everything
  const SILENCE_MS = 2000, OFFLINE_SECONDS = 30, PING_MS = 1000;
  let wired = null, lostAt = 0, askedAt = 0, lags = [];
  function show(kind, text, lag) {
    for (const e of [root, ...all('.sy-live[data-connection]')]) if (e.dataset.connection !== kind) e.dataset.connection = kind;
    for (const e of all('.sy-live[data-connection]')) {
      say(e.querySelector('[data-word]'), text);
      say(e.querySelector('[data-lag]'), lag);
    }
  }
  function ask() {
    const socket = window.socket;
    if (!socket?.connected || askedAt || document.hidden) return;
    const sent = performance.now();
    askedAt = Date.now();
    socket.emit('synapse_ping', (theirs) => {
      const took = performance.now() - sent;
      askedAt = 0;
      if (typeof theirs === 'number') skew = theirs - (Date.now() - took / 2);
      lags = [...lags.slice(-4), took];
    });
  }
  function watch() {
    const socket = window.socket;
    if (!socket) return;
    if (wired !== socket) {
      wired = socket;
      socket.on('connect', () => { askedAt = 0; lags = []; ask(); watch(); });
      socket.on('disconnect', () => { askedAt = 0; watch(); });
    }
    const isSilent = askedAt && Date.now() - askedAt > SILENCE_MS;
    if (socket.connected && !isSilent) {
      lostAt = 0;
      const median = [...lags].sort((a, b) => a - b)[Math.floor(lags.length / 2)];
      show('live', 'Live', median === undefined ? '' : `${Math.max(1, Math.round(median))} ms`);
      return;
    }
    lostAt = lostAt || askedAt || Date.now();
    const seconds = Math.round((Date.now() - lostAt) / 1000);
    if (seconds < OFFLINE_SECONDS) show('reconnecting', `Reconnecting, ${seconds} s`, '');
    else show('offline', `Offline. Showing ${clock(lostAt + skew)}.`, '');
  }
  setInterval(watch, 250);
  setInterval(ask, PING_MS);
  document.addEventListener('visibilitychange', () => { askedAt = 0; ask(); });
  // Offline, whatever needs the server does nothing, instead of getting lost; links and the theme still work.
  document.addEventListener('click', (event) => {
    if (root.dataset.connection !== 'offline') return;
    const pressed = event.target.closest?.('button, .upload-zone');
    if (!pressed || pressed.closest('.sy-rail') || pressed.dataset.key === 'theme') return;
    event.stopPropagation();
    event.preventDefault();
    pressed.title = 'Offline: this works again as soon as the connection does.';
  }, true);

  // -- files: streamed to the inbox one by one, with speed, time left and cancel
  const size = (n) => n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(n / 1e3))} kB`;
  const isShown = (element) => element.getClientRects().length > 0;
  // A zone that is hidden, as its pipeline takes no file, still takes those for other pipelines; it shows itself then.
  const zoneOf = () => [...all('.upload-zone')].find(isShown) || document.querySelector('.upload-zone[hidden]');
  const waiting = new WeakMap();

  function refuse(zone, text) {
    say(zone.querySelector('[data-refused]'), text);
    zone.classList.toggle('is-refused', Boolean(text));
  }
  const short = (name) => name.length > 40 ? `${name.slice(0, 24)}…${name.slice(-12)}` : name;
  const listed = (names) => names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0];
  function isOfKind(zone, file) {
    const accepts = (zone.dataset.accepts || '').split(',').filter(Boolean);
    const suffix = file.name.includes('.') ? '.' + file.name.split('.').pop().toLowerCase() : '';
    return !accepts.length || accepts.includes(suffix);
  }
  function take(zone, files) {
    const queue = waiting.get(zone) || [], others = [], reasons = [];
    const most = Number(zone.dataset.max || 0);
    for (const file of files) {
      if (!isOfKind(zone, file)) others.push(short(file.name));
      else if (most && file.size > most) reasons.push(`${short(file.name)} has ${size(file.size)}, at most ${size(most)} are taken.`);
      else queue.push(file);
    }
    if (others.length) reasons.unshift(`${listed(others.slice(0, 3))}${others.length > 3 ? ` and ${others.length - 3} more` : ''} ${others.length > 1 ? 'were' : 'was'} not taken. ${zone.dataset.pipeline} takes ${zone.dataset.kinds}.`);
    refuse(zone, reasons.join(' '));
    waiting.set(zone, queue);
    if (queue.length && !zone.classList.contains('is-sending')) send(zone, queue.shift());
  }
  function send(zone, file) {
    const part = (name) => zone.querySelector(`[data-${name}]`);
    const more = () => { const left = (waiting.get(zone) || []).length; return left ? `, ${left} more` : ''; };
    const body = new FormData();
    body.append('file', file, file.name);
    const request = new XMLHttpRequest();
    const started = performance.now();
    const progress = (loaded, total) => {
      const speed = loaded / Math.max(0.05, (performance.now() - started) / 1000);
      const share = total ? 100 * loaded / total : 0;
      if (part('bar')) part('bar').style.width = `${share}%`;
      part('progress')?.setAttribute('aria-valuenow', share.toFixed(0));
      say(part('speed'), loaded >= total && total ? `Storing ${size(total)}${more()}`
        : `${size(loaded)} of ${size(total)}, ${size(speed)}/s, ${speed ? length((total - loaded) / speed) : '–'} left${more()}`);
    };
    zone.classList.add('is-sending');
    say(part('name'), file.name);
    progress(0, file.size);
    if (part('cancel')) part('cancel').onclick = (event) => { event.stopPropagation(); waiting.set(zone, []); request.abort(); };
    request.upload.onprogress = (event) => progress(event.loaded, event.total || file.size);
    request.onabort = () => refuse(zone, `${file.name} was not sent: you cancelled it.`);
    request.onerror = () => refuse(zone, `${file.name} did not arrive: the connection broke. Drop it again.`);
    request.onload = () => {
      if (request.status === 201) {
        for (const item of JSON.parse(request.responseText)) zone.dispatchEvent(new CustomEvent('uploaded', { detail: item }));
        return;
      }
      let text = `${file.name} did not arrive. Drop it again.`;
      try { const { error } = JSON.parse(request.responseText); text = `${error.message} ${error.hint || ''}`; } catch { /* no words */ }
      refuse(zone, text);
    };
    request.onloadend = () => {
      zone.classList.remove('is-sending');
      const next = (waiting.get(zone) || []).shift();
      if (next) send(zone, next);
    };
    request.open('POST', '/api/v1/uploads');
    request.send(body);
  }
  addEventListener('change', (event) => {
    const zone = event.target.type === 'file' && event.target.closest('.upload-zone');
    if (!zone) return;
    take(zone, event.target.files);
    event.target.value = '';
  });
  addEventListener('click', (event) => {
    const zone = event.target.closest?.('.upload-zone');
    if (zone && !zone.classList.contains('is-sending') && event.target.type !== 'file') zone.querySelector('input[type=file]').click();
  });
  let depth = 0;
  const hasFiles = (event) => [...event.dataTransfer?.types || []].includes('Files');
  const over = (on) => zoneOf()?.classList.toggle('is-over', on);
  addEventListener('dragenter', (event) => { if (hasFiles(event) && depth++ === 0) over(true); });
  addEventListener('dragleave', (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; over(false); } });
  addEventListener('dragover', (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    depth = 0;
    over(false);
    if (event.defaultPrevented) return; // a day of the calendar took the file
    event.preventDefault();
    const zone = event.target.closest?.('.upload-zone') || zoneOf();
    if (zone) take(zone, event.dataTransfer.files);
    else window.synapse.go('/');
  });

  // -- lists whose rows can be moved, with Alt and arrows or by dragging
  let dragged = null;
  const rowsOf = (list) => [...list.children].filter((row) => row.dataset.run);
  function moveRow(row, index) {
    const list = row.parentElement, id = row.dataset.run;
    list.dispatchEvent(new CustomEvent('moved', { detail: { id, index } }));
    // A row loses its focus when it moves in the document; it gets it back unless the focus is elsewhere by then.
    const back = () => { if (document.activeElement === document.body) document.querySelector(`[data-run="${id}"]`)?.focus(); };
    for (const delay of [100, 250, 600]) setTimeout(back, delay);
  }
  const clearTargets = () => { for (const e of all('.is-target, .is-target-below')) e.classList.remove('is-target', 'is-target-below'); };
  addEventListener('keydown', (event) => {
    const row = event.altKey && ['ArrowUp', 'ArrowDown'].includes(event.key) && event.target.closest?.('[data-reorder] > [data-run]');
    if (!row) return;
    event.preventDefault();
    const index = rowsOf(row.parentElement).indexOf(row) + (event.key === 'ArrowUp' ? -1 : 1);
    if (index >= 0) moveRow(row, index);
  });
  addEventListener('dragstart', (event) => {
    dragged = event.target.closest?.('[data-reorder] > [data-run]');
    if (!dragged) return;
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', dragged.dataset.run);
    dragged.classList.add('is-dragged');
  });
  addEventListener('dragover', (event) => {
    const row = dragged && event.target.closest?.('[data-reorder] > [data-run]');
    if (!row) return;
    event.preventDefault();
    clearTargets();
    const rows = rowsOf(row.parentElement);
    row.classList.add(rows.indexOf(row) > rows.indexOf(dragged) ? 'is-target-below' : 'is-target');
  });
  addEventListener('drop', (event) => {
    const row = dragged && event.target.closest?.('[data-reorder] > [data-run]');
    if (!row || row === dragged) return;
    event.preventDefault();
    moveRow(dragged, rowsOf(row.parentElement).indexOf(row));
  });
  addEventListener('dragend', () => { dragged?.classList.remove('is-dragged'); dragged = null; clearTargets(); });

  window.synapse = {
    take, // files, for a drop zone
    now: () => Date.now() + skew, // the server's clock
    wall, // the wall time of the calendar's zone; read the UTC parts of the Date
    dayNumber,
    setTheme(choice) { store('synapse-theme', choice); applyTheme(); },
    toggleTheme() { this.setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'); },
    collapse() { root.dataset.rail = document.querySelector('.sy-rail')?.offsetWidth < 100 ? 'full' : 'mini'; store('synapse-rail', root.dataset.rail); },
    // The router of the shell takes clicks on its links, so the socket stays open.
    go(path) { const a = document.createElement('a'); a.href = path; a.hidden = true; document.body.append(a); a.click(); a.remove(); },
    copy(text) { navigator.clipboard?.writeText(text); },
  };
  root.dataset.rail = stored('synapse-rail') || '';
})();
