/* A window of at most 5,000 rows over a log of any length, of which only the visible ones are in the document. Each row
   knows its height: whatever is added, removed or measured, the line being read stays where it is on the screen, and
   while the view follows, the last line stays at the bottom. */
(() => {
  'use strict';
  const { cutRule, drawDetail, fill, isSame, line: newLine, make, rule, stepRule } = window.synapseRows;
  const NEAR = 1600;
  const BEYOND = 260;
  const day = new Intl.DateTimeFormat(window.synapse.language(), { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  const isNarrow = () => innerWidth < 768;

  class LogWindow {
    /* :param say: reports to Python: `older`, `newer`, `begin`, `followed`, `opened` or `act`, with one value */
    constructor(root, say, follows) {
      this.root = root;
      this.say = say;
      this.port = root.querySelector('.log-port');
      this.space = root.querySelector('.log-space');
      this.box = root.querySelector('.log-rows');
      this.liveBox = root.querySelector('.log-live');
      this.live = [];
      this.liveHeight = 0;
      this.rows = [];
      this.tops = new Float64Array(1);
      this.follows = follows;
      this.isAtEnd = this.hasOlder = false;
      this.asked = {};
      this.opened = new Map();
      this.current = 0;
      this.folds = true;
      this.wraps = localStorage.getItem('synapse-log-wrap') === '1';
      this.free = [];
      // Reading a position makes the browser lay out everything: it is read once per scroll, and written once.
      this.top = this.setTop = this.height = this.frame = 0;
      this.isMoved = false;
      root.classList.toggle('is-wrapped', this.wraps);
      this.listeners = new AbortController();
      const options = { signal: this.listeners.signal };
      this.port.addEventListener('scroll', () => this.scrolled(), { passive: true, ...options });
      document.addEventListener('visibilitychange', () => this.draw(), options);
      this.resized = new ResizeObserver(() => this.reshape());
      this.resized.observe(this.port);
    }
    end() {
      this.listeners.abort();
      this.resized.disconnect();
      cancelAnimationFrame(this.frame);
    }
    at() { return this.rows[this.indexAt(this.top)]?.first || 0; }
    report() { return { rows: this.rows.length, follows: this.follows, isAtEnd: this.isAtEnd, first: this.rows[0]?.first || 0, last: this.rows.at(-1)?.last || 0 }; }

    // -- rows, and where they are

    folded(rows) {
      if (!this.folds) return rows;
      const kept = [];
      for (const row of rows) {
        const last = kept.at(-1);
        if (last && isSame(last, row)) this.join(last, row, true); else kept.push(row);
      }
      return kept;
    }
    join(row, other, isLater) {
      row.count += other.count;
      if (isLater) { row.last = other.last; row.until = other.until || other.ms; } else { row.first = other.first; row.ms = other.ms; }
      row.marks = row.marks || other.marks;
      this.redraw(row);
    }
    redraw(row) { row.height = 0; row.isStale = true; }
    trim(start, count) { return this.rows.splice(start, Math.max(0, count)).length; }
    get total() { return (this.tops[this.rows.length] || 0) + this.liveHeight; }
    get lineHeight() { return isNarrow() ? 42 : 22; }
    measure() {
      const rows = this.rows;
      if (this.tops.length < rows.length + 1) this.tops = new Float64Array(Math.max(256, 2 * rows.length + 1));
      const line = this.lineHeight;
      let top = 0;
      for (let i = 0; i < rows.length; i++) {
        this.tops[i] = top;
        top += rows[i].height || line;
      }
      this.tops[rows.length] = top;
      this.liveHeight = this.wraps ? this.liveBox.offsetHeight : this.live.length * line;
    }
    indexAt(y) {
      let [low, high] = [0, this.rows.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.tops[middle] <= y) low = middle; else high = middle - 1;
      }
      return Math.max(0, low);
    }
    /* The index of the last row that starts at or before this line, -1 if there is none. */
    nearest(seq) {
      let [low, high] = [0, this.rows.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.rows[middle].first <= seq) low = middle + 1; else high = middle;
      }
      return low - 1;
    }
    indexOf(seq) {
      const index = this.nearest(seq);
      return index >= 0 && seq <= this.rows[index].last ? index : -1;
    }

    // -- scrolling: the view never moves by itself

    anchor() {
      if (!this.rows.length) return null;
      const index = this.indexAt(this.top);
      return { row: this.rows[index], offset: this.top - this.tops[index] };
    }
    keep(change) {
      const anchor = this.follows ? null : this.anchor();
      const result = change();
      this.settle(anchor);
      return result;
    }
    settle(anchor) {
      this.measure();
      if (this.follows) { this.scrollTo(this.total); return; }
      if (!anchor) return;
      const index = this.nearest(anchor.row.first);
      if (this.rows[index] === anchor.row) this.scrollTo(this.tops[index] + anchor.offset);
      else this.scrollTo(this.tops[Math.max(0, index)]);
    }
    scrollTo(y) {
      const top = Math.min(Math.max(0, y), Math.max(0, this.total - this.height));
      if (Math.abs(top - this.top) < 0.5) return;
      this.top = top;
      this.isMoved = true;
    }
    reveal(seq) {
      this.unseen = this.height ? null : seq;  // where its middle is, is known once it is laid out
      const index = Math.max(0, this.nearest(seq));
      this.scrollTo(this.tops[index] - this.height / 2 + this.lineHeight);
    }
    scrolled() {
      const top = this.port.scrollTop;
      // What this has scrolled itself is drawn already; another frame would only make the next line wait for it.
      const isOwn = Math.abs(top - this.setTop) <= 1;
      if (!isOwn) {
        const isAtBottom = top + this.height >= this.total - 6;
        const wentUp = top < this.top - 1;
        this.top = top;
        this.setTop = -9;
        if (this.follows && wentUp) this.setFollows(false);
        else if (!this.follows && isAtBottom && this.isAtEnd) this.setFollows(true);
      }
      if (!isOwn && !this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
    }
    setFollows(follows, isFromPython) {
      if (follows === this.follows) return;
      this.follows = follows;
      if (follows) this.scrollTo(this.total);
      if (!isFromPython) this.say('followed', { follows, at: this.at() });
    }
    need() {
      if (!this.rows.length || !this.height) return;
      if (this.hasOlder && !this.asked.older && this.top < NEAR) {
        this.asked.older = true;
        this.say('older', this.rows[0].first);
      }
      if (!this.isAtEnd && !this.asked.newer && this.total - this.top - this.height < NEAR) {
        this.asked.newer = true;
        this.say('newer', this.rows.at(-1).last);
      }
    }
    reshape() {
      const shape = `${isNarrow()} ${this.wraps && this.port.clientWidth}`;
      const hasChanged = shape !== this.shape;
      this.shape = shape;
      this.height = this.port.clientHeight;
      this.keep(() => { if (hasChanged) for (const row of this.rows) row.height = 0; });
      if (this.height && this.unseen) this.reveal(this.unseen);
      this.draw();
    }

    // -- drawing

    draw() {
      if (document.hidden || !this.height) return;
      let isSettled = false;
      for (let round = 0; round < 4 && !isSettled; round++) isSettled = this.drawOnce();
      this.need();
    }
    drawOnce() {
      if (this.follows) this.scrollTo(this.total);
      const start = this.indexAt(this.top - BEYOND);
      const end = this.rows.length ? this.indexAt(this.top + this.height + BEYOND) + 1 : 0;
      this.release(start, end);
      let next = this.box.firstChild;
      for (let i = start; i < end; i++) {
        const element = this.elementOf(this.rows[i], this.rows[i - 1], i);
        // Visible rows are not touched: those that scrolled out above are moved below, and filled again.
        while (next && next !== element && element.parentNode && this.free.includes(next)) {
          const spare = next;
          next = next.nextSibling;
          this.box.append(spare);
        }
        if (element === next) next = next.nextSibling;
        else this.box.insertBefore(element, next);
      }
      while (next) { const gone = next; next = next.nextSibling; this.drop(gone); }
      this.free = [];
      this.place(start);
      return this.remeasure(start, end);
    }
    /* Rows that are still being written, below the last line; they change in place. */
    drawLive(rows) {
      this.live = rows;
      while (this.liveBox.children.length > rows.length) this.liveBox.lastChild.remove();
      rows.forEach((row, index) => {
        let shown = this.liveBox.children[index];
        if (!shown) {
          const parts = newLine();
          shown = parts.shown;
          shown.parts = parts;
          shown.setAttribute('role', 'row');
          this.liveBox.append(shown);
        }
        const [id, ms, text] = shown.drawn || [];
        if (id === row.id && ms === row.ms && text === row.text) return;
        shown.drawn = [row.id, row.ms, row.text];
        fill(shown.parts, row, synapse.wall(row.ms));
      });
    }
    /* Elements of rows out of sight are reused where they are, so that a flood moves no elements. */
    release(start, end) {
      const kept = new Set();
      for (let i = start; i < end; i++) if (this.rows[i].element) kept.add(this.rows[i].element);
      for (const element of this.box.children) {
        if (kept.has(element)) continue;
        element.row.element = null;
        if (element.parts && !element.contains(document.activeElement)) this.free.push(element);
      }
      this.free.reverse();
    }
    drop(element) {
      if (element.contains(document.activeElement)) this.port.focus({ preventScroll: true });
      if (element.row.element === element) element.row.element = null;
      element.remove();
    }
    place(start) {
      if (this.total !== this.drawnTotal) { this.drawnTotal = this.total; this.space.style.height = `${this.total}px`; }
      // Not a transform, which would repaint every row although none has moved.
      this.box.style.top = `${this.tops[start] || 0}px`;
      if (this.live.length) this.liveBox.style.top = `${this.tops[this.rows.length] || 0}px`;
      if (!this.isMoved) return;
      this.isMoved = false;
      this.setTop = this.top;
      this.port.scrollTop = this.top;
    }
    /* Measure what was drawn; true if the heights are as expected. */
    remeasure(start, end) {
      const news = [];
      for (let i = start; i < end; i++) {
        const row = this.rows[i];
        if (row.height) continue;
        const isPlain = row.element.parts && !this.wraps;
        news.push([row, isPlain ? this.lineHeight : row.element.offsetHeight || this.lineHeight]);
      }
      if (!news.some(([, height]) => height !== this.lineHeight)) {
        for (const [row, height] of news) row.height = height;
        return true;
      }
      this.keep(() => { for (const [row, height] of news) row.height = height; });
      return false;
    }
    elementOf(row, before, index) {
      row.day ??= synapse.dayNumber(row.ms);
      const dated = (before ? before.day ??= synapse.dayNumber(before.ms) : synapse.dayNumber(synapse.now())) !== row.day;
      const begins = index === 0 && !this.hasOlder;
      const head = (dated ? 1 : 0) + (begins ? 2 : 0) + (row.cut ? 4 : 0);
      if (row.head !== undefined && row.head !== head) row.height = 0;
      if (row.element && !row.isStale && row.head === head) return row.element;
      row.head = head;
      row.isStale = false;
      const hadFocus = row.element?.contains(document.activeElement) && document.activeElement.getAttribute('role') === 'row';
      const opened = this.openedOf(row);
      const isPlain = !head && !opened && !row.kind;
      const line = row.element?.parts && isPlain ? row.element : isPlain && !row.element && this.free.length ? this.free.pop() : row.element || make('div', 'log-one');
      line.row = row;
      line.dataset.seq = row.first;
      row.element = line;
      const at = synapse.wall(row.ms);
      if (line.parts && isPlain) { this.fillLine(line.parts, row, at); return line; }
      line.replaceChildren();
      line.parts = null;
      if (begins) line.append(rule('is-quiet', this.beginning));
      if (dated) line.append(rule('is-quiet', day.format(at)));
      if (row.cut) line.append(cutRule(row.cut));
      let shown;
      if (row.kind) shown = stepRule(row, at);
      else {
        const parts = newLine();
        this.fillLine(parts, row, at);
        shown = parts.shown;
        if (isPlain) line.parts = parts;
      }
      shown.setAttribute('role', 'row');
      shown.tabIndex = -1;
      if (row.kind) { shown.setAttribute('aria-rowindex', row.first); this.showCurrent(shown, row); } else shown.setAttribute('aria-expanded', Boolean(opened));
      line.append(shown);
      if (opened) line.append(drawDetail(row, opened));
      if (hadFocus) shown.focus({ preventScroll: true });
      return line;
    }
    fillLine(parts, row, at) {
      fill(parts, row, at);
      this.showCurrent(parts.shown, row);
    }
    showCurrent(shown, row) { shown.classList.toggle('is-current', row.first <= this.current && this.current <= row.last); }
    openedOf(row) {
      if (!this.opened.size) return null;
      for (const [seq, about] of this.opened) if (row.first <= seq && seq <= row.last) return about;
      return null;
    }
  }

  window.synapseLogWindow = LogWindow;
})();
