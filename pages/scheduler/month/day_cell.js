// One day of the month, drawn from its picture; what has not changed is not touched. Text is never HTML.
const SPRITE = window.synapse.at("/static/synapse/icons.svg"), _ = window.synapse._;
export default {
  props: { picture: Object },
  computed: {
    p() {
      return this.picture || { day: "", number: "", label: "", name: "", tense: "future", chips: [], counts: [0, 0, 0], marks: [], crowd: [] };
    },
    words() {
      const { name, more } = this.p, many = (more ?? 0).toLocaleString(window.synapse.language());
      return {
        all: (/^\d+$/.test(this.p.number) ? "" : `${this.p.number}, `) + _("All of {day}", { day: name }),
        crowded: _("More runs at once than allowed: some will wait"),
        clocks: _("The clocks change on this day"),
        rest: _("{count} more, all of {day}", { count: many, day: name }),
        more: _("+{count} more", { count: many }),
        first: _("Plan your first run"),
      };
    },
    classes() {
      const p = this.p;
      return ["mo-cell", `is-${p.tense}`, { "is-out": p.is_out, "is-weekend": p.is_weekend }];
    },
  },
  methods: {
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
    place: (left, width) => ({ left: `${left}%`, width: `${width}%` }),
  },
  mounted() { window.synapseMonth?.ticked(); },
  updated() { window.synapseMonth?.ticked(); },
  template: `
    <div role="gridcell" :class="classes" :data-day="p.day" :aria-description="p.label" :aria-current="p.tense === 'today' ? 'date' : null">
      <header>
        <button type="button" class="mo-number" tabindex="-1" data-open-day :aria-label="words.all">{{ p.number }}</button>
        <span v-if="p.load" class="mo-hint is-load" :title="words.crowded"><svg class="sy-g" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph('warning')"/></svg>{{ p.load }}</span>
        <span v-if="p.clock" class="mo-hint" :title="words.clocks"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('clockback')"/></svg>{{ p.clock }}</span>
        <span v-if="p.counts[0]" class="mo-count is-ok">{{ p.counts[0] }}<svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('check')"/></svg></span>
        <span v-if="p.counts[1]" class="mo-count is-bad">{{ p.counts[1] }}<svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></span>
        <span v-if="p.counts[2]" class="mo-count is-missed">{{ p.missed }}</span>
      </header>
      <div class="mo-chips">
        <template v-if="p.is_waiting"><i v-for="n in 2" :key="n" class="mo-skeleton"></i></template>
        <button v-for="c in p.chips" :key="c.key" type="button" tabindex="-1" :class="['mo-chip', c.color, 'st-' + c.look]"
          :data-key="c.key" :data-time="c.time" :data-moves="c.is_movable ? '' : null" :draggable="c.is_movable ? 'true' : null" :aria-label="c.label" :title="c.tip"
          ><svg class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph(c.look)"/></svg><span class="t">{{ c.time }}</span>{{ " " }}<span class="n">{{ c.title }}</span><svg v-if="c.is_repeating" class="sy-ico rp" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('repeat')"/></svg></button>
        <button v-if="p.more > 0" key="more" type="button" class="mo-more" tabindex="-1" data-open-day :aria-label="words.rest">{{ words.more }}</button>
        <button v-if="p.invites" key="first" type="button" class="mo-first" tabindex="-1" data-plan>{{ words.first }}</button>
      </div>
      <div class="mo-strip" aria-hidden="true">
        <i v-for="(m, n) in p.marks" :key="n" :class="['st-' + m[2], { 'is-dim': m[3] }]" :style="place(m[0], m[1])"></i>
        <i v-for="(c, n) in p.crowd" :key="'c' + n" class="is-crowd" :style="place(c[0], c[1])"></i>
        <b v-if="p.lasts" :data-begins="p.begins" :data-lasts="p.lasts"></b>
      </div>
    </div>`,
};
