// All of one day, beside its cell. `calendar.js` decides where it is placed and when it closes. Text is never HTML.
const SPRITE = window.synapse.at("/static/synapse/icons.svg"), _ = window.synapse._;
export default {
  props: { picture: Object },
  computed: {
    more() { return window.synapse._n("and {count} more", "and {count} more", this.picture.more); },
    words: () => ({
      close: _("Close (Esc)"),
      repeats: _("repeats"),
      about: _("What happened, and why"),
      run: _("Run now"),
      open: _("Open day"),
      plan: _("Event"),
    }),
  },
  methods: {
    why: (row) => _("Why? {time} {title}", { time: row.time, title: row.title }),
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
    send(name, detail) { this.$el.dispatchEvent(new CustomEvent(name, { detail })); },
    press(name) { this.send("pressed", name); if (name !== "retry") this.close(); },
    open(row) { if (row.folds) this.send("fold", row.key); else if (row.links) { this.send("entry", row.key); this.close(); } },
    about(row) { this.send("about", row.key); this.close(); },
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
          <button type="button" class="sy-btn is-ghost is-sm is-icon" :aria-label="words.close" :title="words.close" @click="close"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></button>
        </div>
        <ul v-if="picture.rows.length">
          <li v-for="r in picture.rows" :key="r.key" :class="[r.color, 'st-' + r.look]">
            <component :is="r.links || r.folds ? 'button' : 'span'" :type="r.links || r.folds ? 'button' : null" :data-opens="r.folds ? null : ''" :aria-expanded="r.folds ? String(r.open) : null" class="row" @click="open(r)">
              <svg class="sy-g sy-stg" viewBox="0 0 16 16" role="img" :aria-label="r.word"><use :href="glyph(r.look)"/></svg>
              <span class="sy-mono sy-num sy-2">{{ r.time }}</span><i class="sy-pdot"></i><span class="sy-ell title" :title="r.title">{{ r.title }}</span>
              <svg v-if="r.repeats" class="sy-ico sy-3 rp" viewBox="0 0 24 24" role="img" :aria-label="words.repeats"><use :href="icon('repeat')"/></svg>
              <span class="sy-cap sy-num note" :title="r.note">{{ r.note }}</span>
              <svg v-if="r.folds" class="sy-ico fold" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('down')"/></svg>
            </component>
            <button v-if="r.about" type="button" data-opens aria-haspopup="dialog" class="sy-btn is-ghost is-sm is-icon" :aria-label="why(r)" :title="words.about" @click="about(r)"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('info')"/></svg></button>
            <button v-if="r.runs" type="button" data-opens class="sy-btn is-sm" @click="send('runnow', r.key)">{{ words.run }}</button>
          </li>
        </ul>
        <p v-if="picture.more" class="sy-cap more">{{ more }}</p>
        <div class="foot">
          <button v-if="picture.retry" type="button" class="sy-btn is-sm" @click="press('retry')"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('retry')"/></svg>{{ picture.retry }}</button>
          <button type="button" class="sy-btn is-sm is-ghost" @click="press('open')">{{ words.open }}</button>
          <span class="sy-grow"></span>
          <button v-if="picture.plans" type="button" aria-haspopup="dialog" class="sy-btn is-sm is-ghost" @click="press('plan')"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('plus')"/></svg>{{ words.plan }}</button>
        </div>
      </template>
    </div>`,
};
