// All of one day, beside its cell. `calendar.js` decides where it is placed and when it closes. Text is never HTML.
const SPRITE = "/static/synapse/icons.svg";
export default {
  props: { picture: Object },
  methods: {
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
    send(name, detail) { this.$el.dispatchEvent(new CustomEvent(name, { detail })); },
    press(name) { this.send("pressed", name); if (name !== "retry") this.close(); },
    open(row) { if (row.links) { this.send("entry", row.key); this.close(); } },
    close() { window.synapseMonth.close(); },
  },
  mounted() { window.synapseMonth.frame(this.$el.parentElement); },
  updated() { if (this.picture) window.synapseMonth.open(this.$el, this.picture.day); },
  unmounted() { window.synapseMonth.close({ back: false }); },
  template: `
    <div class="sy-pop mo-pop" role="dialog" tabindex="-1" :aria-label="picture?.title">
      <template v-if="picture">
        <div class="head">
          <div><b>{{ picture.title }}</b><span class="sy-cap">{{ picture.caption }}</span></div>
          <button type="button" class="sy-btn is-ghost is-sm is-icon" aria-label="Close (Esc)" title="Close (Esc)" @click="close"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></button>
        </div>
        <ul v-if="picture.rows.length">
          <li v-for="r in picture.rows" :key="r.key" :class="[r.color, 'st-' + r.look]">
            <component :is="r.links ? 'button' : 'span'" :type="r.links ? 'button' : null" data-opens class="row" @click="open(r)">
              <svg class="sy-g sy-stg" viewBox="0 0 16 16" role="img" :aria-label="r.word"><use :href="glyph(r.look)"/></svg>
              <span class="sy-mono sy-num sy-2">{{ r.time }}</span><i class="sy-pdot"></i><span class="sy-ell title" :title="r.title">{{ r.title }}</span>
              <svg v-if="r.repeats" class="sy-ico sy-3 rp" viewBox="0 0 24 24" role="img" aria-label="repeats"><use :href="icon('repeat')"/></svg>
              <span class="sy-cap sy-num note" :title="r.note">{{ r.note }}</span>
            </component>
            <button v-if="r.runs" type="button" data-opens class="sy-btn is-sm" @click="send('runnow', r.key)">Run now</button>
          </li>
        </ul>
        <p v-if="picture.more" class="sy-cap more">and {{ picture.more }} more</p>
        <div class="foot">
          <button v-if="picture.retry" type="button" class="sy-btn is-sm" @click="press('retry')"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('retry')"/></svg>{{ picture.retry }}</button>
          <button type="button" class="sy-btn is-sm is-ghost" @click="press('open')">Open day</button>
          <span class="sy-grow"></span>
          <button v-if="picture.plans" type="button" aria-haspopup="dialog" class="sy-btn is-sm is-ghost" @click="press('plan')"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('plus')"/></svg>Event</button>
        </div>
      </template>
    </div>`,
};
