// Reads feeds as Thunderbird and Nextcloud do: one JSON request per line in, one JSON answer per line out.
// Request: {"feed": "BEGIN:VCALENDAR...", "since": seconds, "until": seconds}. Answer: {"seen": [[uid, start, end,
// summary]...]} with Unix seconds, for starts in [since, until), or {"error": "..."}. Of free/busy times, asked for without
// a window: {"busy": [[type, start, end]...]} in the order in which they stand there.
import ICAL from "ical.js";
import { createInterface } from "node:readline";

const ENOUGH = 20000;

function expand(event, since, until, seen) {
  const dates = event.iterator();
  for (let count = 0, next = dates.next(); next && count < ENOUGH; next = dates.next(), count += 1) {
    const details = event.getOccurrenceDetails(next);
    add(details.item, details.startDate, details.endDate, since, until, seen);
    // Overrides may be moved into the window from outside of it, so look a month further.
    if (next.toUnixTime() > until + 31 * 86400) break;
  }
}

function add(item, start, end, since, until, seen) {
  const status = item.component.getFirstPropertyValue("status");
  const begin = start.toUnixTime();
  if (status === "CANCELLED" || begin < since || begin >= until) return;
  seen.push([item.uid, begin, end.toUnixTime(), item.summary]);
}

function read({ feed, since, until }) {
  const calendar = new ICAL.Component(ICAL.parse(feed));
  if (since === undefined) return { busy: busy(calendar) };
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
  const components = calendar.getAllSubcomponents("vevent");
  const events = components.map((one) => new ICAL.Event(one, { strictExceptions: true, exceptions: [] }));
  const masters = new Map(events.filter((one) => !one.isRecurrenceException()).map((one) => [one.uid, one]));
  for (const one of events.filter((other) => other.isRecurrenceException())) masters.get(one.uid).relateException(one);
  const seen = [];
  for (const event of masters.values()) {
    if (event.isRecurring()) expand(event, since, until, seen);
    else add(event, event.startDate, event.endDate, since, until, seen);
  }
  return { seen };
}

function busy(calendar) {
  const properties = calendar.getAllSubcomponents("vfreebusy").flatMap((one) => one.getAllProperties("freebusy"));
  const told = (one, period) => [
    one.getParameter("fbtype"), period.start.toUnixTime(), period.getEnd().toUnixTime(),
  ];
  return properties.flatMap((one) => one.getValues().map((period) => told(one, period)));
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = read(JSON.parse(line));
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
