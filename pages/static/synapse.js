/* What only a browser can do: set the theme before the first paint, tell the state of the connection, tick clocks,
   send files with progress, keys. State of the program never lives here. */
(() => {
  'use strict';
  const root = document.documentElement;
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };

  // -- theme
  const light = matchMedia('(prefers-color-scheme: light)');
  function applyTheme() {
    const choice = stored('synapse-theme') || 'dark';
    const theme = choice === 'system' ? (light.matches ? 'light' : 'dark') : choice;
    root.dataset.theme = theme;
    root.dataset.themeChoice = choice;
    if (window.Quasar) window.Quasar.Dark.set(theme === 'dark');
    document.body?.classList.toggle('body--dark', theme === 'dark');
    document.body?.classList.toggle('body--light', theme !== 'dark');
  }
  light.addEventListener('change', applyTheme);
  applyTheme();
  addEventListener('DOMContentLoaded', applyTheme);
  addEventListener('load', applyTheme);

  // -- clocks: they tick here from a moment that the server told once
  const two = (n) => String(n).padStart(2, '0');
  function length(seconds) {
    seconds = Math.max(0, Math.round(seconds));
    const h = Math.floor(seconds / 3600), m = Math.floor((seconds % 3600) / 60), s = seconds % 60;
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }
  function tick() {
    const now = Date.now();
    for (const e of document.querySelectorAll('[data-since]')) {
      const text = length((now - Number(e.dataset.since)) / 1000);
      if (e.textContent !== text) e.textContent = text;
    }
    for (const e of document.querySelectorAll('[data-until]')) {
      const left = (Number(e.dataset.until) - now) / 1000;
      const text = left > 0 ? length(left) : 'any moment';
      if (e.textContent !== text) e.textContent = text;
    }
    const clock = document.querySelector('[data-clock]');
    if (clock) {
      const date = new Date();
      const day = date.toLocaleDateString('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
      const text = `${day}, ${two(date.getHours())}:${two(date.getMinutes())}`;
      if (clock.textContent !== text) clock.textContent = text;
    }
  }
  setInterval(tick, 500);

  // -- connection: measured over the one socket that carries everything
  let lostAt = 0, wired = false;
  function show(kind, text, lag) {
    for (const live of document.querySelectorAll('[data-connection]')) {
      live.dataset.connection = kind;
      live.querySelector('[data-word]').textContent = text;
      live.querySelector('[data-lag]').textContent = lag || '';
    }
    root.dataset.connection = kind;
  }
  function measure() {
    if (!window.socket || !window.socket.connected) return;
    const sent = performance.now();
    window.socket.timeout(5000).emit('synapse_ping', (error) => {
      if (!error && window.socket.connected) show('live', 'Live', `${Math.max(1, Math.round(performance.now() - sent))} ms`);
    });
  }
  function watchConnection() {
    if (!window.socket) return;
    if (!wired) {
      wired = true;
      window.socket.on('connect', () => { lostAt = 0; measure(); });
      window.socket.on('disconnect', () => { lostAt = lostAt || Date.now(); });
      measure();
    }
    if (!window.socket.connected && !lostAt) lostAt = Date.now();
    if (lostAt && !window.socket.connected) {
      const seconds = Math.round((Date.now() - lostAt) / 1000);
      const time = new Date(lostAt);
      if (seconds < 30) show('reconnecting', `Reconnecting, ${seconds} s`);
      else show('offline', `Offline. Showing ${two(time.getHours())}:${two(time.getMinutes())}`);
    }
  }
  setInterval(watchConnection, 500);
  setInterval(() => { if (!document.hidden) measure(); }, 10_000);

  // -- files
  const size = (n) => n >= 1e9 ? `${(n / 1e9).toFixed(1)} GB` : n >= 1e6 ? `${(n / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(n / 1e3))} kB`;
  const zoneOf = () => document.querySelector('.upload-zone');
  function refuse(zone, text) {
    const line = zone.querySelector('[data-refused]');
    if (line) { line.textContent = text; line.hidden = !text; }
  }
  function send(zone, file) {
    const accepts = (zone.dataset.accepts || '').split(',').filter(Boolean);
    const suffix = file.name.includes('.') ? '.' + file.name.split('.').pop().toLowerCase() : '';
    if (accepts.length && !accepts.includes(suffix)) {
      const list = accepts.map((a) => a.slice(1));
      const words = list.length > 1 ? `${list.slice(0, -1).join(', ')} or ${list.at(-1)}` : list[0];
      refuse(zone, `That is a ${suffix || 'file without an ending'}. ${zone.dataset.pipeline} takes ${words}.`);
      return;
    }
    refuse(zone, '');
    const body = new FormData();
    body.append('file', file, file.name);
    const request = new XMLHttpRequest();
    const started = performance.now();
    zone.classList.add('is-sending');
    zone.querySelector('[data-name]').textContent = file.name;
    zone.querySelector('[data-cancel]').onclick = (event) => { event.stopPropagation(); request.abort(); };
    request.upload.onprogress = (event) => {
      const share = event.total ? event.loaded / event.total : 0;
      const speed = event.loaded / Math.max(0.001, (performance.now() - started) / 1000);
      zone.querySelector('[data-bar]').style.width = `${100 * share}%`;
      zone.querySelector('[data-speed]').textContent =
        `${size(event.loaded)} of ${size(event.total)}, ${size(speed)}/s, ${length((event.total - event.loaded) / speed)} left`;
    };
    request.onloadend = () => {
      zone.classList.remove('is-sending');
      if (request.status === 201) {
        const [item] = JSON.parse(request.responseText);
        zone.dispatchEvent(new CustomEvent('uploaded', { detail: item }));
        return;
      }
      let text = 'The upload was cancelled.';
      if (request.status) {
        try { const e = JSON.parse(request.responseText).error; text = `${e.message} ${e.hint || ''}`; } catch { text = 'The upload did not arrive. Try again.'; }
      }
      refuse(zone, text);
    };
    request.open('POST', '/api/v1/uploads');
    request.send(body);
  }
  addEventListener('change', (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.type !== 'file') return;
    const zone = input.closest('.upload-zone');
    if (!zone) return;
    for (const file of input.files) send(zone, file);
    input.value = '';
  });
  addEventListener('click', (event) => {
    const zone = event.target.closest?.('.upload-zone');
    if (zone && !zone.classList.contains('is-sending') && !(event.target instanceof HTMLInputElement)) zone.querySelector('input[type=file]').click();
  });
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes('Files');
  addEventListener('dragenter', (event) => { if (hasFiles(event)) { depth++; zoneOf()?.classList.add('is-over'); } });
  addEventListener('dragleave', (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; zoneOf()?.classList.remove('is-over'); } });
  addEventListener('dragover', (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    const zone = event.target.closest?.('.upload-zone') || zoneOf();
    if (!zone) { document.querySelector('a[href="/"]')?.click(); return; }
    zone.classList.remove('is-over');
    for (const file of event.dataTransfer.files) send(zone, file);
  });

  // -- keys: off while typing
  const typing = (target) => target.closest?.('input, textarea, select, [contenteditable=true]');
  let goUntil = 0;
  addEventListener('keydown', (event) => {
    const click = (selector) => { const e = document.querySelector(selector); if (e) { event.preventDefault(); e.click(); } };
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') return click('[data-key=palette]');
    if ((event.key === 'Enter' || event.key === ' ') && event.target.classList?.contains('upload-zone')) { event.preventDefault(); event.target.click(); return; }
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector('.q-dialog')) return;
    if (Date.now() < goUntil && /^[1-7]$/.test(event.key)) { goUntil = 0; return click(`.sy-nav a:nth-of-type(${event.key})`); }
    if (event.key === 'g') { goUntil = Date.now() + 1500; return; }
    if (event.key === 'r') return click('[data-key=new-run]');
    if (event.key === '[') return click('[data-key=collapse]');
    if (event.key === '?') return click('[data-key=help]');
    if (event.key === 'Escape' && event.shiftKey) return click('[data-key=stop]');
    if (event.key === ' ' && event.target === document.body) return click('[data-key=pause]');
  });

  window.synapse = {
    setTheme(choice) { store('synapse-theme', choice); applyTheme(); },
    toggleTheme() { this.setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'); },
    collapse() { const on = root.dataset.rail !== 'mini'; root.dataset.rail = on ? 'mini' : 'full'; store('synapse-rail', root.dataset.rail); },
    // A link inside the shell: the router of the page takes the click, so the socket stays.
    go(path) { const a = document.createElement('a'); a.href = path; a.hidden = true; document.querySelector('.sy-main').append(a); a.click(); a.remove(); },
    copy(text) { navigator.clipboard?.writeText(text); },
  };
  root.dataset.rail = stored('synapse-rail') || '';
})();
