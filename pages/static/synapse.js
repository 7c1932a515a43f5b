/* What only a browser can do: set the theme before the first paint, show the connection, tick clocks, send files with
   progress, drag. The state of the program is never kept here. */
(() => {
  'use strict';
  const root = document.documentElement;
  // The path below which this browser found us, such as /synapse; empty for the root. `html.py` does the same.
  const base = document.currentScript?.dataset.base ?? '';
  const at = (path) => base + path;
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

  // -- words, in the language of the page; the English text is the key
  const words = window.synapseWords ?? {};
  const language = () => root.lang || 'en-GB';
  const fill = (text, values) => (values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text);
  const _ = (message, values) => fill(words[message] ?? message, values);
  // The same for an English word with several translations; the context says which one is meant.
  const _p = (context, message) => words[`${context}\u0004${message}`] ?? message;
  // `{count}` is written as the language writes numbers.
  function _n(one, many, count, values) {
    const forms = words[one];
    const plural = new Intl.PluralRules(language()).select(count) === 'one' ? 0 : 1;
    const text = typeof forms === 'string' ? forms : (forms ?? [one, many])[plural];
    return fill(text, { count: count.toLocaleString(language()), ...values });
  }

  // -- theme: dark, light, or the system's
  const light = matchMedia('(prefers-color-scheme: light)');
  function applyTheme() {
    const choice = stored('synapse-theme') || 'dark';
    const theme = choice === 'system' ? (light.matches ? 'light' : 'dark') : choice;
    root.dataset.theme = theme;
    // The bar of a phone or of an installed window around the page.
    document.querySelector('meta[name=theme-color]')?.setAttribute('content', theme === 'dark' ? '#0a0e14' : '#f3f5f9');
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
  addEventListener('storage', (event) => {
    if (event.key === 'synapse-theme') applyTheme();
    if (event.key === 'synapse-single-keys') root.dataset.singleKeys = event.newValue || 'on';
  });
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
    about: (left) => {
      if (left < 5) return _('next');
      if (left < 60) return _('in ~{count} s', { count: Math.ceil(left / 10) * 10 });
      return left < 5400 ? _('in ~{count} min', { count: Math.round(left / 60) }) : _('in ~{count} h', { count: Math.round(left / 3600) });
    },
    // `far` is shown while the moment is more than a day away, or, with `near`, on any day but today.
    countdown: (left, element) => {
      if (left >= 86400 && element.dataset.far) return element.dataset.far;
      if (left < 60) return _('in {count} s', { count: Math.max(0, Math.ceil(left)) });
      const minutes = Math.floor(left / 60);
      return minutes < 60 ? _('in {count} min', { count: minutes }) : _('in {hours} h {minutes} min', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
    },
    day: (left, { dataset }) => dayNumber(Number(dataset.until)) === dayNumber(Date.now() + skew) ? dataset.near : dataset.far,
  };
  function tick() {
    const now = Date.now() + skew;
    // Without a connection it is unknown whether a run is still running, so its clock stops.
    const isKnown = !['reconnecting', 'offline'].includes(root.dataset.connection);
    if (isKnown) for (const e of all('[data-since]')) say(e, length((now - Number(e.dataset.since)) / 1000));
    if (isKnown) for (const e of all('[data-until]')) say(e, (formats[e.dataset.format] || formats.clock)((Number(e.dataset.until) - now) / 1000, e));
    const day = wall(now).toLocaleDateString(language(), { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' }).replace(/^(\w+),/, '$1');
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
  // While the server closes a socket, as when one signs out, it still counts as connected, and nobody looks before
  // sending. What is sent then is lost by the standard; Chromium also calls it an error of the page.
  const sendAlways = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) { if (this.readyState <= WebSocket.OPEN) sendAlways.call(this, data); };
  const SILENCE_MS = 2000, OFFLINE_SECONDS = 4, PING_MS = 1000;
  let wired = null, wasLive = false, lostAt = 0, askedAt = 0, lags = [];
  const ASKS_SERVER = ':is(.sy-main, .sy-top, .q-dialog) button:not(.sy-theme)';
  const cutOff = () => _('Offline: this works again as soon as the connection does.');
  /* Disables what needs the server while it cannot be reached, with the reason; what was disabled before stays so. */
  function block(isOffline) {
    for (const e of all(isOffline ? `${ASKS_SERVER}:not([aria-disabled])` : '[data-cut-off]')) {
      if (isOffline) {
        e.dataset.cutOff = e.title;
        e.title = cutOff();
        e.setAttribute('aria-disabled', 'true');
      } else {
        e.title = e.dataset.cutOff;
        delete e.dataset.cutOff;
        e.removeAttribute('aria-disabled');
      }
    }
  }
  let said = 'live';
  /* Read aloud once, not with each second that it lasts. */
  function tell(kind, text) {
    if (kind === said || kind === 'reconnecting') return;
    said = kind;
    for (const e of all('.sy-live [data-said]')) say(e, text);
  }
  function show(kind, text, lag) {
    if (root.dataset.connection !== kind) block(kind === 'offline');
    tell(kind, text);
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
  // A socket that is refused does not say why: somebody may have signed this browser out from elsewhere.
  async function leaveIfSignedOut() {
    const answer = await fetch(at('/api/v1/status'), { method: 'HEAD' }).catch(() => null);
    if (answer?.status === 401) location.assign(at('/login?out'));
  }
  function watch() {
    const socket = window.socket;
    if (!socket) return;
    if (wired !== socket) {
      wired = socket;
      socket.on('connect', () => { askedAt = 0; lags = []; ask(); watch(); });
      socket.on('disconnect', () => { askedAt = 0; watch(); });
      socket.on('connect_error', leaveIfSignedOut);
    }
    const isSilent = askedAt && Date.now() - askedAt > SILENCE_MS;
    if (socket.connected && !isSilent) {
      wasLive = true;
      lostAt = 0;
      const median = [...lags].sort((a, b) => a - b)[Math.floor(lags.length / 2)];
      show('live', _('Live'), median === undefined ? '' : `${Math.max(1, Math.round(median))} ms`);
      return;
    }
    lostAt = lostAt || askedAt || Date.now();
    const seconds = Math.round((Date.now() - lostAt) / 1000);
    if (seconds < OFFLINE_SECONDS) show('reconnecting', _('Reconnecting, {seconds} s', { seconds }), '');
    else show('offline', _('Offline. Showing {time}.', { time: clock(lostAt + skew) }), '');
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
    pressed.title = cutOff();
  }, true);

  // -- files: streamed to the inbox one by one, with speed, time left and cancel
  const one = (n) => n.toLocaleString(language(), { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
  const size = (n) => n >= 1e9 ? `${one(n / 1e9)} GB` : n >= 1e6 ? `${one(n / 1e6)} MB` : `${Math.max(1, Math.round(n / 1e3))} kB`;
  const isShown = (element) => element.getClientRects().length > 0;
  // A zone that is hidden, as its pipeline takes no file, still takes those for other pipelines; it shows itself then.
  // An open dialog comes first; on a page without a zone the one of the shell takes the file, and shows itself then.
  // Those of a single field or for backups take what is dropped right on them.
  const zoneOf = () => [...all('.q-dialog .upload-zone'), ...all('.upload-zone:not(.any-zone, .mo-zone, .form-zone)')].find(isShown)
    || document.querySelector('.upload-zone[hidden]') || document.querySelector('.any-zone');
  const waiting = new WeakMap();

  function refuse(zone, text) {
    say(zone.querySelector('[data-refused]'), text);
    zone.classList.toggle('is-refused', Boolean(text));
  }
  const short = (name) => name.length > 40 ? `${name.slice(0, 24)}…${name.slice(-12)}` : name;
  const listed = (names) => new Intl.ListFormat(language()).format(names);
  function isOfKind(zone, file) {
    const accepts = (zone.dataset.accepts || '').split(',').filter(Boolean);
    return !accepts.length || accepts.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  }
  function take(zone, files) {
    const queue = waiting.get(zone) || [], others = [], reasons = [];
    const most = Number(zone.dataset.max || 0);
    for (const file of files) {
      if (!isOfKind(zone, file)) others.push(short(file.name));
      else if (most && file.size > most) reasons.push(_('{file} has {size}, at most {most} are taken.', { file: short(file.name), size: size(file.size), most: size(most) }));
      else queue.push(file);
    }
    if (others.length) {
      const more = others.length - 3, { pipeline, kinds } = zone.dataset;
      let files = listed(others.slice(0, 3));
      if (more > 0) files = _('{files} and {count} more', { files, count: more });
      const text = _n('{files} was not taken. {pipeline} takes {kinds}.', '{files} were not taken. {pipeline} takes {kinds}.', others.length, { files, pipeline, kinds });
      reasons.unshift(text);
    }
    refuse(zone, reasons.join(' '));
    waiting.set(zone, queue);
    if (queue.length && !zone.classList.contains('is-sending')) send(zone, queue.shift());
  }
  // After a crash of the program the page loads anew by itself, and would never say that a file was lost on the way.
  const LOST = 'synapse-not-arrived', lost = new Set();
  const broke = (file) => _('{file} did not arrive: the connection broke. Drop it again.', { file });
  addEventListener('pagehide', () => { try { sessionStorage.setItem(LOST, JSON.stringify([...lost])); } catch { /* no room */ } });
  addEventListener('DOMContentLoaded', () => {
    let names = [];
    try { names = JSON.parse(sessionStorage.getItem(LOST)) || []; sessionStorage.removeItem(LOST); } catch { /* none was kept */ }
    if (!names.length) return;
    const observer = new MutationObserver(() => {
      const zone = document.querySelector('.any-zone');
      if (!zone) return;
      observer.disconnect();
      refuse(zone, names.map(broke).join(' '));
    });
    observer.observe(document.body, { childList: true, subtree: true });
  });
  function send(zone, file) {
    const part = (name) => zone.querySelector(`[data-${name}]`);
    const withMore = (words) => { const count = (waiting.get(zone) || []).length; return count ? _('{words}, {count} more', { words, count }) : words; };
    const body = new FormData();
    body.append('file', file, file.name);
    const request = new XMLHttpRequest();
    const started = performance.now();
    const progress = (loaded, total) => {
      const speed = loaded / Math.max(0.05, (performance.now() - started) / 1000);
      const share = total ? 100 * loaded / total : 0;
      if (part('bar')) part('bar').style.width = `${share}%`;
      part('progress')?.setAttribute('aria-valuenow', share.toFixed(0));
      const isSent = loaded >= total && total, time = speed ? length((total - loaded) / speed) : '–';
      const sizes = { loaded: size(loaded), total: size(total), speed: size(speed), time };
      say(part('speed'), withMore(isSent ? _('Storing {total}', sizes) : _('{loaded} of {total}, {speed}/s, {time} left', sizes)));
    };
    zone.classList.add('is-sending');
    lost.add(file.name);
    say(part('name'), file.name);
    progress(0, file.size);
    if (part('cancel')) part('cancel').onclick = (event) => { event.stopPropagation(); waiting.set(zone, []); request.abort(); };
    request.upload.onprogress = (event) => progress(event.loaded, event.total || file.size);
    request.onabort = () => { lost.delete(file.name); refuse(zone, _('{file} was not sent: you cancelled it.', { file: file.name })); };
    request.onerror = () => refuse(zone, broke(file.name));
    request.onload = () => {
      lost.delete(file.name);
      if (request.status === 201) {
        for (const item of JSON.parse(request.responseText)) zone.dispatchEvent(new CustomEvent('uploaded', { detail: item }));
        return;
      }
      let text = _('{file} did not arrive. Drop it again.', { file: file.name });
      try { const { error } = JSON.parse(request.responseText); text = `${error.message} ${error.hint || ''}`; } catch { /* no words */ }
      refuse(zone, text);
    };
    request.onloadend = () => {
      zone.classList.remove('is-sending');
      const next = (waiting.get(zone) || []).shift();
      if (next) send(zone, next);
    };
    request.open('POST', at('/api/v1/uploads'));
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
    const row = window.synapse.isKey(event, 'move-run') && event.target.closest?.('[data-reorder] > [data-run]');
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
    _, // a text in the language of the page: `synapse._('Hello {name}', { name })`
    _p, // the same for a word with a context: `synapse._p('noun', 'Run')`
    _n, // the same for a count: `synapse._n('{count} line', '{count} lines', 3)`
    language, // of the page, for Intl
    at, // the address of one of our paths
    here: () => location.pathname.slice(base.length), // the path that is shown
    take, // files, for a drop zone
    now: () => Date.now() + skew, // the server's clock
    isLost: () => wasLive && !window.socket.connected, // the connection, after it was there
    wall, // the wall time of the calendar's zone; read the UTC parts of the Date
    dayNumber,
    setTheme(choice) { store('synapse-theme', choice); applyTheme(); },
    toggleTheme() { this.setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'); },
    setSingleKeys(choice) { store('synapse-single-keys', choice); root.dataset.singleKeys = choice; },
    collapse() { root.dataset.rail = document.querySelector('.sy-rail')?.offsetWidth < 100 ? 'full' : 'mini'; store('synapse-rail', root.dataset.rail); },
    // The router of the shell takes clicks on its links, so the socket stays open.
    go(path) { const a = document.createElement('a'); a.href = at(path); a.hidden = true; document.body.append(a); a.click(); a.remove(); },
    copy(text) { navigator.clipboard?.writeText(text); },
  };
  root.dataset.rail = stored('synapse-rail') || '';
  root.dataset.singleKeys = stored('synapse-single-keys') || 'on';
})();
