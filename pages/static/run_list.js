/* The list of runs, newest first: what Python calls, and what a person does with rows. It keeps at most 1,000 rows, of
   which `log_window.js` has only the visible ones in the document; what is selected is known by number. */
(() => {
  'use strict';
  const { make, use } = window.synapseRows;
  const CAP = 1000;
  const isNarrow = () => innerWidth <= 1000;

  class RunList extends window.synapseLogWindow {
    /* :param say: reports to Python: `older`, `newer` or `selected`, with one value */
    constructor(root, say) {
      super(root, say, false);
      this.wraps = false;
      root.classList.remove('is-wrapped');
      this.chosen = new Set();
      this.all = false; // then `chosen` are those left out
      this.currentRun = this.anchorRun = 0;
      this.head = root.querySelector('.runs-head input');
      this.above = root.querySelector('.runs-above');
      const options = { signal: this.listeners.signal };
      this.head.addEventListener('change', () => this.choose(this.head.checked), options);
      this.above.addEventListener('click', () => this.toTop(), options);
      this.port.addEventListener('click', (event) => this.clicked(event), { capture: true, ...options });
      this.port.addEventListener('keydown', (event) => this.pressed(event), options);
    }
    get lineHeight() { return isNarrow() ? 65 : 49; }
    setFollows() {} // the newest runs are at the top, where nothing has to follow

    // -- called by Python: rows are `{number, href, ...}`, see `row_of` in `pages/runs/run_rows.py`

    reset(rows, isAtEnd) {
      this.rows = rows.map(rowOf);
      this.asked = {};
      this.hasOlder = false; // what `log_window.js` calls older is above: newer runs
      this.isAtEnd = isAtEnd;
      this.chosen.clear();
      this.all = false;
      this.measure();
      this.scrollTo(0);
      this.draw();
      this.showChosen(true);
    }
    /* Add older runs below number `after`, unless that is no longer the last row. */
    append(rows, after, isAtEnd) {
      this.asked.older = false;
      if (after !== this.lowest) return;
      this.keep(() => {
        this.rows.push(...rows.map(rowOf).filter((row) => row.number < after));
        this.isAtEnd = isAtEnd;
        if (this.trim(0, this.rows.length - CAP)) this.hasOlder = true;
      });
      this.draw();
    }
    /* Add newer runs above number `before`, unless that is no longer the first row. */
    prepend(rows, before, hasNewer) {
      this.asked.newer = false;
      if (before !== this.highest) return;
      this.keep(() => {
        this.rows.unshift(...rows.map(rowOf).filter((row) => row.number > before));
        this.hasOlder = hasNewer;
        if (this.trim(CAP, this.rows.length - CAP)) this.isAtEnd = false;
      });
      this.draw();
    }
    /* Rows that changed, appeared or left, at most once each: `[[number, row or null, isNew], ...]`. */
    put(changes) {
      const isAtTop = this.top < 2 && !this.root.contains(document.activeElement) && !this.port.matches(':hover');
      const before = this.highest;
      this.keep(() => { for (const [number, row, isNew] of changes) this.putOne(number, row, isNew); });
      if (isAtTop) this.scrollTo(0);
      else if (before && this.highest > before) this.above.hidden = false;
      this.draw();
      this.showChosen(false);
    }
    forget(ids) {
      const gone = new Set(ids);
      this.put(this.rows.filter(({ data }) => gone.has(data.id)).map(({ number }) => [number, null, false]));
    }
    putOne(number, data, isNew) {
      const index = this.indexOf(-number);
      if (index >= 0 && !data) {
        this.rows.splice(index, 1);
        if (!this.all && this.chosen.delete(number)) this.tell();
      } else if (index >= 0) {
        this.rows[index].data = data;
        this.rows[index].isStale = true;
      } else if (data && isNew && this.hasPlaceFor(number)) {
        this.rows.splice(this.nearest(-number) + 1, 0, rowOf(data));
        if (this.rows.length > CAP && !this.hasOlder) { this.trim(CAP, this.rows.length - CAP); this.isAtEnd = false; }
      }
    }
    hasPlaceFor(number) {
      if (!this.rows.length) return this.isAtEnd;
      return (number < this.highest || !this.hasOlder) && (number > this.lowest || this.isAtEnd);
    }
    get highest() { return this.rows[0]?.number || 0; }
    get lowest() { return this.rows.at(-1)?.number || 0; }

    // -- drawing

    need() {
      if (!this.rows.length || !this.height) return;
      const near = 20 * this.lineHeight;
      if (this.hasOlder && !this.asked.newer && this.top < near) { this.asked.newer = true; this.say('newer', this.highest); }
      if (!this.isAtEnd && !this.asked.older && this.total - this.top - this.height < near) { this.asked.older = true; this.say('older', this.lowest); }
      if (this.top < 2 && !this.hasOlder) this.above.hidden = true;
    }
    elementOf(row) {
      if (row.element && !row.isStale) return row.element;
      const shown = row.element || newRow();
      shown.row = row;
      row.element = shown;
      row.isStale = false;
      fill(shown, row.data);
      this.markChosen(row);
      return shown;
    }
    markChosen(row) {
      const isChosen = this.isChosen(row.number);
      row.element.setAttribute('aria-selected', isChosen);
      row.element.box.checked = isChosen;
    }

    // -- what is selected

    isChosen(number) { return this.all !== this.chosen.has(number); }
    /* Select all that fit, also those that are not loaded; or nothing. */
    choose(all) {
      this.all = all;
      this.chosen.clear();
      this.showChosen(true);
    }
    set(number, isChosen) {
      if (isChosen === this.all) this.chosen.delete(number); else this.chosen.add(number);
    }
    toggle(number) {
      this.set(number, !this.isChosen(number));
      this.anchorRun = number;
      this.showChosen(true);
    }
    /* Select from where the selection began up to this run. */
    extend(number) {
      const [a, b] = [this.indexOf(-(this.anchorRun || number)), this.indexOf(-number)];
      for (let i = Math.min(a < 0 ? b : a, b); i <= Math.max(a, b); i++) this.set(this.rows[i].number, true);
      this.showChosen(true);
    }
    showChosen(isNews) {
      for (const row of this.rows) if (row.element) this.markChosen(row);
      this.head.checked = this.all && !this.chosen.size;
      this.head.indeterminate = Boolean(this.chosen.size);
      if (isNews) this.tell();
    }
    tell() { this.say('selected', { all: this.all, numbers: [...this.chosen] }); }

    // -- mouse and keys

    clicked(event) {
      const number = event.target.closest('.runs-one')?.row?.number;
      if (!number) return;
      this.currentRun = number;
      const isTick = event.target.closest('.tick');
      if (!isTick && !event.shiftKey) return;
      if (event.target.matches('a, a *')) event.preventDefault();
      event.stopPropagation();
      if (event.shiftKey) { getSelection()?.removeAllRanges(); this.extend(number); }
      else if (event.target.matches('input')) { this.set(number, event.target.checked); this.anchorRun = number; this.showChosen(true); }
      else this.toggle(number);
    }
    pressed(event) {
      const { key, shiftKey } = event, isCommand = event.ctrlKey || event.metaKey;
      if (event.altKey) return;
      const page = Math.max(1, Math.floor(this.height / this.lineHeight) - 1);
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[key];
      if (by && !isCommand) this.step(by, shiftKey);
      else if (key === 'Home') this.toTop(true);
      else if (key === 'End') this.step(this.rows.length, false);
      else if (key === ' ' && !isCommand && this.currentRun) this.toggle(this.currentRun);
      else if (key === 'Enter' && this.currentRun) this.rows[this.indexOf(-this.currentRun)]?.element?.querySelector('a').click();
      else if (window.synapse.isKey(event, 'select-runs')) this.choose(true);
      else if (key === 'Escape' && (this.all || this.chosen.size)) this.choose(false);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    step(by, extends_) {
      if (!this.rows.length) return;
      const known = this.indexOf(-this.currentRun);
      const from = known >= 0 ? known : by > 0 ? this.indexAt(this.top) - 1 : this.indexAt(this.top + this.height - 2) + 1;
      const index = Math.min(this.rows.length - 1, Math.max(0, from + by));
      if (extends_ && known >= 0 && !this.isChosen(this.currentRun)) this.toggle(this.currentRun);
      this.go(index);
      if (extends_) this.extend(this.currentRun);
    }
    go(index) {
      const row = this.rows[index];
      if (!row) return;
      if (this.tops[index] < this.top) this.scrollTo(this.tops[index]);
      else if (this.tops[index + 1] > this.top + this.height) this.scrollTo(this.tops[index + 1] - this.height);
      this.draw();
      this.currentRun = row.number;
      row.element?.focus({ preventScroll: true });
    }
    toTop(isByKey) {
      this.above.hidden = true;
      if (this.hasOlder) { this.say('newest', 0); return; }
      this.scrollTo(0);
      this.draw();
      if (isByKey) this.go(0);
    }
  }

  const rowOf = (data) => ({ number: data.number, first: -data.number, last: -data.number, data, height: 0, element: null });

  function newRow() {
    const shown = make('div', 'runs-one');
    shown.setAttribute('role', 'row');
    shown.tabIndex = -1;
    const tick = make('span', 'tick');
    const box = shown.box = make('input');
    box.type = 'checkbox';
    tick.append(box);
    const cell = make('span', 'cell');
    for (const part of [tick, cell]) part.setAttribute('role', 'gridcell');
    const link = make('a', '');
    const glyph = use('g', 'queued');
    glyph.setAttribute('class', 'sy-g sy-stg');
    const number = make('span', 'sy-num sy-2 number');
    const about = make('span', 'about'), title = make('b', 'sy-ell'), dot = make('span', ''), facts = make('span', 'sy-ell');
    dot.append(make('i', 'sy-pdot'), facts);
    about.append(title, ' ', dot);
    const state = make('span', 'state'), words = make('span', 'sy-ell'), track = make('span', 'sy-track'), bar = make('i');
    track.setAttribute('role', 'progressbar');
    track.append(bar);
    state.append(words, track);
    const took = make('span', 'sy-num sy-2 took'), when = make('span', 'sy-cap sy-num when');
    // The words between the parts keep them apart for readers.
    link.append(glyph, number, ' ', about, ' ', state, ' ', took, ' ', when);
    link.tabIndex = -1;
    cell.append(link);
    shown.append(tick, cell);
    shown.places = { link, glyph, number, title, dot, facts, words, track, bar, took, when };
    return shown;
  }
  function fill(shown, run) {
    const at = shown.places;
    shown.box.ariaLabel = window.synapse._('Select {run}', { run: `#${run.number}` });
    at.link.href = window.synapse.at(run.href);
    at.link.dataset.run = run.id;
    at.link.className = `runs-row st-${run.look}`;
    at.glyph.firstChild.setAttribute('href', window.synapse.at(`/static/synapse/icons.svg#g-${run.look}`));
    at.number.textContent = `#${run.number}`;
    at.title.textContent = at.title.title = run.title;
    at.dot.className = `sy-x sy-cap ${run.color}`;
    at.facts.textContent = run.facts;
    at.dot.hidden = !run.facts;
    at.words.textContent = at.words.title = run.state;
    at.track.hidden = run.percent === null;
    at.track.ariaLabel = run.title;
    at.bar.style.width = `${run.percent || 0}%`;
    if (run.percent === null) at.track.removeAttribute('aria-valuenow'); else at.track.setAttribute('aria-valuenow', run.percent.toFixed(0));
    if (run.since) at.took.dataset.since = run.since; else { delete at.took.dataset.since; at.took.textContent = run.took; }
    at.when.textContent = run.when;
  }

  window.synapseRunList = RunList;
})();
