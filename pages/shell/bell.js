// The bell and its list of alerts. Opens and closes here; buttons report to Python. Text is never HTML.
const SPRITE = window.synapse.at("/static/synapse/icons.svg"), QUIET_MS = 5000, TICK_MS = 15000, SETTLE_MS = 600;
const { _, _n, language } = window.synapse;
const WORDS = {
  alerts: _("Alerts"), bell: _("Alerts (B)"), allSeen: _("All seen"), mark: _("Mark all as seen"), clear: _("Clear"),
  close: _("Close (Esc)"), dismiss: _("Dismiss"), none: _("No alerts"), about: _("Failed runs, missed events and a full disk show up here."),
  desktop: _("Desktop notifications"),
};
export default {
  props: { unseen: Number, latest: Array, rows: Array, opening: Number },
  emits: ["opened", "closed", "help", "page", "looked", "dismiss", "seen", "clear"],
  data: () => ({ isOpen: false, openings: 0, now: 0, said: "", desktop: "off", opener: null, words: WORDS }),
  computed: {
    label() { return this.unseen ? _("Alerts, {count} unseen (B)", { count: this.unseen }) : WORDS.bell; },
    // Rows sent for an earlier opening would be replaced under the pointer a moment later.
    isShown() { return this.isOpen && this.rows && this.opening === this.openings; },
    badge() { return this.unseen > 99 ? "99+" : this.unseen || ""; },
    groups() {
      const fresh = this.rows.filter((row) => !row.seen), old = this.rows.filter((row) => row.seen);
      return [[_("Unseen"), fresh], [_("Seen"), old]].filter(([, rows]) => rows.length);
    },
    why() {
      return {
        on: _("The browser notifies you while no Synapse tab is visible."),
        off: _("The browser notifies you while no Synapse tab is visible."),
        denied: _("This browser blocks notifications from this address. Allow them next to the address bar, then switch this on."),
        none: _("This browser has no notifications for this address."),
      }[this.desktop];
    },
  },
  watch: {
    latest: { immediate: true, handler(latest, before) { this.arrived(latest || [], before); } },
    isOpen(isOpen) { document.documentElement.toggleAttribute("data-bell-open", isOpen); },
    unseen: { immediate: true, handler(count) { document.documentElement.toggleAttribute("data-unseen", count > 0); } },
  },
  methods: {
    glyph: (name) => `${SPRITE}#g-${name}`,
    icon: (name) => `${SPRITE}#i-${name}`,
    // -- new alerts: announced to screen readers now and then, and shown on the desktop
    arrived(latest, before) {
      window.synapseDesktop?.tell(latest, this.unseen);
      const known = new Set((before || latest).map((alert) => alert.id));
      if (latest[0] && !known.has(latest[0].id)) this.announce();
      this.look();
    },
    // With the page of a run in front, the person sees how it ends.
    look() {
      if (document.visibilityState !== "visible" || !window.synapse.here().startsWith("/runs/")) return;
      const here = (this.latest || []).find((alert) => alert.target === window.synapse.here());
      if (here) this.$nextTick(() => this.$emit("looked", here.id));
    },
    announce() {
      this.speaking ??= setTimeout(() => {
        this.speaking = null;
        this.spokeAt = Date.now();
        if (this.latest[0]) this.said = _("{title}. {count} unseen.", { title: this.latest[0].title, count: this.unseen });
      }, Math.max(0, (this.spokeAt || 0) + QUIET_MS - Date.now()));
    },
    // -- open and close
    asked(event) {
      if (event.detail === "open" && this.isOpen) return;
      if (this.isOpen) this.close();
      else this.open();
    },
    open() {
      const active = document.activeElement;
      this.opener = active && active !== document.body ? active : null;
      this.isOpen = true;
      window.synapse.opens(this.$refs.button);
      this.openedAt = performance.now();
      this.tick();
      this.desktop = window.synapseDesktop?.state() || "none";
      this.$emit("opened", ++this.openings);
    },
    close(back = true) {
      if (!this.isOpen) return;
      const held = this.$refs.pop?.contains(document.activeElement);
      this.isOpen = false;
      this.$emit("closed");
      if (back && held) (this.opener?.isConnected && this.opener.getClientRects().length ? this.opener : this.$refs.button).focus();
    },
    keyed(event) {
      if (event.key === "Escape" && !event.shiftKey) { event.stopPropagation(); this.close(); }
    },
    pressedOutside(event) { if (this.isOpen && !this.$el.contains(event.target)) this.close(false); },
    left(event) {
      if (!event.relatedTarget || this.$refs.pop.contains(event.relatedTarget)) return;
      // The menu it was opened from closes a moment later, and moves the focus back to its own button.
      if (performance.now() - this.openedAt < SETTLE_MS) requestAnimationFrame(() => this.$refs.pop?.focus());
      else this.close(false);
    },
    // -- rows
    tick() { this.now = window.synapse.now(); },
    ago(at) {
      const seconds = (this.now - at) / 1000, minutes = Math.floor(seconds / 60);
      if (minutes < 1) return _("just now");
      if (minutes < 60) return _("{count} min ago", { count: minutes });
      if (minutes < 1440) return _("{count} h ago", { count: Math.floor(minutes / 60) });
      return window.synapse.wall(at).toLocaleString(language(), { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
    },
    exactly: (at) => window.synapse.wall(at).toLocaleString(language(), { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" }),
    unseenWords() { return this.unseen ? _("{count} unseen", { count: this.unseen }) : this.rows.length ? WORDS.allSeen : ""; },
    times: (row) => _n("{count} time", "{count} times", row.count),
    first(row) { return _("First {time}", { time: this.exactly(row.first) }); },
    dismissWords: (row) => _("Dismiss: {title}", { title: row.title }),
    when(row) {
      const parts = [this.ago(row.at)];
      if (row.count > 1) parts.push(_("first {ago}", { ago: this.ago(row.first) }));
      if (row.over) parts.push(_("resolved {ago}", { ago: this.ago(row.over) }));
      return parts.join(", ");
    },
    help(row) { this.$emit("help", row.id); this.close(); },
    dismiss(event, row) {
      // The button is removed with its row, so the focus moves to the next one.
      const buttons = [...this.$refs.pop.querySelectorAll("[data-dismiss]")], at = buttons.indexOf(event.currentTarget);
      (buttons[at + 1] || buttons[at - 1] || this.$refs.pop).focus();
      this.$emit("dismiss", row.id);
    },
    async toggleDesktop() { this.desktop = await window.synapseDesktop.toggle(this.latest || []); },
    clicked(event) { this.close(false); this.$emit("page", event.detail); },
    refresh() { if (this.isOpen) this.desktop = window.synapseDesktop?.state() || "none"; },
  },
  mounted() {
    this.on = [
      [window, "synapse-bell", this.asked], [window, "synapse-alert", this.clicked], [window, "storage", this.refresh],
      [document, "pointerdown", this.pressedOutside], [document, "visibilitychange", this.look],
    ];
    for (const [target, name, does] of this.on) target.addEventListener(name, does);
    this.ticking = setInterval(() => { if (this.isOpen) this.tick(); }, TICK_MS);
  },
  updated() {
    const pop = this.$refs.pop;
    // When it opens, and when the pressed button was removed by that.
    if (pop && (!this.hadPop || document.activeElement === document.body)) pop.focus();
    this.hadPop = Boolean(pop);
  },
  unmounted() {
    for (const [target, name, does] of this.on) target.removeEventListener(name, does);
    document.documentElement.removeAttribute("data-bell-open");
    clearInterval(this.ticking);
    clearTimeout(this.speaking);
  },
  template: `
    <div class="bl-in">
      <button ref="button" type="button" class="sy-btn is-ghost is-icon bl-button" :aria-label="label" :title="words.bell" aria-haspopup="dialog" :aria-expanded="isOpen ? 'true' : 'false'" @click="asked" @unwanted.prevent="close()">
        <svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('bell')"/></svg>
        <span class="bl-count sy-num" aria-hidden="true">{{ badge }}</span>
      </button>
      <span class="sy-vh" role="status">{{ said }}</span>
      <div v-if="isShown" ref="pop" class="sy-pop bl-pop" role="dialog" :aria-label="words.alerts" tabindex="-1" @keydown="keyed" @focusout="left">
        <div class="head">
          <div class="sy-grow"><b>{{ words.alerts }}</b><span class="sy-cap sy-num">{{ unseenWords() }}</span></div>
          <button v-if="unseen" type="button" class="sy-btn is-ghost is-sm" @click="$emit('seen')">{{ words.mark }}</button>
          <button v-if="rows.length" type="button" class="sy-btn is-ghost is-sm" @click="$emit('clear')">{{ words.clear }}</button>
          <button type="button" class="sy-btn is-ghost is-sm is-icon" :aria-label="words.close" :title="words.close" @click="close()"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></button>
        </div>
        <div class="body">
          <template v-for="[name, list] in groups" :key="name">
            <h2 class="sy-cap">{{ name }}</h2>
            <ul :aria-label="name">
              <li v-for="r in list" :key="r.id" :class="['st-' + r.look, { 'is-seen': r.seen, 'is-over': r.over }]">
                <svg class="sy-g sy-stg" viewBox="0 0 16 16" role="img" :aria-label="r.word"><use :href="glyph(r.look)"/></svg>
                <div class="sy-grow">
                  <div class="sy-x"><b class="title">{{ r.title }}</b><span v-if="r.count > 1" class="sy-tag sy-num" :title="first(r)">{{ times(r) }}</span></div>
                  <p v-if="r.text" class="sy-cap text">{{ r.text }}</p>
                  <div class="sy-x foot">
                    <button type="button" class="sy-btn is-sm" @click="help(r)">{{ r.verb }}</button>
                    <span class="sy-cap sy-num" :title="exactly(r.at)">{{ when(r) }}</span>
                  </div>
                </div>
                <button type="button" class="sy-btn is-ghost is-sm is-icon" data-dismiss :aria-label="dismissWords(r)" :title="words.dismiss" @click="dismiss($event, r)"><svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('x')"/></svg></button>
              </li>
            </ul>
          </template>
          <div v-if="!rows.length" class="none">
            <svg class="sy-ico" viewBox="0 0 24 24" aria-hidden="true"><use :href="icon('bell')"/></svg>
            <b>{{ words.none }}</b><p class="sy-cap">{{ words.about }}</p>
          </div>
        </div>
        <div class="desk">
          <button type="button" role="switch" :aria-checked="desktop === 'on' ? 'true' : 'false'" :disabled="desktop === 'none'" aria-describedby="bl-why" @click="toggleDesktop"><span>{{ words.desktop }}</span><i class="sy-sw" :class="{ on: desktop === 'on' }" aria-hidden="true"></i></button>
          <p id="bl-why" class="sy-cap" role="status">{{ why }}</p>
        </div>
      </div>
    </div>`,
};
