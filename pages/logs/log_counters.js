// The row of counters: Alt with a digit presses one from anywhere on the page. Reports whether the tab is visible.
export default {
  emits: ["all", "looking"],
  mounted() {
    this.listeners = new AbortController();
    const options = { signal: this.listeners.signal };
    addEventListener("keydown", (event) => this.pressed(event), options);
    document.addEventListener("visibilitychange", () => this.$emit("looking", !document.hidden), options);
    if (document.hidden) this.$emit("looking", false);
  },
  unmounted() { this.listeners.abort(); },
  methods: {
    pressed(event) {
      const isAll = window.synapse.isKey(event, "all-levels");
      if (!isAll && !window.synapse.isKey(event, "level") || event.repeat) return;
      if (window.synapse.openDialog() || window.synapse.openMenu()) return;
      event.preventDefault();
      if (isAll) this.$emit("all", true);
      else this.$el.children[window.synapse.comboOf(event).at(-1) - 1]?.click();
    },
  },
  template: `<div role="group"><slot></slot></div>`,
};
