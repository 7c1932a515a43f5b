/* The log lines on the page: what Python calls, and what a person does with lines. `log_window.js` draws them. */
(() => {
  'use strict';
  const { LEVELS, copyText, isSame, lineText, rowOf } = window.synapseRows;
  const CAP = 5000;
  const liveOf = ([id, ...fields]) => ({ ...rowOf(fields), id });
  const CUT_KEY = 'synapse-log-cut';

  class LogLines extends window.synapseLogWindow {
    constructor(root, say, follows) {
      super(root, say, follows);
      this.cut = this.recallCut();
      const options = { signal: this.listeners.signal };
      this.port.addEventListener('mousedown', (event) => this.pointed(event), options);
      this.port.addEventListener('click', (event) => this.clicked(event), options);
      this.port.addEventListener('keydown', (event) => this.pressed(event), options);
      this.port.addEventListener('copy', (event) => this.copied(event), options);
      document.addEventListener('selectionchange', () => this.selected(), options);
    }
    end() {
      super.end();
      this.socket?.off('disconnect', this.onCut);
      this.socket?.off('connect', this.onBack);
    }

    // -- called by Python

    /* Replace all rows. `place`: 'end', 'begin', 'keep' (the line being read stays) or the number of a line. */
    reset(rows, { place, hasOlder, isAtEnd, follows, beginning, live }) {
      this.watchConnection();
      const anchor = place === 'keep' ? this.anchor() : null;
      this.rows = this.folded(rows.map(rowOf));
      this.opened = new Map([...this.opened].filter(([seq]) => this.indexOf(seq) >= 0));
      this.asked = {};
      this.beginning = beginning;
      this.hasOlder = hasOlder;
      this.isAtEnd = isAtEnd;
      this.follows = follows;
      this.drawLive(live.map(liveOf));
      this.measure();
      if (typeof place === 'number') {
        this.current = place;
        this.reveal(place);
      } else if (place === 'begin') {
        this.scrollTo(0);
      } else if (anchor) {
        const index = Math.max(0, this.nearest(anchor.row.first));
        this.scrollTo(this.tops[index] + anchor.offset);
      }
      this.markCut();
      this.draw();
      if (place === 'begin') this.choose(0);
      else if (typeof place === 'number') this.takeFocus();
      return this.report();
    }
    /* Add rows after the one that ends with `after`; any other place would leave a gap, or repeat lines. `live` are those
       still being written, after all others: what they have become is among the new ones. */
    append(rows, { isAtEnd, after, live }) {
      if (after !== this.report().last) return { ...this.report(), isTorn: true };
      const fresh = this.folded(rows.map(rowOf));
      const gone = this.keep(() => {
        const last = this.rows.at(-1);
        if (last && fresh.length && this.folds && isSame(last, fresh[0])) this.join(last, fresh.shift(), true);
        this.rows.push(...fresh);
        this.isAtEnd = isAtEnd;
        this.drawLive(live.map(liveOf));
        this.asked = {};
        return this.follows || !isAtEnd ? this.trim(0, this.rows.length - CAP) : 0;
      });
      if (gone) this.hasOlder = true;
      this.markCut();
      this.draw();
      return this.report();
    }
    /* Add rows before the one that starts with `before`. */
    prepend(rows, { hasOlder, before }) {
      if (before !== this.report().first) return { ...this.report(), isTorn: true };
      const older = this.folded(rows.map(rowOf));
      this.keep(() => {
        const first = this.rows[0];
        if (first && older.length && this.folds && isSame(older.at(-1), first)) this.join(first, older.pop(), false);
        this.rows.unshift(...older);
        this.hasOlder = hasOlder;
        this.asked = {};
        if (this.rows.length > CAP && !this.follows) { this.trim(CAP, this.rows.length - CAP); this.isAtEnd = false; this.drawLive([]); }
      });
      this.draw();
      return this.report();
    }
    /* Remove lines up to this one, which are no longer in the log. */
    forget(seq) {
      this.asked = {};
      this.keep(() => this.trim(0, this.rows.filter((row) => row.last <= seq).length));
      this.draw();
      return this.report();
    }
    /* `[[number, [[start, end], ...]], ...]` are the matches in these rows; all others have none. */
    mark(found, isAny) {
      const spans = new Map(found);
      for (const row of this.rows) {
        const marks = spans.get(row.first) || null;
        if (!marks && !row.marks) continue;
        row.marks = marks;
        this.redraw(row);
      }
      this.root.classList.toggle('is-searched', isAny);
      this.draw();
    }
    /* Select this line and scroll to it; returns the last line of its row, 0 if there is none. */
    go(seq) {
      const index = this.indexOf(seq);
      if (index < 0) return 0;
      this.setFollows(false);
      this.select(seq);
      this.reveal(seq);
      this.draw();
      this.takeFocus();
      return this.rows[index].last;
    }
    /* The details of an opened line, see `pages/logs/rows.py`; null if it has been cleared. */
    detail(seq, about) {
      if (!this.opened.has(seq)) return;
      this.opened.set(seq, about || { gone: true });
      const row = this.rows[this.indexOf(seq)];
      if (row) this.keep(() => this.redraw(row));
      this.draw();
    }
    follow(follows) {
      this.setFollows(follows, true);
      this.draw();
      return this.report();
    }
    setFolding(folds) { this.folds = folds; }

    // -- lines that are selected, opened and copied

    select(seq) {
      const before = this.rows[this.indexOf(this.current)];
      before?.element?.querySelector('[role=row]')?.classList.remove('is-current');
      this.current = seq;
      this.rows[this.indexOf(seq)]?.element?.querySelector('[role=row]')?.classList.add('is-current');
    }
    /* With Shift, a line opens next to others; by default the browser would select all text in between. */
    pointed(event) {
      if (event.shiftKey && !String(getSelection()) && event.target.closest('.log-one [role=row]')) event.preventDefault();
    }
    clicked(event) {
      const act = event.target.closest('[data-act]');
      const line = event.target.closest('.log-one');
      if (!line) return;
      const seq = Number(line.dataset.seq);
      if (act) { this.act(seq, act); return; }
      const shown = event.target.closest('[role=row]');
      if (!shown || String(getSelection())) return;
      this.select(seq);
      shown.focus({ preventScroll: true });
      this.toggle(seq, event.shiftKey);
    }
    toggle(seq, keepsOthers) {
      const row = this.rows[this.indexOf(seq)];
      if (!row || row.kind) return;
      this.setFollows(false);
      this.keep(() => {
        const wasOpen = this.openedOf(row);
        const closed = keepsOthers ? (wasOpen ? [row] : []) : this.rows.filter((one) => this.openedOf(one));
        for (const one of closed) {
          for (const number of [...this.opened.keys()]) if (one.first <= number && number <= one.last) this.opened.delete(number);
          this.redraw(one);
        }
        if (!wasOpen) {
          this.opened.set(row.first, {});
          this.say('opened', row.first);
        }
        this.redraw(row);
      });
      this.draw();
    }
    act(seq, press) {
      const about = this.openedOf(this.rows[this.indexOf(seq)] || {}) || {};
      const said = press.lastElementChild || press;
      const copied = (text) => {
        copyText(text);
        const words = said.textContent;
        said.textContent = window.synapse._('Copied');
        setTimeout(() => { said.textContent = words; }, 1200);
      };
      if (press.dataset.act === 'json') copied(about.json);
      else if (press.dataset.act === 'link') copied(location.origin + window.synapse.at(about.link));
      else if (press.dataset.act === 'unroll') {
        const row = this.rows[this.indexOf(seq)];
        about.hidden = null;
        this.keep(() => this.redraw(row));
        this.draw();
      } else this.say('act', { seq: about.seq || seq, act: press.dataset.act });
    }
    pressed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const chosen = event.target.closest('[role=row]:not(.detail)');
      if (event.target.closest('button, a')) return;
      const page = Math.max(1, Math.floor(this.height / this.lineHeight) - 1);
      const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
      if (event.key in steps) this.step(steps[event.key]);
      else if (event.key === 'Home') this.begin();
      else if (event.key === 'Enter' && chosen) this.toggle(Number(chosen.closest('.log-one').dataset.seq), event.shiftKey);
      else if (event.key === 'Escape' && this.opened.size) { this.closeAll(); event.stopPropagation(); } else return;
      event.preventDefault();
    }
    /* Go to the very first line, which may still have to be read. */
    begin() {
      if (this.hasOlder) { this.setFollows(false); this.say('begin', 0); return; }
      // First, so that Python gets the new place: in a sample, it reads all lines around it.
      this.scrollTo(0);
      this.setFollows(false);
      this.draw();
      this.choose(0);
    }
    step(by) {
      if (!this.rows.length) return;
      const known = this.indexOf(this.current);
      const inSight = known >= 0 && this.tops[known] >= this.top - 1 && this.tops[known] < this.top + this.height;
      const from = inSight ? known : by > 0 ? this.indexAt(this.top) - 1 : this.indexAt(this.top + this.height - 2) + 1;
      const index = Math.min(this.rows.length - 1, Math.max(0, from + by));
      this.setFollows(false);
      if (this.tops[index] < this.top) this.scrollTo(this.tops[index]);
      else if (this.tops[index + 1] > this.top + this.height) this.scrollTo(this.tops[index + 1] - this.height);
      this.draw();
      this.choose(index);
    }
    /* The current line takes the keyboard, unless the person is typing. */
    takeFocus() {
      if (document.activeElement?.matches('input, textarea, select')) return;
      this.rows[this.indexOf(this.current)]?.element?.querySelector('[role=row]')?.focus({ preventScroll: true });
    }
    choose(index) {
      const row = this.rows[index];
      if (!row) return;
      this.select(row.first);
      row.element?.querySelector('[role=row]')?.focus({ preventScroll: true });
    }
    closeAll() {
      this.keep(() => {
        const opened = this.rows.filter((row) => this.openedOf(row));
        this.opened.clear();
        opened.forEach((row) => this.redraw(row));
      });
      this.draw();
    }
    selected() {
      const selection = getSelection();
      if (!selection || selection.isCollapsed || !this.follows) return;
      if (this.port.contains(selection.anchorNode)) this.setFollows(false);
    }
    /* A selection of several lines is copied as whole lines. */
    copied(event) {
      const selection = getSelection();
      if (!selection.rangeCount) return;
      const range = selection.getRangeAt(0);
      const rows = this.rows.filter((row) => row.element?.isConnected && range.intersectsNode(row.element));
      if (rows.length < 2) return;
      event.clipboardData.setData('text/plain', rows.map(lineText).join('\n'));
      event.preventDefault();
    }
    copyVisible() {
      const [top, bottom] = [this.top, this.top + this.height];
      const rows = this.rows.filter((_, index) => this.tops[index + 1] > top + 2 && this.tops[index] < bottom - 2);
      copyText(rows.map(lineText).join('\n'));
      return rows.length;
    }
    setWrap(wraps) {
      this.wraps = wraps;
      localStorage.setItem('synapse-log-wrap', wraps ? '1' : '0');
      this.root.classList.toggle('is-wrapped', wraps);
      this.keep(() => { for (const row of this.rows) row.height = 0; });
      this.draw();
      return wraps;
    }
    toggleWrap() { return this.setWrap(!this.wraps); }

    // -- a lost connection is marked between the lines, even after a reload

    watchConnection() {
      if (this.socket) return;
      this.socket = window.socket;
      this.onCut = () => {
        this.cut = { at: Date.now(), last: this.rows.at(-1)?.last || 0 };
        sessionStorage.setItem(CUT_KEY, JSON.stringify(this.cut));
      };
      this.onBack = () => { if (this.cut && !this.cut.back) this.cut.back = Date.now(); };
      this.socket?.on('disconnect', this.onCut);
      this.socket?.on('connect', this.onBack);
    }
    recallCut() {
      const cut = JSON.parse(sessionStorage.getItem(CUT_KEY) || 'null');
      return cut && Date.now() - cut.at < 3600_000 ? { ...cut, back: Date.now() } : null;
    }
    markCut() {
      if (!this.cut?.back || !this.cut.last) return;
      const row = this.rows.find((one) => one.first > this.cut.last);
      if (!row || row === this.rows[0]) return;
      row.cut = this.cut;
      this.redraw(row);
      this.cut = null;
      sessionStorage.removeItem(CUT_KEY);
    }
  }

  window.synapseLines = { LogLines, LEVELS };
})();
