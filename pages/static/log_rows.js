/* How one log line looks: its row, the rules above it, and its details when it is opened. Text is never HTML. */
(() => {
  'use strict';
  const LEVELS = ['debug', 'info', 'success', 'warning', 'error', 'critical'];
  const { _, _n, language } = window.synapse;
  const WORDS = [_('DEBUG'), _('INFO'), _('OK'), _('WARN'), _('ERROR'), _('CRIT')];
  const LOOKS = ['info', 'info', 'success', 'warning', 'error', 'error'];
  const two = (n) => String(n).padStart(2, '0');

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function use(kind, name) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', kind === 'g' ? '0 0 16 16' : '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    svg.setAttribute('class', kind === 'g' ? 'sy-g' : 'sy-ico');
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    shape.setAttribute('href', window.synapse.at(`/static/synapse/icons.svg#${kind}-${name}`));
    svg.append(shape);
    return svg;
  }
  // Wall times of the calendar's zone, see `wall` in synapse.js.
  const clock = (at) => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const millis = (at) => `.${String(at.getUTCMilliseconds()).padStart(3, '0')}`;

  /* `[first, count, last, milliseconds, level, source, run, text, kind, more, styles, marks]`, see `pages/logs/rows.py` */
  function rowOf(fields) {
    const [first, count, last, ms, level, source, run, text, kind, more, styles, marks] = fields;
    return { first, count, last, ms, level, source, run, text, kind, more, styles, marks, height: 0, element: null };
  }
  const isSame = (a, b) =>
    !a.kind && !b.kind && a.text === b.text && a.level === b.level && a.source === b.source && a.run === b.run && a.more === b.more;
  const lineText = (row) => {
    const at = synapse.wall(row.ms);
    const date = at.toISOString().slice(0, 10);
    const again = row.count > 1 ? ` ${_n('({count} time)', '({count} times)', row.count, { count: row.count })}` : '';
    return `${date} ${clock(at)}${millis(at)} ${WORDS[row.level].padEnd(5)} ${row.source} ${row.run ? `${row.run} ` : ''}${row.text}${again}`;
  };

  /* Text with styles and matches over it, as pieces between the borders of both. */
  function paint(cell, text, styles, marks) {
    if (!styles && !marks) { cell.textContent = text; return; }
    const borders = new Set([0, text.length]);
    for (const [start, end] of [...(styles || []), ...(marks || [])]) borders.add(Math.min(start, text.length)).add(Math.min(end, text.length));
    const places = [...borders].sort((a, b) => a - b);
    cell.replaceChildren();
    for (let i = 0; i + 1 < places.length; i++) {
      const [start, end] = [places[i], places[i + 1]];
      const isMarked = marks?.some((mark) => mark[0] <= start && end <= mark[1]);
      const style = styles?.find((one) => one[0] <= start && end <= one[1]);
      const piece = text.slice(start, end);
      if (!isMarked && !style) { cell.append(piece); continue; }
      cell.append(make(isMarked ? 'mark' : 'span', style ? style[2] : '', piece));
    }
  }

  /* The elements of a line, without text. */
  function line() {
    const shown = make('div', 'r');
    const time = make('span', 'tm');
    const [seconds, millis] = [make('b'), document.createTextNode('')];
    time.append(seconds, millis);
    const level = make('span', 'lv');
    const [glyph, word] = [use('g', 'info'), document.createTextNode('')];
    level.append(glyph, word);
    const message = make('span', 'msg');
    const [times, text, more] = [make('span', 'log-times sy-num'), make('span', 'txt'), make('span', 'log-more')];
    text.dir = 'ltr';
    message.append(times, text, more);
    const [source, run] = [make('span', 'src'), make('span', 'run')];
    for (const cell of [time, level, source, run, message]) { cell.setAttribute('role', 'gridcell'); shown.append(cell); }
    return { shown, time, seconds, millis, glyph: glyph.firstChild, word, source, run, times, text, more, look: 'info' };
  }
  function fill(parts, row, at) {
    const look = LOOKS[row.level];
    parts.shown.className = `r lv-${look}`;
    parts.shown.setAttribute('aria-rowindex', row.first);
    parts.seconds.textContent = clock(at);
    parts.millis.data = millis(at);
    if (parts.look !== look) { parts.look = look; parts.glyph.setAttribute('href', window.synapse.at(`/static/synapse/icons.svg#g-${look}`)); }
    parts.word.data = WORDS[row.level];
    parts.source.textContent = parts.source.title = row.source;
    parts.run.textContent = row.run;
    parts.times.textContent = row.count > 1 ? `×${row.count.toLocaleString(language()).replaceAll(',', '\u202f')}` : '';
    paint(parts.text, row.text, row.styles, row.marks);
    parts.more.textContent = row.more ? _n('+{count} line', '+{count} lines', row.more, { count: row.more }) : '';
    parts.more.classList.toggle('is-found', Boolean(row.marks && !row.marks.length));
  }
  function stepRule(row, at) {
    const shown = make('div', 'r log-rule st-running');
    const time = make('span', 'tm');
    time.append(make('b', '', clock(at)), millis(at));
    const label = make('b', '');
    paint(label, row.text, null, row.marks);
    shown.append(time, use('g', 'running'), label, make('i'), make('span', 'side', [row.run, row.more].filter(Boolean).join(' ')));
    for (const cell of shown.children) if (cell.tagName === 'SPAN' || cell.tagName === 'B') cell.setAttribute('role', 'gridcell');
    return shown;
  }
  function rule(className, words) {
    const shown = make('div', `log-rule ${className}`);
    shown.append(make('i'), make('span', '', words), make('i'));
    return shown;
  }
  function cutRule(cut) {
    const skew = synapse.now() - Date.now(); // the moments are of the browser's clock, which may be wrong
    const [from, to] = [synapse.wall(cut.at + skew), synapse.wall(cut.back + skew)];
    return rule('is-cut', _('No connection from {start} to {end}. Lines logged in between follow.', { start: clock(from), end: clock(to) }));
  }
  function drawDetail(row, about) {
    const box = make('div', `detail lv-${LOOKS[row.level]}`);
    box.setAttribute('role', 'row');
    const cell = make('div', 'in');
    cell.setAttribute('role', 'gridcell');
    box.append(cell);
    if (about.gone) { cell.append(make('p', 'sy-cap', _('This line has been cleared.'))); return box; }
    if (!about.facts) { cell.append(make('p', 'sy-cap', _('Loading…'))); return box; }
    if (about.text) cell.append(...messageOf(about));
    const facts = make('dl', 'kv');
    const last = clock(synapse.wall(row.until || row.ms));
    const times = row.count > 1 ? [[_('times'), _('{count}, last at {time}', { count: row.count, time: last })]] : [];
    for (const [name, value] of [...about.facts, ...times]) {
      const pair = make('div');
      pair.append(make('dt', '', name), make('dd', value.length > 80 || value.includes('\n') ? 'is-long' : '', value));
      facts.append(pair);
    }
    const acts = make('div', 'act');
    for (const [name, icon, words] of about.acts) {
      const press = button(name, `sy-btn is-sm${name === 'run' ? '' : ' is-ghost'}`);
      press.append(use('i', icon), make('span', '', words));
      acts.append(press);
    }
    if (row.count > 1) acts.append(button('unfold', 'sy-btn is-sm is-ghost', _('Show each')));
    cell.append(facts, acts);
    return box;
  }
  function button(act, className, words) {
    const press = make('button', className, words);
    press.type = 'button';
    press.dataset.act = act;
    return press;
  }
  /* The whole message; of a traceback only the last frame, with a button that shows the others. */
  function messageOf(about) {
    const text = make('pre', 'text');
    paint(text, about.text, about.styles, null);
    if (!about.hidden) return [text];
    const [start, end, words] = about.hidden;
    paint(text, about.text.slice(0, start), (about.styles || []).filter((one) => one[1] <= start), null);
    const rest = make('pre', 'text');
    paint(rest, about.text.slice(end), (about.styles || []).filter((one) => one[0] >= end).map(([a, b, c]) => [a - end, b - end, c]), null);
    return [text, button('unroll', 'log-unfold', words), rest];
  }

  /* Copy, even without a clipboard API, as over plain http from another machine. */
  function copyText(text) {
    if (navigator.clipboard) { navigator.clipboard.writeText(text); return; }
    const area = make('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }

  window.synapseRows = { LEVELS, clock, copyText, cutRule, drawDetail, fill, isSame, line, lineText, make, rowOf, rule, stepRule, use };
})();
