// The frame of the month; after each change the browser restores the focus in it, see `calendar.js`.
export default {
  props: { tag: { type: String, default: "div" } },
  template: `<component :is="tag"><slot></slot></component>`,
  mounted() { window.synapseMonth.attach(this.$el); },
  updated() { window.synapseMonth.settle(this.$el); },
  unmounted() { window.synapseMonth.detach(this.$el); },
};
