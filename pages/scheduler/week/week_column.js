// One day of the week, drawn from its blocks; what has not changed is not touched. Text is never HTML.
const SPRITE = window.synapse.at("/static/synapse/icons.svg");
export default {
  props: { blocks: Array },
  emits: ["pressed", "slot"],
  methods: {
    glyph: (name) => `${SPRITE}#g-${name}`,
    place: (b) => ({ "--top": b.top, "--long": b.long, "--lane": b.lane, "--span": b.span, "--lanes": b.lanes }),
    clicked(event) {
      const block = event.target.closest(".wk-block");
      // Elements with one of these attributes say themselves what they open.
      if (!event.target.closest("[data-opens], [aria-haspopup]") && !window.synapse.opens(block || this.$el)) return;
      if (block) this.$emit("pressed", block.dataset.key);
      else if (event.target === this.$el) this.$emit("slot", event.offsetY);
    },
  },
  template: `
    <div role="group" @click="clicked">
      <template v-for="b in blocks" :key="b.key">
        <button v-if="b.more" type="button" class="wk-block is-more" :style="place(b)" :data-key="b.key" :aria-label="b.label" :title="b.label" aria-haspopup="menu">+{{ b.more }}</button>
        <button v-else type="button" :class="['wk-block', b.classes]" :style="place(b)" :data-key="b.key" :aria-label="b.label" :title="b.label" :data-stretch-from="b.from" :data-stretch-least="b.least" :data-stretch-most="b.most"
          ><svg class="sy-g sy-stg" viewBox="0 0 16 16" aria-hidden="true"><use :href="glyph(b.look)"/></svg><span class="ct sy-num">{{ b.time }}<span v-if="b.length" class="cd">, {{ b.length }}</span></span>{{ " " }}<span class="cn">{{ b.title }}</span>{{ " " }}<span v-if="b.times" class="cx sy-num">{{ b.times }}</span><svg v-else-if="b.repeats" class="sy-ico rp" viewBox="0 0 24 24" aria-hidden="true"><use href="${SPRITE}#i-repeat"/></svg></button>
      </template>
    </div>`,
};
