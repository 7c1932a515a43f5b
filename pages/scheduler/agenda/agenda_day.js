// One day of the agenda, drawn from its lines; what has not changed is not touched. Text is never HTML.
const SPRITE = "/static/synapse/icons.svg";
export default {
  props: { name: String, summary: String, zone: String, lines: Array },
  emits: ["opened", "fold", "more", "plan"],
  methods: {
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
  },
  template: `
    <section>
      <h2><b>{{ name }}</b><span>{{ summary }}</span></h2>
      <ul>
        <template v-for="l in lines" :key="l.key">
          <li v-if="l.kind === 'entry'"><button type="button" data-opens :class="['ag-row', l.color, 'st-' + l.look]" :aria-label="l.label" :title="l.tip || null" @click="$emit('opened', l.key)">
            <span class="at sy-num">{{ l.time }}</span><span class="bar"></span>
            <span class="words"><b class="sy-ell">{{ l.title }}</b><span class="sy-cap sy-ell"><span>{{ l.caption }}</span><template v-if="l.until"><span class="sy-num" :data-until="l.until"></span> left</template></span></span>
            <svg v-if="l.repeats" class="sy-ico rp" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('repeat')"/></svg>
            <svg class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph(l.look)"/></svg>
          </button></li>
          <li v-else-if="l.kind === 'now'" class="ag-now" aria-hidden="true"><span class="sy-num" :data-clock-in="zone">{{ l.time }}</span><i></i></li>
          <li v-else-if="l.kind === 'none'" class="ag-nothing"><span class="sy-grow sy-3">Nothing planned yet</span><button type="button" class="sy-btn is-ghost is-sm" aria-haspopup="dialog" @click="$emit('plan')"><span>Plan a run</span></button></li>
          <li v-else><button type="button" :class="['ag-fold', 'is-' + l.kind]" :aria-expanded="l.open ? 'true' : 'false'" @click="$emit(l.kind)">
            <svg v-if="l.kind === 'fold'" class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph('succeeded')"/></svg>
            <span class="sy-grow">{{ l.text }}</span><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('down')"/></svg>
          </button></li>
        </template>
      </ul>
    </section>`,
};
