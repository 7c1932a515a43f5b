// One run in the list of runs, a link to its page. Text is never HTML.
const SPRITE = "/static/synapse/icons.svg";
export default {
  props: { run: Object },
  methods: { glyph: (name) => `${SPRITE}#g-${name}` },
  template: `
    <li><a :class="['runs-row', 'st-' + run.look]" :href="run.href" :aria-label="run.label">
      <svg class="sy-g sy-stg" style="width:14px;height:14px" viewBox="0 0 16 16" role="img" :aria-label="run.word"><use :href="glyph(run.look)"/></svg>
      <span class="sy-num sy-2">{{ run.number }}</span>
      <span class="about"><b class="sy-ell">{{ run.title }}</b><span :class="['sy-x', 'sy-cap', run.color]"><i class="sy-pdot"></i><span class="sy-ell">{{ run.facts }}</span></span></span>
      <span class="state"><span class="sy-ell" :title="run.state">{{ run.state }}</span><span class="sy-track" role="progressbar" :hidden="run.percent === null" :aria-valuenow="run.percent === null ? null : run.percent.toFixed(0)"><i :style="{ width: (run.percent || 0) + '%' }"></i></span></span>
      <span class="sy-num sy-2 took" :data-since="run.since">{{ run.took }}</span>
      <span class="sy-cap sy-num when">{{ run.when }}</span>
    </a></li>`,
};
