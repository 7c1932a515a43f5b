/* The week and the agenda: the line of now and running blocks move here, in the calendar's zone. */
(() => {
  'use strict';
  const HOUR_PIXELS = 44, SLOT_MINUTES = 30;
  const all = (selector) => document.querySelectorAll(selector);
  const now = () => window.synapse?.now?.() ?? Date.now();
  const two = (n) => String(n).padStart(2, '0');

  // The wall time of the calendar: the day as text, and minutes since midnight.
  function wall() {
    const at = window.synapse.wall(now());
    return { day: at.toISOString().slice(0, 10), minutes: at.getUTCHours() * 60 + at.getUTCMinutes() };
  }
  const clockOf = (minutes) => `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;

  function tick() {
    for (const view of all('[data-today][data-zone]')) {
      const { day, minutes } = wall();
      if (view.dataset.today !== day && view.turned !== day) {
        view.turned = day;
        view.dispatchEvent(new CustomEvent('dayturned'));
      }
      const line = view.querySelector('.wk-now');
      if (line && view.dataset.today === day && line.style.getPropertyValue('--at') !== String(minutes)) line.style.setProperty('--at', minutes);
    }
    for (const clock of all('[data-clock-in]')) {
      const text = clockOf(wall().minutes), node = clock.firstChild;
      if (node && node.data !== text) node.data = text;
    }
    for (const block of all('[data-stretch-from]')) {
      const minutes = Math.max(Number(block.dataset.stretchLeast), (now() - Number(block.dataset.stretchFrom)) / 60000);
      block.style.setProperty('--long', Math.min(minutes, Number(block.dataset.stretchMost)).toFixed(1));
    }
  }
  setInterval(tick, 1000);

  // -- where a click would plan an event
  let ghost = null;
  function hide() { if (ghost) ghost.hidden = true; ghost = null; }
  addEventListener('pointermove', (event) => {
    const column = event.target;
    if (event.pointerType !== 'mouse' || !column.classList?.contains('wk-col')) return hide();
    const view = column.closest('[data-zone]'), { day, minutes } = wall();
    let slot = Math.floor(event.offsetY * 60 / HOUR_PIXELS / SLOT_MINUTES) * SLOT_MINUTES;
    const passed = minutes - slot;
    if (column.dataset.day === day && passed >= 0 && passed < SLOT_MINUTES) slot += SLOT_MINUTES;
    if (column.dataset.day < day || (column.dataset.day === day && slot <= minutes) || slot >= 24 * 60) return hide();
    ghost = view.querySelector('.wk-ghost');
    const columns = [...view.querySelectorAll('.wk-col')];
    ghost.style.setProperty('--day', columns.indexOf(column));
    ghost.style.setProperty('--at', slot);
    ghost.textContent = window.synapse._('{time} new event', { time: clockOf(slot) });
    ghost.hidden = false;
  });

  // -- where a week is scrolled to at first
  const LEAST_PIXELS = 25, GAP_PIXELS = 4;
  /* No block is cut so far by the heads of the days that less than 24 px of it are left to press (WCAG 2.5.8). */
  function scroll(box, top) {
    box.scrollTop = top;
    const blocks = [...box.querySelectorAll('.wk-block')].map(({ offsetTop, offsetHeight }) => [offsetTop, offsetTop + offsetHeight]);
    for (let cut; (cut = blocks.find(([from, to]) => from < box.scrollTop && to > box.scrollTop && to < box.scrollTop + LEAST_PIXELS)); ) box.scrollTop = cut[0] - GAP_PIXELS;
  }
  // On a phone the heads are higher, and the box ends elsewhere.
  matchMedia('(max-width: 767px)').addEventListener('change', () => { for (const box of all('.wk-scroll')) scroll(box, box.scrollTop); });

  window.synapseWeek = {
    place(id, top, day) {
      const box = document.getElementById(id);
      if (!box) return;
      scroll(box, top);
      const columns = box.querySelectorAll('.wk-day');
      if (box.scrollWidth > box.clientWidth) box.scrollLeft = columns[day].offsetLeft - columns[0].offsetLeft;
    },
  };
})();
