// One day of the agenda, drawn from its lines; what has not changed is not touched. Text is never HTML.
const SPRITE = window.synapse.at("/static/synapse/icons.svg"), _ = window.synapse._;
export default {
  props: { name: String, summary: String, zone: String, lines: Array },
  emits: ["opened", "about", "fold", "more", "plan"],
  computed: {
    words: () => ({
      about: _("What happened, and why"),
      none: _("Nothing planned yet"),
      plan: _("Plan a run"),
    }),
  },
  methods: {
    why: (line) => _("Why? {time} {title}", { time: line.time, title: line.title }),
    // Around the time that ticks.
    left: (line) => _("{step}, {time} left", { step: line.caption }).split("{time}"),
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
  },
  template: `
    <section>
      <h2><b>{{ name }}</b><span>{{ summary }}</span></h2>
      <ul>
        <template v-for="l in lines" :key="l.key">
          <li v-if="l.kind === 'entry'" :class="{ 'has-about': l.about }"><button type="button" data-opens :class="['ag-row', l.color, 'st-' + l.look]" :aria-label="l.until ? null : l.label" :title="l.tip || null" @click="$emit('opened', l.key)">
            <span class="at sy-num">{{ l.time }}</span>{{ " " }}<span class="bar"></span>
            <span class="words"><b class="sy-ell">{{ l.title }}</b>{{ " " }}<span class="sy-cap sy-ell"><template v-if="l.until"><span>{{ left(l)[0] }}</span><span class="sy-num" :data-until="l.until"></span>{{ left(l)[1] }}</template><span v-else>{{ l.caption }}</span></span></span>
            <svg v-if="l.repeats" class="sy-ico rp" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('repeat')"/></svg>
            <svg class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph(l.look)"/></svg>
          </button><button v-if="l.about" type="button" data-opens aria-haspopup="dialog" class="sy-btn is-ghost is-sm is-icon ag-about" :aria-label="why(l)" :title="words.about" @click="$emit('about', l.key)"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('info')"/></svg></button></li>
          <li v-else-if="l.kind === 'now'" class="ag-now" aria-hidden="true"><span class="sy-num" :data-clock-in="zone">{{ l.time }}</span><i></i></li>
          <li v-else-if="l.kind === 'none'" class="ag-nothing"><span class="sy-grow sy-3">{{ words.none }}</span><button type="button" class="sy-btn is-ghost is-sm" aria-haspopup="dialog" @click="$emit('plan')"><span>{{ words.plan }}</span></button></li>
          <li v-else><button type="button" :class="['ag-fold', 'is-' + l.kind]" :aria-expanded="l.open ? 'true' : 'false'" @click="$emit(l.kind)">
            <svg v-if="l.kind === 'fold'" class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph('succeeded')"/></svg>
            <span class="sy-grow">{{ l.text }}</span><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('down')"/></svg>
          </button></li>
        </template>
      </ul>
    </section>`,
};
