// Reads calendar files with ical.js, rrule.js and rrule-temporal.
// In: [{text, start, end, readers}], instants in ms. Out: for each, {reader: [instants in ms] or a sentence}.
// In: [{text, end, titled: true}]. Out: for each, [[title, start]] by ical.js, or a sentence. Starts are of ISO 8601,
// without an offset if they belong to no zone. Zones that the file does not describe are those of the system.
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import rrule from 'rrule';
import { RRuleTemporal } from 'rrule-temporal';

const MOST = 200_000;

/** Yields each event with the times at which it starts; those that replace others come with the series, too. */
function* startsByIcal(root, end) {
  for (const zone of root.getAllSubcomponents('vtimezone')) ICAL.TimezoneService.register(zone);
  try {
    yield* startsOf(root.getAllSubcomponents('vevent').map((part) => new ICAL.Event(part)), end);
  } finally {
    ICAL.TimezoneService.reset(); // the next file has zones of its own
  }
}

function* startsOf(events, end) {
  for (const event of events.filter((one) => one.isRecurrenceException()))
    events.find((one) => one.uid === event.uid && !one.isRecurrenceException())?.relateException(event);
  const related = new Set(events.flatMap((one) => Object.values(one.exceptions)));
  for (const event of events) {
    if (event.isRecurrenceException()) {
      if (!related.has(event)) yield [event, event.startDate];
    } else if (!event.isRecurring()) yield [event, event.startDate];
    else {
      const steps = event.iterator();
      for (let at, left = MOST; left-- && (at = steps.next());) {
        const { item, startDate } = event.getOccurrenceDetails(at);
        yield [item, startDate];
        if (at.toJSDate().getTime() > end + 86_400_000) break;
      }
      // Replacements of occurrences beyond the span may lie within it.
      for (const other of Object.values(event.exceptions)) yield [other, other.startDate];
    }
  }
}

function* byIcal(root, start, end) {
  for (const [, at] of startsByIcal(root, end)) yield at.toJSDate().getTime();
}

/** A zone of the system, for files that do not describe it. */
class SystemZone extends ICAL.Timezone {
  utcOffset({ year, month, day, hour, minute, second }) {
    const wall = Date.UTC(year, month - 1, day, hour, minute, second);
    return (wall - zoned(stamp(wall), this.tzid)) / 1000;
  }
}

/** Dates are days without a time; the 30th of February, which ical.js takes, is a day of March. */
const wallOf = ({ year, month, day, hour, minute, second, isDate }) =>
  new Date(Date.UTC(year, month - 1, day, hour, minute, second)).toISOString().slice(0, isDate ? 10 : 19);

function titledByIcal(text, end) {
  const found = new Map();
  const parsed = ICAL.parse(text);
  for (const part of typeof parsed[0] === 'string' ? [parsed] : parsed) {
    const names = [...text.matchAll(/;TZID=([^:;"\r\n]+)/g)].map((match) => match[1]);
    for (const name of names.filter(isZone)) ICAL.TimezoneService.register(new SystemZone({ tzid: name }));
    for (const [event, at] of startsByIcal(new ICAL.Component(part), end)) {
      const start = at.zone === ICAL.Timezone.localTimezone ? wallOf(at) : at.toJSDate().toISOString();
      const isCancelled = event.component.getFirstPropertyValue('status') === 'CANCELLED';
      if (!isCancelled) found.set(`${event.summary} ${start}`, [event.summary, start]);
    }
  }
  return [...found.values()];
}

/** Splits an event into the lines that libraries of rules read. */
function linesOf(event) {
  const names = ['DTSTART', 'RRULE', 'RDATE', 'EXDATE'];
  return event.filter((line) => names.includes(line.split(/[;:]/)[0]));
}

const zoned = (wall, zone) => {
  const [, year, month, day, hour, minute, second] = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/.exec(wall).map(Number);
  const goal = Date.UTC(year, month - 1, day, hour, minute, second);
  if (zone === 'UTC') return goal;
  const offsets = [goal - 86_400_000, goal + 86_400_000].map((at) => offsetAt(at, zone));
  const fitting = offsets.map((offset) => goal - offset).filter((at) => at + offsetAt(at, zone) === goal);
  return fitting.length ? Math.min(...fitting) : goal - offsets[0];
};
const formats = new Map();
const offsetAt = (at, zone) => {
  if (!formats.has(zone)) {
    const options = { timeZone: zone, hourCycle: 'h23', dateStyle: 'short', timeStyle: 'medium' };
    formats.set(zone, new Intl.DateTimeFormat('sv', options));
  }
  return Date.parse(`${formats.get(zone).format(at).replace(' ', 'T')}Z`) - at;
};
const isZone = (name) => {
  try {
    return Boolean(new Intl.DateTimeFormat('sv', { timeZone: name }));
  } catch {
    return false;
  }
};
const wallAt = (at, zone) => at + offsetAt(at, zone);
const stamp = (at) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');

const momentsOf = (line) => {
  const zone = /;TZID=([^:;]+)/.exec(line)?.[1] ?? 'UTC';
  return line.slice(line.indexOf(':') + 1).split(',').map((text) => zoned(text, zone));
};

/** rrule.js counts in one clock: the wall's. UNTIL is passed on as it is written. */
function byRrule(lines, start, end) {
  const zone = /;TZID=([^:;]+)/.exec(lines.find((line) => line.startsWith('DTSTART')))?.[1] ?? 'UTC';
  const walls = lines.map((line) => {
    if (line.startsWith('RRULE')) return line;
    if (line.includes(`;TZID=${zone}:`) && !line.startsWith('DTSTART'))
      return `${line.split(';')[0]}:${line.slice(line.indexOf(':') + 1).replace(/(?=,|$)/g, 'Z')}`;
    const texts = momentsOf(line).map((at) => stamp(wallAt(at, zone)));
    if (line.startsWith('DTSTART')) return `DTSTART:${line.slice(line.indexOf(':') + 1).replace('Z', '')}Z`;
    return `${line.split(/[;:]/)[0]}:${texts.join(',')}`;
  });
  const set = rrule.rrulestr(walls.join('\n'), { forceset: true });
  const found = set.between(new Date(start - 86_400_000), new Date(end + 86_400_000), true);
  return found.map((wall) => zoned(stamp(wall.getTime()), zone));
}

function byTemporal(lines, start, end) {
  const rule = new RRuleTemporal({ rruleString: lines.join('\n') });
  return rule.between(new Date(start), new Date(end), true).map((at) => at.epochMilliseconds);
}

function bySet(read) {
  return function* (events, start, end) {
    const replaced = new Map();
    for (const event of events) {
      const id = event.find((line) => line.startsWith('RECURRENCE-ID'));
      const uid = event.find((line) => line.startsWith('UID'));
      if (id) replaced.set(uid, [...(replaced.get(uid) ?? []), momentsOf(id)[0]]);
    }
    for (const event of events) {
      const id = event.find((line) => line.startsWith('RECURRENCE-ID'));
      const uid = event.find((line) => line.startsWith('UID'));
      const lines = linesOf(event);
      if (id || !lines.some((line) => line.startsWith('RRULE')))
        yield* momentsOf(lines.find((line) => line.startsWith('DTSTART')));
      else yield* read(lines, start, end).filter((at) => !replaced.get(uid)?.includes(at));
    }
  };
}

function eventsOf(text) {
  const events = [];
  for (const line of text.replace(/\r?\n[ \t]/g, '').split(/\r?\n/)) {
    if (line === 'BEGIN:VEVENT') events.push([]);
    else events.at(-1)?.push(line);
  }
  return events;
}

const readers = {
  'ical.js': ({ text, start, end }) => byIcal(new ICAL.Component(ICAL.parse(text)), start, end),
  'rrule.js': ({ text, start, end }) => bySet(byRrule)(eventsOf(text), start, end),
  'rrule-temporal': ({ text, start, end }) => bySet(byTemporal)(eventsOf(text), start, end),
};

const attempt = (read) => {
  try {
    return read();
  } catch (error) {
    return String(error);
  }
};

const instantsOf = (read, job) => {
  const found = [...read(job)].filter((at) => job.start <= at && at < job.end);
  return [...new Set(found)].sort((one, two) => one - two);
};

const jobs = JSON.parse(readFileSync(0, 'utf8'));
const answers = jobs.map((job) => {
  if (job.titled) return attempt(() => titledByIcal(job.text, job.end));
  return Object.fromEntries(job.readers.map((name) => [name, attempt(() => instantsOf(readers[name], job))]));
});
process.stdout.write(JSON.stringify(answers));
