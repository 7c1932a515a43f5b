// One day of the month, drawn from its picture; what has not changed is not touched. Text is never HTML.
const SPRITE = "/static/synapse/icons.svg";
export default {
  props: { picture: Object },
  computed: {
    p() {
      return this.picture || { day: "", number: "", label: "", tense: "future", chips: [], counts: [0, 0, 0], marks: [], crowd: [] };
    },
    name() { return this.p.label.split(",")[0]; },
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
    <div role="gridcell" :class="classes" :data-day="p.day" :aria-label="p.label" :aria-current="p.tense === 'today' ? 'date' : null">
      <header>
        <button type="button" class="mo-number" tabindex="-1" data-open-day :aria-label="'All of ' + name">{{ p.number }}</button>
        <span v-if="p.load" class="mo-hint is-load" title="More runs at once than allowed: some will wait"><svg class="sy-g" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph('warning')"/></svg>{{ p.load }}</span>
        <span v-if="p.clock" class="mo-hint" title="The clocks change on this day"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('clockback')"/></svg>{{ p.clock }}</span>
        <span v-if="p.counts[0]" class="mo-count is-ok">{{ p.counts[0] }}<svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('check')"/></svg></span>
        <span v-if="p.counts[1]" class="mo-count is-bad">{{ p.counts[1] }}<svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></span>
        <span v-if="p.counts[2]" class="mo-count is-missed">{{ p.counts[2] }} missed</span>
      </header>
      <div class="mo-chips">
        <template v-if="p.is_waiting"><i v-for="n in 2" :key="n" class="mo-skeleton"></i></template>
        <button v-for="c in p.chips" :key="c.key" type="button" tabindex="-1" :class="['mo-chip', c.color, 'st-' + c.look]"
          :data-key="c.key" :data-time="c.time" :data-moves="c.is_movable ? '' : null" :draggable="c.is_movable ? 'true' : null" :aria-label="c.label" :title="c.tip"
          ><svg class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph(c.look)"/></svg><span class="t">{{ c.time }}</span><span class="n">{{ c.title }}</span><svg v-if="c.is_repeating" class="sy-ico rp" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('repeat')"/></svg></button>
        <button v-if="p.more > 0" key="more" type="button" class="mo-more" tabindex="-1" data-open-day :aria-label="p.more + ' more, all of ' + name">+{{ p.more }} more</button>
        <button v-if="p.invites" key="first" type="button" class="mo-first" tabindex="-1" data-plan>Plan your first run</button>
      </div>
      <div class="mo-strip" aria-hidden="true">
        <i v-for="(m, n) in p.marks" :key="n" :class="['st-' + m[2], { 'is-dim': m[3] }]" :style="place(m[0], m[1])"></i>
        <i v-for="(c, n) in p.crowd" :key="'c' + n" class="is-crowd" :style="place(c[0], c[1])"></i>
        <b v-if="p.lasts" :data-begins="p.begins" :data-lasts="p.lasts"></b>
      </div>
    </div>`,
};
