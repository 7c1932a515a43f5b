// Log lines over time as bars, with a brush. The server sends bars by the number of their bucket; what is dragged,
// pointed at or reached with the keyboard is known here only, until it is picked. Text is never HTML.
const WORDS = {
  info: (count, values) => synapse._n("{count} info", "{count} info", count, values),
  success: (count, values) => synapse._n("{count} success", "{count} success", count, values),
  warning: (count, values) => synapse._n("{count} warning", "{count} warnings", count, values),
  error: (count, values) => synapse._n("{count} error", "{count} errors", count, values),
};
const LOUD = { warning: 4, error: 4 };
const GROUPS = Object.keys(WORDS);
const ROOM = 9; // above the highest bar, since small counts of LOUD groups are drawn higher than they are
const DRAG = 4;
const DAY = { day: "numeric", month: "short" };
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const number = (count) => count.toLocaleString(synapse.language()).replaceAll(",", "\u202f");

export default {
  props: { picture: Object, groups: Array, selection: Array },
  emits: ["pick", "looking"],
  data: () => ({ tip: null, range: null, cursor: null, marks: [], width: 0, frame: null }),
  computed: {
    // Start and end of the selection, or of the range being dragged, in percent of the width.
    shown() {
      if (!this.frame || !(this.range || this.selection)) return null;
      const [from, to] = this.range ? this.range.map((key) => this.begin(key)) : this.selection;
      return [from === null ? 0 : this.percent(from), to === null ? 100 : this.percent(to)];
    },
    brushStyle() { const [from, to] = this.shown; return { left: `${from}%`, width: `${to - from}%` }; },
    words: () => ({
      title: synapse._("Lines over time"),
      none: synapse._("No bar selected"),
      keys: synapse._("Arrow keys move from bar to bar, with Shift they select, Enter applies, Escape clears."),
      empty: synapse._("no lines"),
      now: synapse._("now"),
    }),
    value() { return this.cursor === null || !this.frame ? 0 : this.cursor - this.frame.first + 1; },
  },
  watch: {
    picture() { this.take(); },
    groups() { this.draw(); },
    selection() { if (!this.drag) this.forget(); },
  },
  created() { this.drag = this.anchor = this.touched = null; },
  mounted() {
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    document.addEventListener("visibilitychange", () => this.$emit("looking", !document.hidden), options);
    if (document.hidden) this.$emit("looking", false);
    this.resized = new ResizeObserver(() => { this.width = this.$refs.plot?.clientWidth || 0; this.draw(); });
    this.resized.observe(this.$refs.plot);
    this.take();
  },
  unmounted() {
    this.listeners.abort();
    this.resized.disconnect();
    cancelAnimationFrame(this.frameAsked);
  },
  methods: {
    glyph: (name) => window.synapse.at(`/static/synapse/icons.svg#g-${name}`),
    // -- sent by the server
    take() {
      if (!this.picture) return;
      this.bars = new Map();
      if (this.frame?.seconds !== this.picture.seconds) {
        this.cursor = this.touched = this.anchor = this.drag = this.tip = null;
        this.forget();
      }
      this.change(this.picture);
    },
    change({ bars, ...frame }) {
      if (!this.bars) return;
      if ("first" in frame) {
        this.frame = { ...this.frame, ...frame };
        for (const key of this.bars.keys()) if (key < this.frame.first) this.bars.delete(key);
        if (this.cursor !== null) this.cursor = clamp(this.cursor, this.frame.first, this.last());
      }
      for (const [key, ...counts] of bars) this.bars.set(key, counts);
      this.draw();
    },
    last() { return this.frame.first + this.frame.count - 1; },
    begin(key) { return (key * this.frame.seconds - this.frame.offset) * 1000; },
    percent(ms) { return clamp((100 * (ms - this.begin(this.frame.first))) / (this.frame.count * this.frame.seconds * 1000), 0, 100); },

    // -- drawing: one path per group, however many bars there are
    draw() {
      cancelAnimationFrame(this.frameAsked);
      this.frameAsked = requestAnimationFrame(() => this.paint());
    },
    paint() {
      const plot = this.$refs.plot;
      if (!this.frame || !plot) return;
      const { clientWidth: width, clientHeight: height } = plot;
      const { first, count } = this.frame;
      const included = GROUPS.map((group) => this.groups.includes(group));
      const sums = [...this.bars.values()].map((counts) => counts.reduce((sum, n, i) => sum + (included[i] ? n : 0), 0));
      const scale = (height - ROOM) / Math.max(1, ...sums);
      const step = width / count, gap = step > 7 ? 2 : step > 3 ? 1 : 0.5;
      const paths = GROUPS.map(() => "");
      for (const [key, counts] of this.bars) {
        const left = Math.round((key - first) * step), wide = Math.max(1, Math.round((key - first + 1) * step) - left - gap);
        let top = height;
        counts.forEach((n, i) => {
          if (!n || !included[i]) return;
          const tall = Math.max(n * scale, LOUD[GROUPS[i]] || 1.5);
          top -= tall;
          paths[i] += `M${left} ${top.toFixed(1)}h${wide}v${tall.toFixed(1)}h-${wide}z`;
        });
      }
      GROUPS.forEach((group, i) => this.$refs[group].setAttribute("d", paths[i]));
      this.place(width);
      if (this.tip && !this.range) this.point(this.tip.key);
    },
    // As many marks as fit side by side; the last must leave room for "now".
    place(width) {
      const room = this.frame.isLive ? width - 34 : width;
      let free = -1;
      this.marks = this.frame.marks.flatMap(([ms, words]) => {
        const left = (this.percent(ms) * width) / 100, long = words.length * 6.4;
        if (left < free || left + long > room) return [];
        free = left + long + 14;
        return [{ left: `${left.toFixed(1)}px`, words, key: ms }];
      });
    },

    // -- words
    clock(ms) {
      const at = window.synapse.wall(ms), words = at.toISOString().slice(11, this.frame.seconds % 60 ? 19 : 16);
      const isLong = this.frame.seconds * this.frame.count > 86400;
      return isLong ? `${at.toLocaleDateString(synapse.language(), { ...DAY, timeZone: "UTC" })} ${words}` : words;
    },
    stretch(from, to) {
      const isOpen = this.frame.isLive && to > this.last();
      const [start, end] = [this.clock(this.begin(from)), this.clock(this.begin(to))];
      return isOpen ? synapse._("{start} to now", { start }) : synapse._("{start} to {end}", { start, end });
    },
    rows(from, to) {
      const sums = GROUPS.map(() => 0);
      for (const [key, counts] of this.bars) if (key >= from && key < to) counts.forEach((n, i) => { sums[i] += n; });
      return GROUPS.map((group, i) => ({ group, count: sums[i] })).filter((row) => row.count && this.groups.includes(row.group));
    },
    spoken(from, to) {
      const rows = this.rows(from, to), sum = rows.reduce((all, row) => all + row.count, 0);
      const counts = rows.map(({ group, count }) => WORDS[group](count, { count })).join(", ");
      const range = this.stretch(from, to);
      if (!sum) return synapse._("{range}, no lines", { range });
      return synapse._n("{range}, {count} line: {counts}", "{range}, {count} lines: {counts}", sum, { range, count: sum, counts });
    },
    // A box with the counts, next to their bars if there is room.
    showTip(from, to, key) {
      const [left, right] = [from, to].map((border) => (100 * (border - this.frame.first)) / this.frame.count);
      const [place, side] = right < 75 ? [right, "is-right"] : left > 25 ? [left, "is-left"] : [50, "is-over"];
      const rows = this.rows(from, to).map(({ group, count }) => ({ group, words: WORDS[group](count, { count: number(count) }) }));
      this.tip = { key, left: `${place}%`, side, title: this.stretch(from, to), rows, spoken: this.spoken(from, to) };
    },
    point(key) {
      if (key < this.frame.first || key > this.last()) this.tip = null;
      else this.showTip(key, key + 1, key);
    },

    // -- pointer
    positionOf(event) {
      const { left, width } = this.$refs.plot.getBoundingClientRect();
      return ((event.clientX - left) / width) * this.frame.count;
    },
    keyAt(event) { return this.frame.first + clamp(Math.floor(this.positionOf(event)), 0, this.frame.count - 1); },
    pressed(event) {
      if (!this.frame || event.button) return;
      const handle = event.target.dataset.handle;
      const key = this.keyAt(event);
      // A handle moves its end of the selection, even past the other end.
      const fixed = handle ? this.keys()[handle === "from" ? 1 : 0] : null;
      this.drag = { x: event.clientX, isMoving: Boolean(handle), key, fixed };
      this.cursor = this.anchor = null;
      this.touched = key;
      this.$refs.plot.setPointerCapture(event.pointerId);
    },
    moved(event) {
      if (!this.frame) return;
      if (!this.drag) { if (event.pointerType !== "touch") this.point(this.keyAt(event)); return; }
      if (!this.drag.isMoving && Math.abs(event.clientX - this.drag.x) < DRAG) return;
      this.drag.isMoving = true;
      const { first, count } = this.frame, { fixed } = this.drag, key = this.keyAt(event);
      if (fixed === null) { this.stretchTo(Math.min(key, this.drag.key), Math.max(key, this.drag.key) + 1); return; }
      const border = first + clamp(Math.round(this.positionOf(event)), 0, count);
      if (border !== fixed) this.stretchTo(Math.min(border, fixed), Math.max(border, fixed));
    },
    released() {
      const { drag } = this;
      this.drag = null;
      if (drag?.isMoving && this.range) this.pick();
    },
    cancelled() {
      this.drag = this.tip = null;
      this.forget();
    },
    left() { if (!this.drag && this.cursor === null) this.tip = null; },
    // The ends of the selection as borders between bars.
    keys() {
      const { first, count } = this.frame, [from, to] = this.shown;
      const border = (percent) => first + Math.round((percent / 100) * count);
      return [Math.min(border(from), first + count - 1), Math.max(border(to), first + 1)];
    },
    stretchTo(from, to) {
      this.range = [from, to];
      this.showTip(from, to, from);
    },
    pick() {
      const [from, to] = this.range;
      const isOpen = this.frame.isLive && to > this.last();
      this.tip = null;
      if (this.cursor !== null) this.point(this.cursor);
      this.$emit("pick", [this.begin(from), isOpen ? null : this.begin(to)]);
    },
    clear() {
      this.forget();
      this.$emit("pick", null);
    },
    // Drop the range being dragged; if it was picked, it is the selection by now.
    forget() { this.range = null; },

    // -- keyboard
    keyed(event) {
      if (!this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
      const { first } = this.frame, last = this.last();
      const at = clamp(this.cursor ?? this.touched ?? last, first, last);
      const goals = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowDown: at - 1, ArrowUp: at + 1, PageDown: at - 10, PageUp: at + 10, Home: first, End: last };
      if (event.key in goals) this.goTo(clamp(goals[event.key], first, last), event.shiftKey);
      else if (event.key === "Enter") this.entered();
      else if (event.key === "Escape" && (this.drag || this.range || this.selection)) this.escaped();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    goTo(key, isStretching) {
      const from = this.anchor ?? this.cursor ?? this.touched ?? key;
      this.cursor = key;
      this.anchor = isStretching ? from : null;
      if (isStretching) this.stretchTo(Math.min(from, key), Math.max(from, key) + 1);
      else { this.forget(); this.point(key); }
    },
    entered() {
      if (!this.range) { if (this.cursor === null) return; this.range = [this.cursor, this.cursor + 1]; }
      this.anchor = null;
      this.pick();
    },
    escaped() {
      const isHalfway = this.drag || this.anchor !== null;
      this.drag = this.anchor = null;
      this.forget();
      if (!isHalfway) this.clear();
      if (this.cursor !== null) this.point(this.cursor);
    },
    focused() { if (this.frame && this.$refs.plot.matches(":focus-visible")) { this.cursor ??= this.last(); this.point(this.cursor); } },
    blurred() {
      if (this.anchor !== null) this.forget();
      this.anchor = this.cursor = null;
      if (!this.drag) this.tip = null;
    },
  },
  template: `
    <div :class="['lh-box', { 'is-waiting': !picture }]">
      <div class="lh-plot" ref="plot" role="slider" tabindex="0" :aria-label="words.title" aria-orientation="horizontal" aria-valuemin="1" :aria-valuemax="frame?.count || 1" :aria-valuenow="value || frame?.count || 1"
        :aria-valuetext="cursor !== null && tip ? tip.spoken : words.none" :aria-description="words.keys"
        @pointerdown="pressed" @pointermove="moved" @pointerup="released" @pointercancel="cancelled" @pointerleave="left" @dblclick="clear" @keydown="keyed" @focus="focused" @blur="blurred">
        <svg aria-hidden="true" width="100%" height="100%"><path ref="info" class="lv-info"/><path ref="success" class="lv-success"/><path ref="warning" class="lv-warning"/><path ref="error" class="lv-error"/></svg>
        <i v-if="cursor !== null && frame" class="lh-cursor" :style="{ left: (100 * (cursor - frame.first) / frame.count) + '%', width: (100 / frame.count) + '%' }"></i>
        <template v-if="shown">
          <i class="lh-mask" :style="{ left: 0, width: shown[0] + '%' }"></i><i class="lh-mask" :style="{ left: shown[1] + '%', right: 0 }"></i>
          <i class="lh-brush" :style="brushStyle"><b data-handle="from"></b><b data-handle="to"></b></i>
        </template>
        <div v-if="tip" :class="['lh-tip', tip.side]" :style="{ left: tip.left }" aria-hidden="true">
          <b class="sy-num">{{ tip.title }}</b>
          <span v-for="row in tip.rows" :key="row.group" :class="['sy-x', 'lv-' + row.group]"><svg class="sy-g sy-stg" viewBox="0 0 16 16"><use :href="glyph(row.group)"/></svg><span class="sy-num">{{ row.words }}</span></span>
          <span v-if="!tip.rows.length" class="sy-3">{{ words.empty }}</span>
        </div>
      </div>
      <div class="lh-axis sy-num" aria-hidden="true"><span v-for="mark in marks" :key="mark.key" :style="{ left: mark.left }">{{ mark.words }}</span><span v-if="frame?.isLive" class="is-now">{{ words.now }}</span></div>
    </div>`,
};
