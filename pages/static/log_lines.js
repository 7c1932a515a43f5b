/* Log lines on a screen: a window of at most 5,000 rows over a log of any length, of which only those in sight are
   in the document. Each row knows its height; whatever is added, taken away or measured, the line under the eyes
   stays where it is, and while the view follows, the last line stays at the bottom. Text is only ever text. */
(() => {
  'use strict';
  const CAP = 5000;
  const NEAR = 1600;
  const BEYOND = 260;
  const LEVELS = ['debug', 'info', 'success', 'warning', 'error', 'critical'];
  const WORDS = ['DEBUG', 'INFO', 'OK', 'WARN', 'ERROR', 'CRIT'];
  const LOOKS = ['info', 'info', 'success', 'warning', 'error', 'error'];
  const CUT_KEY = 'synapse-log-cut';
  const two = (n) => String(n).padStart(2, '0');
  const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  const isNarrow = () => innerWidth < 768;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function use(kind, name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', kind === 'g' ? '0 0 16 16' : '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    svg.setAttribute('class', kind === 'g' ? 'sy-g' : 'sy-ico');
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    shape.setAttribute('href', `/static/synapse/icons.svg#${kind}-${name}`);
    svg.append(shape);
    return svg;
  }
  // Wall times of the calendar's zone, see `wall` in synapse.js.
  const clock = (at) => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const millis = (at) => `.${String(at.getUTCMilliseconds()).padStart(3, '0')}`;

  /* `[first, count, last, milliseconds, level, source, run, text, kind, more, styles, marks]`, see `pages/logs/rows.py` */
  function rowOf(fields) {
    const [first, count, last, ms, level, source, run, text, kind, more, styles, marks] = fields;
    return { first, count, last, ms, level, source, run, text, kind, more, styles, marks, height: 0, element: null };
  }
  const isSame = (a, b) =>
    !a.kind && !b.kind && a.text === b.text && a.level === b.level && a.source === b.source && a.run === b.run && a.more === b.more;
  const lineText = (row) => {
    const at = synapse.wall(row.ms);
    const date = at.toISOString().slice(0, 10);
    const again = row.count > 1 ? ` (${row.count} times)` : '';
    return `${date} ${clock(at)}${millis(at)} ${WORDS[row.level].padEnd(5)} ${row.source} ${row.run ? `${row.run} ` : ''}${row.text}${again}`;
  };

  /* Text with the styles and the matches of a search laid over it: pieces between all borders of both. */
  function paint(cell, text, styles, marks) {
    if (!styles && !marks) { cell.textContent = text; return; }
    const borders = new Set([0, text.length]);
    for (const [start, end] of [...(styles || []), ...(marks || [])]) borders.add(Math.min(start, text.length)).add(Math.min(end, text.length));
    const places = [...borders].sort((a, b) => a - b);
    cell.replaceChildren();
    for (let i = 0; i + 1 < places.length; i++) {
      const [start, end] = [places[i], places[i + 1]];
      const isMarked = marks?.some((mark) => mark[0] <= start && end <= mark[1]);
      const style = styles?.find((one) => one[0] <= start && end <= one[1]);
      const piece = text.slice(start, end);
      if (!isMarked && !style) { cell.append(piece); continue; }
      cell.append(make(isMarked ? 'mark' : 'span', style ? style[2] : '', piece));
    }
  }

  class LogLines {
    /* :param say: tells Python: `older`, `newer`, `begin`, `followed`, `opened`, `act`, with one value */
    constructor(root, say, follows) {
      this.root = root;
      this.say = say;
      this.port = root.querySelector('.log-port');
      this.space = root.querySelector('.log-space');
      this.box = root.querySelector('.log-rows');
      this.rows = [];
      this.tops = new Float64Array(1);
      this.follows = follows;
      this.isAtEnd = this.hasOlder = false;
      this.asked = {};
      this.opened = new Map();
      this.current = 0;
      this.folds = true;
      this.wraps = localStorage.getItem('synapse-log-wrap') === '1';
      this.cut = this.recallCut();
      this.free = [];
      // Reading a position from the document makes it lay everything out: it is asked once a scroll, and written once.
      this.top = this.setTop = this.height = this.frame = 0;
      this.isMoved = false;
      root.classList.toggle('is-wrapped', this.wraps);
      this.listeners = new AbortController();
      const options = { signal: this.listeners.signal };
      this.port.addEventListener('scroll', () => this.scrolled(), { passive: true, ...options });
      this.port.addEventListener('mousedown', (event) => this.pointed(event), options);
      this.port.addEventListener('click', (event) => this.clicked(event), options);
      this.port.addEventListener('keydown', (event) => this.pressed(event), options);
      this.port.addEventListener('copy', (event) => this.copied(event), options);
      document.addEventListener('selectionchange', () => this.selected(), options);
      document.addEventListener('visibilitychange', () => this.draw(), options);
      this.resized = new ResizeObserver(() => this.reshape());
      this.resized.observe(this.port);
    }
    end() {
      this.listeners.abort();
      this.resized.disconnect();
      this.socket?.off('disconnect', this.onCut);
      this.socket?.off('connect', this.onBack);
      cancelAnimationFrame(this.frame);
    }

    // -- what Python tells

    /* Other rows instead of these. `place`: 'end', 'begin', 'keep' (the line under the eyes stays) or a line's number. */
    reset(rows, { place, hasOlder, isAtEnd, follows, beginning }) {
      this.watchConnection();
      const anchor = place === 'keep' ? this.anchor() : null;
      this.rows = this.folded(rows.map(rowOf));
      this.opened = new Map([...this.opened].filter(([seq]) => this.indexOf(seq) >= 0));
      this.asked = {};
      this.beginning = beginning;
      this.hasOlder = hasOlder;
      this.isAtEnd = isAtEnd;
      this.follows = follows;
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
    /* Rows that follow the one which ends with `after`: with any other there would be a hole, or lines twice. */
    append(rows, { isAtEnd, after }) {
      if (after !== this.report().last) return { ...this.report(), isTorn: true };
      const fresh = this.folded(rows.map(rowOf));
      const gone = this.keep(() => {
        const last = this.rows.at(-1);
        if (last && fresh.length && this.folds && isSame(last, fresh[0])) this.join(last, fresh.shift(), true);
        this.rows.push(...fresh);
        this.isAtEnd = isAtEnd;
        this.asked = {};
        return this.follows || !isAtEnd ? this.trim(0, this.rows.length - CAP) : 0;
      });
      if (gone) this.hasOlder = true;
      this.markCut();
      this.draw();
      return this.report();
    }
    /* Rows that come before the one which begins with `before`. */
    prepend(rows, { hasOlder, before }) {
      if (before !== this.report().first) return { ...this.report(), isTorn: true };
      const older = this.folded(rows.map(rowOf));
      this.keep(() => {
        const first = this.rows[0];
        if (first && older.length && this.folds && isSame(older.at(-1), first)) this.join(first, older.pop(), false);
        this.rows.unshift(...older);
        this.hasOlder = hasOlder;
        this.asked = {};
        if (this.rows.length > CAP && !this.follows) { this.trim(CAP, this.rows.length - CAP); this.isAtEnd = false; }
      });
      this.draw();
      return this.report();
    }
    /* Lines up to this one are gone from the log. */
    forget(seq) {
      this.asked = {};
      this.keep(() => this.trim(0, this.rows.filter((row) => row.last <= seq).length));
      this.draw();
      return this.report();
    }
    /* `[[number, [[start, end], ...]], ...]` are the matches among these rows; all others have none. */
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
    /* Make this line the current one and bring it into sight; gives the last line of its row, 0 if it is not here. */
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
    /* All about an opened line, see `pages/logs/rows.py`; null if it was cleared meanwhile. */
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
    /* The line at the top of what is in sight; 0 without any. */
    at() { return this.rows[this.indexAt(this.top)]?.first || 0; }
    report() { return { rows: this.rows.length, follows: this.follows, isAtEnd: this.isAtEnd, first: this.rows[0]?.first || 0, last: this.rows.at(-1)?.last || 0 }; }

    // -- rows and where they are

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
    trim(start, count) {
      if (count <= 0) return 0;
      this.rows.splice(start, count);
      return count;
    }
    get total() { return this.tops[this.rows.length] || 0; }
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
    }
    indexAt(y) {
      let [low, high] = [0, this.rows.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (this.tops[middle] <= y) low = middle; else high = middle - 1;
      }
      return Math.max(0, low);
    }
    /* The row that begins at this line or before it, -1 if there is none. */
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

    // -- the view never moves by itself

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
      const index = Math.max(0, this.nearest(seq));
      this.scrollTo(this.tops[index] - this.height / 2 + this.lineHeight);
    }
    scrolled() {
      const top = this.port.scrollTop;
      if (Math.abs(top - this.setTop) > 1) {
        const isAtBottom = top + this.height >= this.total - 6;
        const wentUp = top < this.top - 1;
        this.top = top;
        this.setTop = -9;
        if (this.follows && wentUp) this.setFollows(false);
        else if (!this.follows && isAtBottom && this.isAtEnd) this.setFollows(true);
      }
      if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
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
        // What is in sight is not touched: what scrolled out above it goes below it, to be filled anew.
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
    /* Elements of rows out of sight are filled anew where they are, so that a flood moves no element about. */
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
      // Not a transform: with that each row would be painted anew although none has moved.
      this.box.style.top = `${this.tops[start] || 0}px`;
      if (!this.isMoved) return;
      this.isMoved = false;
      this.setTop = this.top;
      this.port.scrollTop = this.top;
    }
    /* The heights of what was drawn; true if they are what was thought. */
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
      if (line.parts && isPlain) { this.fill(line.parts, row, at); return line; }
      line.replaceChildren();
      line.parts = null;
      if (begins) line.append(this.rule('is-quiet', this.beginning));
      if (dated) line.append(this.rule('is-quiet', day.format(at)));
      if (row.cut) line.append(this.cutRule(row.cut));
      let shown;
      if (row.kind) shown = this.stepRule(row, at);
      else {
        const parts = this.line();
        this.fill(parts, row, at);
        shown = parts.shown;
        if (isPlain) line.parts = parts;
      }
      shown.setAttribute('role', 'row');
      shown.tabIndex = -1;
      if (row.kind) { shown.setAttribute('aria-rowindex', row.first); this.showCurrent(shown, row); } else shown.setAttribute('aria-expanded', Boolean(opened));
      line.append(shown);
      if (opened) line.append(this.drawDetail(row, opened));
      if (hadFocus) shown.focus({ preventScroll: true });
      return line;
    }
    showCurrent(shown, row) { shown.classList.toggle('is-current', row.first <= this.current && this.current <= row.last); }
    /* The parts of a line without its words. */
    line() {
      const shown = make('div', 'r');
      const time = make('span', 'tm');
      const [seconds, millis] = [make('b'), document.createTextNode('')];
      time.append(seconds, millis);
      const level = make('span', 'lv');
      const [glyph, word] = [use('g', 'info'), document.createTextNode('')];
      level.append(glyph, word);
      const message = make('span', 'msg');
      const [times, text, more] = [make('span', 'log-times sy-num'), make('span', 'txt'), make('span', 'log-more')];
      text.dir = 'ltr';
      message.append(times, text, more);
      const [source, run] = [make('span', 'src'), make('span', 'run')];
      for (const cell of [time, level, source, run, message]) { cell.setAttribute('role', 'cell'); shown.append(cell); }
      return { shown, time, seconds, millis, glyph: glyph.firstChild, word, source, run, times, text, more, look: 'info' };
    }
    fill(parts, row, at) {
      const look = LOOKS[row.level];
      parts.shown.className = `r lv-${look}`;
      parts.shown.setAttribute('aria-rowindex', row.first);
      this.showCurrent(parts.shown, row);
      parts.seconds.textContent = clock(at);
      parts.millis.data = millis(at);
      if (parts.look !== look) { parts.look = look; parts.glyph.setAttribute('href', `/static/synapse/icons.svg#g-${look}`); }
      parts.word.data = WORDS[row.level];
      parts.source.textContent = parts.source.title = row.source;
      parts.run.textContent = row.run;
      parts.times.textContent = row.count > 1 ? `×${row.count.toLocaleString('en').replaceAll(',', '\u202f')}` : '';
      paint(parts.text, row.text, row.styles, row.marks);
      parts.more.textContent = row.more ? `+${row.more} line${row.more === 1 ? '' : 's'}` : '';
      parts.more.classList.toggle('is-found', Boolean(row.marks && !row.marks.length));
    }
    stepRule(row, at) {
      const shown = make('div', 'r log-rule st-running');
      const time = make('span', 'tm');
      time.append(make('b', '', clock(at)), millis(at));
      const label = make('b', '');
      paint(label, row.text, null, row.marks);
      shown.append(time, use('g', 'running'), label, make('i'), make('span', 'side', [row.run, row.more].filter(Boolean).join(' ')));
      for (const cell of shown.children) if (cell.tagName === 'SPAN' || cell.tagName === 'B') cell.setAttribute('role', 'cell');
      return shown;
    }
    rule(className, words) {
      const shown = make('div', `log-rule ${className}`);
      shown.append(make('i'), make('span', '', words), make('i'));
      return shown;
    }
    cutRule(cut) {
      const [from, to] = [synapse.wall(cut.at), synapse.wall(cut.back)];
      return this.rule('is-cut', `No connection from ${clock(from)} to ${clock(to)}. What was logged meanwhile is here.`);
    }

    // -- one line: chosen, opened, copied

    select(seq) {
      const before = this.rows[this.indexOf(this.current)];
      before?.element?.querySelector('[role=row]')?.classList.remove('is-current');
      this.current = seq;
      this.rows[this.indexOf(seq)]?.element?.querySelector('[role=row]')?.classList.add('is-current');
    }
    /* With Shift a line opens beside others; a browser would mark all text from the one clicked before. */
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
    openedOf(row) {
      if (!this.opened.size) return null;
      for (const [seq, about] of this.opened) if (row.first <= seq && seq <= row.last) return about;
      return null;
    }
    drawDetail(row, about) {
      const box = make('div', `detail lv-${LOOKS[row.level]}`);
      box.setAttribute('role', 'row');
      const cell = make('div', 'in');
      cell.setAttribute('role', 'cell');
      box.append(cell);
      if (about.gone) { cell.append(make('p', 'sy-cap', 'This line was cleared meanwhile.')); return box; }
      if (!about.facts) { cell.append(make('p', 'sy-cap', 'Reading…')); return box; }
      if (about.text) cell.append(...this.folds_of(about));
      const facts = make('dl', 'kv');
      for (const [name, value] of about.facts) {
        const pair = make('div');
        pair.append(make('dt', '', name), make('dd', value.length > 80 || value.includes('\n') ? 'is-long' : '', value));
        facts.append(pair);
      }
      if (row.count > 1) {
        const pair = make('div');
        pair.append(make('dt', '', 'times'), make('dd', '', `${row.count}, last at ${clock(synapse.wall(row.until || row.ms))}`));
        facts.append(pair);
      }
      const acts = make('div', 'act');
      for (const [name, icon, words] of about.acts) {
        const press = make('button', `sy-btn is-sm${name === 'run' ? '' : ' is-ghost'}`);
        press.type = 'button';
        press.dataset.act = name;
        press.append(use('i', icon), make('span', '', words));
        acts.append(press);
      }
      if (row.count > 1) {
        const press = make('button', 'sy-btn is-sm is-ghost', 'Show each');
        press.type = 'button';
        press.dataset.act = 'unfold';
        acts.append(press);
      }
      cell.append(facts, acts);
      return box;
    }
    /* The whole message; a traceback shows its last frame until all of it is asked for. */
    folds_of(about) {
      const text = make('pre', 'text');
      paint(text, about.text, about.styles, null);
      if (!about.hidden) return [text];
      const [start, end, words] = about.hidden;
      paint(text, about.text.slice(0, start), (about.styles || []).filter((one) => one[1] <= start), null);
      const rest = make('pre', 'text');
      paint(rest, about.text.slice(end), (about.styles || []).filter((one) => one[0] >= end).map(([a, b, c]) => [a - end, b - end, c]), null);
      const press = make('button', 'log-unfold', words);
      press.type = 'button';
      press.dataset.act = 'unroll';
      return [text, press, rest];
    }
    act(seq, press) {
      const about = this.openedOf(this.rows[this.indexOf(seq)] || {}) || {};
      const said = press.lastElementChild || press;
      const copied = (text) => {
        copyText(text);
        const words = said.textContent;
        said.textContent = 'Copied';
        setTimeout(() => { said.textContent = words; }, 1200);
      };
      if (press.dataset.act === 'json') copied(about.json);
      else if (press.dataset.act === 'link') copied(location.origin + about.link);
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
    /* To the very first line, which may still have to be read. */
    begin() {
      if (this.hasOlder) { this.setFollows(false); this.say('begin', 0); return; }
      // First, so that Python hears of the line somebody goes to: where lines are left out it reads anew around it.
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
    /* The current line hears the next key, unless somebody is typing. */
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
    /* More than one line is copied as lines, whatever of them the selection covers. */
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

    // -- a cut of the connection is marked where it was, also when the page had to be loaded again

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

  /* Also where the clipboard of the browser is shut, as on plain http from another machine. */
  function copyText(text) {
    if (navigator.clipboard) { navigator.clipboard.writeText(text); return; }
    const area = make('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }

  window.synapseLines = { LogLines, LEVELS };
})();
