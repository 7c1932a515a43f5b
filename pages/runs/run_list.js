// The frame of the list of runs, and the way for Python to the script that draws it: `static/run_list.js`.
const { _ } = window.synapse;
export default {
  props: { label: String },
  mounted() { this.list = new window.synapseRunList(this.$el, (name, value) => this.$emit(name, value)); },
  beforeUnmount() { this.list.end(); },
  data: () => ({
    words: {
      all: _("Select all that fit"), select: _("Select all"), state: _("State"), run: synapse._p("noun", "Run"), about: _("About"), took: _("Took"),
      started: _("Started"), above: _("New runs above"),
    },
  }),
  methods: {
    call(method, ...values) { this.list[method](...values); },
    // The rows as plain values, for tests and benchmarks.
    rows() { return this.list.rows.map(({ data }) => data); },
  },
  template: `
    <div class="runs-list" role="grid" :aria-label="label" aria-multiselectable="true" aria-rowcount="-1">
      <div class="runs-head" role="row">
        <span role="columnheader"><label class="tick"><input type="checkbox" :aria-label="words.all"><span class="words">{{ words.select }}</span></label></span>
        <span class="cell"><span role="columnheader"><span class="sy-vh">{{ words.state }}</span></span><span role="columnheader">{{ words.run }}</span><span role="columnheader">{{ words.about }}</span><span role="columnheader">{{ words.state }}</span><span role="columnheader">{{ words.took }}</span><span role="columnheader">{{ words.started }}</span></span>
      </div>
      <button type="button" class="runs-above sy-btn is-sm" hidden>{{ words.above }}</button>
      <div class="log-port" role="rowgroup" tabindex="0" :aria-label="label"><div class="log-space"><div class="log-rows"></div><div class="log-live"></div></div></div>
    </div>`,
};
