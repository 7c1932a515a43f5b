// The frame of the log lines, and the way for Python to the script that draws them: `log_lines.js`.
export default {
  props: { label: String, hasRun: Boolean, follows: Boolean },
  mounted() { this.lines = new window.synapseLines.LogLines(this.$el, (name, value) => this.$emit(name, value), this.follows); },
  beforeUnmount() { this.lines.end(); },
  computed: {
    heads: () => [["", synapse._("Time")], ["", synapse._("Level")], ["", synapse._("Source")], ["run", synapse._p("noun", "Run")], ["", synapse._("Message")]],
  },
  methods: {
    call(method, ...values) { return this.lines[method](...values); },
    live() { return this.lines.live.map(({ id, source, run, text }) => ({ id, source, run, text })); },
    // All rows as plain values, for tests and benchmarks.
    rows() { return this.lines.rows.map(({ first, count, last, level, source, run, text, kind }) => ({ first, count, last, level: window.synapseLines.LEVELS[level], source, run, text, kind })); },
  },
  template: `
    <div :class="['log-lines', 'sy-log', { 'has-run': hasRun }]" role="treegrid" :aria-label="label" aria-rowcount="-1">
      <div class="r hd" role="row"><span v-for="[look, words] in heads" role="columnheader" :class="look || null">{{ words }}</span></div>
      <div class="log-port" role="rowgroup" tabindex="0"><div class="log-space"><div class="log-rows"></div><div class="log-live"></div></div></div>
    </div>`,
};
