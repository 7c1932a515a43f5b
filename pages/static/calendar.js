/* The month in the browser: focus, dragging and moving with keys, heights of rows, and the line of now. The server is
   asked once, when a move is done. */
(() => {
  'use strict';
  const HOLD_MS = 600, FIRST_LINE = 36, LINE = 22, MORE = 18;
  const grids = new Map(), frames = new Set();
  const _ = (...said) => window.synapse._(...said);
  const narrow = matchMedia('(max-width: 767px)');
  const two = (n) => String(n).padStart(2, '0');
  // This may open a layer: from here on, keys belong to that.
  const OPENS = ['chip', 'day', 'plan'];
  function tell(element, name, detail) {
    if (OPENS.includes(name) && !window.synapse.opens(cellAt(element, detail) || element)) return;
    element?.dispatchEvent(new CustomEvent(name, { detail }));
  }
  const say = (text) => { const place = document.querySelector('[data-month-says]'); if (place) place.textContent = text; };

  // -- days are texts such as 2026-10-14, without any time zone
  const utc = (day) => { const [y, m, d] = day.split('-').map(Number); return new Date(Date.UTC(y, m - 1, d)); };
  const text = (date) => date.toISOString().slice(0, 10);
  const shifted = (day, days) => { const date = utc(day); date.setUTCDate(date.getUTCDate() + days); return text(date); };
  function turned(day, months) {
    const [y, m, d] = day.split('-').map(Number);
    const last = new Date(Date.UTC(y, m + months, 0));
    return `${last.getUTCFullYear()}-${two(last.getUTCMonth() + 1)}-${two(Math.min(d, last.getUTCDate()))}`;
  }
  const words = (day) => utc(day).toLocaleDateString(window.synapse.language(), { weekday: 'long', day: 'numeric', month: 'long', timeZone: 'UTC' });

  const gridOf = (element) => element?.closest?.('.mo-grid');
  const cellOf = (element) => element?.closest?.('.mo-cell');
  const cellsOf = (grid) => [...grid.querySelectorAll('.mo-week:not([hidden]) .mo-cell')];
  const cellAt = (grid, day) => cellsOf(grid).find((cell) => cell.dataset.day === day);
  const isOver = (grid, day) => day < grid.dataset.today;
  const isPast = (cell) => cell.classList.contains('is-past');

  // -- focus: one cell of the grid is in the tab order
  function rove(grid, cell, { focus = false } = {}) {
    const state = grids.get(grid);
    if (!state || !cell) return;
    state.day = cell.dataset.day;
    for (const other of cellsOf(grid)) {
      const tab = other === cell ? '0' : '-1';
      if (other.getAttribute('tabindex') !== tab) other.setAttribute('tabindex', tab);
      const selected = String(other === cell);
      if (other.getAttribute('aria-selected') !== selected) other.setAttribute('aria-selected', selected);
    }
    if (focus) cell.focus();
  }
  function settle(grid) {
    const state = grids.get(grid);
    if (!state) return;
    measure(grid);
    find(grid, state);
    const thing = carried || dragged;
    if (thing) markSource(grid, thing.key);
    if (carried?.grid === grid) showTarget(grid, carried.day);
  }
  function find(grid, state) {
    if (state.asked === grid.dataset.month) state.asked = null;
    const wanted = state.wanted && cellAt(grid, state.wanted);
    if (wanted && !wanted.classList.contains('is-out')) {
      state.wanted = null;
      return rove(grid, wanted, { focus: state.grabs });
    }
    const held = cellOf(document.activeElement);
    if (held && gridOf(held) === grid) return rove(grid, held);
    const cells = cellsOf(grid);
    const given = grid.dataset.day && grid.dataset.day !== state.given && cellAt(grid, grid.dataset.day);
    if (given) { state.given = grid.dataset.day; return rove(grid, given); }
    rove(grid, cells.find((cell) => cell.dataset.day === state.day && !cell.classList.contains('is-out'))
      || cells.find((cell) => cell.classList.contains('is-today') && !cell.classList.contains('is-out'))
      || cells.find((cell) => !cell.classList.contains('is-out')));
  }
  // Pressed faster than the server answers, the month asked for last counts.
  function go(grid, day, { always = false } = {}) {
    const state = grids.get(grid), cell = cellAt(grid, day), month = state.asked || grid.dataset.month;
    if (cell && !state.asked && (!always || day.slice(0, 7) === month)) return rove(grid, cell, { focus: true });
    Object.assign(state, { wanted: day, grabs: true, asked: day.slice(0, 7) });
    tell(grid, 'turn', day);
    if (state.asked === grid.dataset.month) settle(grid);
  }

  // -- how many chips fit into a cell: one number for the whole grid
  function measure(grid) {
    const state = grids.get(grid), row = grid.querySelector('.mo-week:not([hidden])');
    const height = row?.clientHeight || 0;
    if (!height) return;
    const rows = Math.max(1, Math.floor((height - FIRST_LINE) / LINE));
    const beside = Math.max(1, Math.floor((height - FIRST_LINE - MORE) / LINE));
    if (state.room === `${rows} ${beside}`) return;
    state.room = `${rows} ${beside}`;
    tell(grid, 'measured', { rows, beside });
  }

  function attach(grid) {
    const observer = new ResizeObserver(() => measure(grid));
    grids.set(grid, { day: null, wanted: null, asked: null, grabs: false, given: null, room: '4 4', observer });
    observer.observe(grid);
    grid.addEventListener('click', clicked);
    grid.addEventListener('keydown', pressed);
    grid.addEventListener('focusin', (event) => { const cell = cellOf(event.target); if (cell && cell.dataset.day !== grids.get(grid)?.day) rove(grid, cell); });
    for (const [name, does] of Object.entries({ dragstart, dragenter: dragover, dragover, dragleave, drop, dragend })) grid.addEventListener(name, does);
    settle(grid);
    ticked();
  }
  function detach(grid) {
    grids.get(grid)?.observer.disconnect();
    grids.delete(grid);
    if (carried?.grid === grid) carried = null;
    forgetDrag();
  }

  // -- a page under 768 px shows the agenda instead
  function frame(element) {
    if (frames.has(element)) return;
    frames.add(element);
    if (narrow.matches) tell(element, 'narrow', true);
  }
  narrow.addEventListener('change', () => { for (const element of frames) if (element.isConnected) tell(element, 'narrow', narrow.matches); else frames.delete(element); });

  // Today is a day to focus, not only a month.
  addEventListener('click', (event) => {
    if (!event.target.closest?.('[data-key=today]')) return;
    for (const [grid, state] of grids) {
      const grabs = grid.contains(document.activeElement), cell = cellAt(grid, grid.dataset.today);
      if (cell && !cell.classList.contains('is-out')) rove(grid, cell, { focus: grabs });
      else Object.assign(state, { wanted: grid.dataset.today, grabs });
    }
  }, true);

  // -- clicks
  function clicked(event) {
    const grid = gridOf(event.target), cell = cellOf(event.target);
    if (!grid || !cell) return;
    rove(grid, cell);
    const chip = event.target.closest('.mo-chip');
    if (chip) return tell(grid, 'chip', chip.dataset.key);
    if (event.target.closest('[data-open-day]')) return tell(grid, 'day', cell.dataset.day);
    if (event.target.closest('[data-plan]')) return tell(grid, 'plan', cell.dataset.day);
    if (!event.target.closest('button')) { cell.focus(); enter(grid, cell); }
  }
  const enter = (grid, cell) => tell(grid, isPast(cell) ? 'day' : 'plan', cell.dataset.day);

  // -- keys in the grid
  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  function target(grid, day, event) {
    const step = STEPS[event.key];
    if (step) return shifted(day, step);
    // The first cell says which day a week begins with.
    const place = (utc(day).getUTCDay() - utc(cellsOf(grid)[0].dataset.day).getUTCDay() + 7) % 7;
    if (event.key === 'Home') return shifted(day, -place);
    if (event.key === 'End') return shifted(day, 6 - place);
    if (event.key === 'PageUp' || event.key === 'PageDown') return turned(day, (event.key === 'PageUp' ? -1 : 1) * (event.shiftKey ? 12 : 1));
    return null;
  }
  function walk(cell, chip, isBack) {
    const stops = [...cell.querySelectorAll('.mo-chip, .mo-more, .mo-first')];
    const next = stops.indexOf(chip) + (isBack ? -1 : 1);
    if (isBack && chip && next < 0) { cell.focus(); return true; }
    if (isBack && !chip || !stops[next]) return false;
    stops[next].focus();
    return true;
  }
  function pressed(event) {
    const grid = gridOf(event.target), cell = cellOf(event.target);
    if (!grid || !cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const used = () => { event.preventDefault(); event.stopPropagation(); };
    if (carried) { if (carry(event, grid)) used(); return; }
    const chip = event.target.closest('.mo-chip, .mo-more, .mo-first');
    const day = target(grid, grids.get(grid).wanted || cell.dataset.day, event);
    if (day) { used(); go(grid, day, { always: event.key.startsWith('Page') }); return; }
    if (event.key === 'Tab') { if (walk(cell, chip, event.shiftKey)) used(); return; }
    if (event.key === 'Escape' && chip) { used(); cell.focus(); return; }
    if (window.synapse.isKey(event, 'move-event') && chip && 'moves' in chip.dataset) { used(); pick(grid, cell, chip); return; }
    if (event.target !== cell) return;
    if (event.key === 'Enter') { used(); enter(grid, cell); }
    if (event.key === ' ') { used(); tell(grid, 'day', cell.dataset.day); }
    if (window.synapse.isKey(event, 'new-event') && !isPast(cell)) { used(); tell(grid, 'plan', cell.dataset.day); }
  }

  // -- a chip on its way to another day
  let dragged = null, carried = null, edge = null;
  const clear = () => { for (const cell of document.querySelectorAll('[data-target]')) delete cell.dataset.target; for (const ghost of document.querySelectorAll('.mo-ghost')) ghost.remove(); };
  function showTarget(grid, day, time) {
    const cell = cellAt(grid, day);
    if (cell?.dataset.target === '') return;
    clear();
    if (!cell || isPast(cell)) return;
    cell.dataset.target = '';
    const label = time ?? carried?.time;
    if (!label) return;
    const ghost = document.createElement('span');
    ghost.className = 'mo-ghost';
    ghost.textContent = _('{time} drop to move here', { time: label });
    cell.querySelector('.mo-chips').append(ghost);
  }
  function markSource(grid, key) {
    for (const chip of document.querySelectorAll('.mo-chip[data-away]')) delete chip.dataset.away;
    if (key) for (const chip of grid.querySelectorAll('.mo-chip')) if (chip.dataset.key === key) chip.dataset.away = '';
  }
  const repeats = (chip) => Boolean(chip.querySelector('.rp')); // then the person is asked which occurrences to move
  function land(grid, thing, day) {
    if (day === thing.from || thing.repeats && !window.synapse.opens(grid)) return;
    tell(grid, 'dropped', { key: thing.key, day });
  }

  // ... with keys
  function pick(grid, cell, chip) {
    carried = { grid, key: chip.dataset.key, time: chip.dataset.time, from: cell.dataset.day, day: cell.dataset.day, label: chip.getAttribute('aria-label'), repeats: repeats(chip) };
    markSource(grid, carried.key);
    cell.focus();
    showTarget(grid, carried.day);
    say(_('Moving {entry}. Arrows choose a day, Enter drops it, Escape leaves it.', { entry: carried.label }));
  }
  function letGo(text) {
    clear();
    markSource(carried.grid, null);
    carried = null;
    say(text);
  }
  function carry(event, grid) {
    if (event.key === 'Escape') {
      const { from } = carried;
      letGo(_('Left where it was.'));
      go(grid, from);
      return true;
    }
    if (event.key === 'Enter') {
      if (isOver(grid, carried.day)) { say(_('{day} is over. Choose a later day.', { day: words(carried.day) })); return true; }
      const thing = carried;
      letGo('');
      land(grid, thing, thing.day);
      return true;
    }
    if (event.key === 'Tab') { letGo(_('Left where it was.')); return false; }
    const day = target(grid, carried.day, event);
    if (!day) return true;
    carried.day = day;
    say(isOver(grid, day) ? _('{day}, over', { day: words(day) }) : words(day));
    go(grid, day, { always: event.key.startsWith('Page') });
    showTarget(grid, day);
    return true;
  }

  // ... by dragging
  const hasFiles = (event) => [...event.dataTransfer?.types || []].includes('Files');
  function dragstart(event) {
    const chip = event.target.closest?.('.mo-chip[draggable=true]');
    if (!chip) return;
    const grid = gridOf(chip), box = chip.getBoundingClientRect();
    dragged = { grid, key: chip.dataset.key, time: chip.dataset.time, from: cellOf(chip).dataset.day, repeats: repeats(chip) };
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', chip.getAttribute('aria-label'));
    const lifted = document.createElement('div');
    lifted.className = 'mo-lifted';
    const copy = chip.cloneNode(true);
    copy.style.width = `${box.width}px`;
    lifted.append(copy);
    document.body.append(lifted);
    event.dataTransfer.setDragImage(lifted, event.clientX - box.left + 12, event.clientY - box.top + 12);
    setTimeout(() => { lifted.remove(); if (dragged) markSource(grid, dragged.key); });
  }
  function overEdge(grid, event) {
    const box = grid.getBoundingClientRect();
    const by = event.clientX < box.left + 26 ? -1 : event.clientX > box.right - 16 ? 1 : 0;
    if (edge?.by === by) return by;
    if (edge) clearTimeout(edge.timer);
    edge = null;
    delete grid.dataset.edge;
    if (!by) return 0;
    grid.dataset.edge = by < 0 ? 'left' : 'right';
    edge = { by, timer: setTimeout(() => { edge = null; delete grid.dataset.edge; clear(); tell(grid, 'turn', turned(`${grid.dataset.month}-01`, by)); }, HOLD_MS) };
    return by;
  }
  function dragover(event) {
    const grid = gridOf(event.target), files = hasFiles(event);
    if (!grid || (!dragged && !files)) return;
    const isAtEdge = overEdge(grid, event);
    const cell = cellOf(event.target);
    if (!cell || isPast(cell)) { clear(); if (files) event.dataTransfer.dropEffect = 'none'; if (files || isAtEdge) event.preventDefault(); return; }
    event.preventDefault();
    event.dataTransfer.dropEffect = files ? 'copy' : 'move';
    if (cell.dataset.day === dragged?.from) clear();
    else showTarget(grid, cell.dataset.day, dragged?.time ?? '');
  }
  function dragleave(event) {
    const grid = gridOf(event.target);
    if (grid && !grid.contains(event.relatedTarget)) { clear(); overEdge(grid, { clientX: grid.getBoundingClientRect().left + 100 }); }
  }
  function drop(event) {
    const grid = gridOf(event.target), cell = cellOf(event.target), thing = dragged, files = hasFiles(event);
    forgetDrag();
    if (!grid || (!thing && !files)) return;
    event.preventDefault();
    if (!cell || isPast(cell)) return;
    if (thing) land(grid, thing, cell.dataset.day);
    else take(event.dataTransfer.files, cell.dataset.day);
  }
  function forgetDrag() {
    clear();
    markSource(null, null);
    if (edge) clearTimeout(edge.timer);
    edge = null;
    for (const grid of grids.keys()) delete grid.dataset.edge;
    dragged = null;
  }
  const dragend = () => forgetDrag();
  // If the month turned during a drag, its chip is gone, and with it the dragend event.
  addEventListener('pointermove', () => { if (dragged) forgetDrag(); });
  // A drag that misses all days may also end over the buttons next to the month.
  addEventListener('dragover', (event) => {
    const turn = dragged && event.target.closest?.('[data-turn]');
    if (!turn) { if (edge?.turn) { clearTimeout(edge.timer); edge = null; } return; }
    if (edge?.turn === turn) return;
    if (edge) clearTimeout(edge.timer);
    edge = { turn, timer: setTimeout(() => { edge = null; turn.click(); }, HOLD_MS) };
  });

  // -- a file dropped on a day goes to the inbox first
  function take(files, day) {
    const zone = document.querySelector('.mo-zone');
    if (!zone || !files.length) return;
    zone.dataset.day = day;
    window.synapse.take(zone, [files[0]]);
  }

  // -- the popover of a day: next to its cell, closed by Escape, a press outside, or scrolling
  let popped = null;
  function place(pop, day) {
    const grid = document.querySelector('.mo-grid'), cell = grid && cellAt(grid, day);
    const room = 8, own = pop.getBoundingClientRect();
    const box = cell?.getBoundingClientRect() || { left: innerWidth / 2, right: innerWidth / 2, top: 120 };
    const right = box.right + room, left = box.left - room - own.width;
    pop.style.left = `${Math.max(room, right + own.width <= innerWidth - room ? right : left)}px`;
    pop.style.top = `${Math.max(room, Math.min(box.top, innerHeight - own.height - room))}px`;
  }
  function open(pop, day) {
    const isNew = popped?.pop !== pop || popped.day !== day;
    popped = { pop, day };
    pop.dataset.shown = '';
    place(pop, day);
    const grid = document.querySelector('.mo-grid'), cell = grid && cellAt(grid, day);
    for (const other of document.querySelectorAll('.mo-cell[data-popped]')) delete other.dataset.popped;
    if (cell) { cell.dataset.popped = ''; rove(grid, cell); }
    if (isNew) pop.focus({ preventScroll: true });
  }
  function close({ back = true } = {}) {
    if (!popped) return;
    const { pop, day } = popped;
    popped = null;
    const held = pop.contains(document.activeElement) || document.activeElement === document.body;
    delete pop.dataset.shown;
    for (const cell of document.querySelectorAll('.mo-cell[data-popped]')) delete cell.dataset.popped;
    const grid = document.querySelector('.mo-grid'), cell = grid && cellAt(grid, day);
    if (back && held && cell) rove(grid, cell, { focus: true });
    tell(pop, 'closed', day);
  }
  const isTop = () => popped && !document.querySelector('.q-dialog, .q-menu');
  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.shiftKey || !isTop()) return;
    event.preventDefault();
    event.stopPropagation();
    close();
  }, true);
  addEventListener('pointerdown', () => { if (carried) letGo(_('Left where it was.')); }, true);
  addEventListener('pointerdown', (event) => { if (isTop() && !popped.pop.contains(event.target)) close({ back: false }); }, true);
  addEventListener('scroll', (event) => { if (popped && !popped.pop.contains(event.target)) close(); }, true);
  addEventListener('resize', () => { if (popped) place(popped.pop, popped.day); });

  // -- now
  function ticked() {
    for (const mark of document.querySelectorAll('.mo-strip b')) {
      const left = `${Math.min(100, Math.max(0, 100 * (window.synapse.now() - Number(mark.dataset.begins)) / Number(mark.dataset.lasts))).toFixed(2)}%`;
      if (mark.style.left !== left) mark.style.left = left;
    }
  }
  setInterval(ticked, 15_000);

  window.synapseMonth = { attach, settle, detach, ticked, frame, open, close };
})();
