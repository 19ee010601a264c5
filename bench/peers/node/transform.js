// firehose-transform in the style of the AWS blueprints: a handler over decoded records.
//
// It gives the same documents as the real function, with what JavaScript's numbers cost: 1.50
// becomes 1.5, and integers beyond 2^53 are rounded.
"use strict";

const { createHash } = require("node:crypto");

const MAX_PAYLOAD_BYTES = 1048576;
const MAX_LEVELS = 128;
const EXTRA_MAX_BYTES = 16384;
const MAX_PATH_BYTES = 512;
const MAX_ID_BYTES = 512;
const MAX_AHEAD_S = 86400;

// Times are seconds and nanoseconds since 1970: as one number they would not be exact.
const EARLIEST = { seconds: 946684800, nanos: 0 };
// The end of OpenSearch's date_nanos.
const LAST = { seconds: 9223372036, nanos: 854775807 };

const FIELDS = [
  ["event", "id", "event_id eventId id"],
  ["event", "action", "event_type eventType action type"],
  ["artist", "id", "artist.id artist_id artistId"],
  ["artist", "name", "artist.name artist_name artistName artist"],
  ["artist", "genre", "artist.genre artist.genres genre"],
  ["song", "id", "song.id track.id song_id track_id songId trackId"],
  ["song", "title", "song.title track.title song_title track_title title song track"],
  ["song", "duration_ms", "song.duration_ms track.duration_ms duration_ms"],
  ["song", "album", "song.album track.album album"],
  ["interaction", "user_id", "user.id user_id userId user"],
  ["interaction", "country", "user.country country"],
  ["interaction", "device", "user.device device"],
  ["interaction", "session_id", "session_id sessionId"],
  ["interaction", "listened_ms", "listened_ms listenedMs play_duration_ms"],
  ["interaction", "position_ms", "position_ms"],
  ["interaction", "shuffle", "shuffle"],
].map(([group, name, paths]) => ({
  group,
  name,
  accepts: group === "event" && name === "id" ? isEventId : isPlain,
  paths: paths.split(" ").map((path) => path.split(".")),
}));
const TIMESTAMPS = [
  "@timestamp",
  "timestamp",
  "event_time",
  "eventTime",
  "occurred_at",
  "time",
  "ts",
  "created_at",
];
const GROUPS = ["artist", "song", "track", "user"];

// The names that the mapping looks at, at the top and in each group.
const PATHS = FIELDS.flatMap((field) => field.paths);
const TOP = new Set(PATHS.filter((path) => path.length === 1).flat().concat(TIMESTAMPS));
const NESTED = new Map(
  GROUPS.map((group) => [
    group,
    new Set(PATHS.filter((path) => path.length === 2 && path[0] === group).map((path) => path[1])),
  ]),
);

// The offset is that of RFC 3339, or a form near it; a time zone's name may follow.
const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?(?:[Zz]|([+-](?:[01]\d|2[0-3]))(?::?([0-5]\d))?)(?:\[[\w\/+-]+\])?| UTC| GMT)?)?$/;
// Of HTTP and e-mail, and of web server logs.
const DATE =
  /^(?:[A-Z][a-z]{2}, )?(\d\d?)[ /]([A-Z][a-z]{2})[ /](\d{4})[ :](\d\d:\d\d:\d\d (?:[+-]\d{4}|GMT))$/;
const NET = /^\/Date\((\d{1,15})\)\/$/;

// Removes a byte order mark, too.
const utf8 = new TextDecoder("utf-8", { fatal: true });

exports.handler = async function handler(event) {
  const now = fromMillis(Date.now());
  return { records: event.records.map((record) => transform(record, now)) };
};

function transform(record, now) {
  const { recordId, data } = record;
  try {
    const payload = Buffer.from(data || "", "base64");
    // Node skips what is not base64; the length tells.
    if (payload.length > MAX_PAYLOAD_BYTES || payload.length !== decodedLength(data || "")) {
      return { recordId, result: "ProcessingFailed", data };
    }
    const text = utf8.decode(payload).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
    if (text === "") {
      return { recordId, result: "Dropped", data: "" };
    }
    const document = toDocument(text, arrivalOf(record), now);
    return { recordId, result: "Ok", data: Buffer.from(JSON.stringify(document)).toString("base64") };
  } catch {
    return { recordId, result: "ProcessingFailed", data };
  }
}

function decodedLength(data) {
  const padding = data.endsWith("==") ? 2 : data.endsWith("=") ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}

// As Firehose gives it: a number, or a text of digits; else nothing.
function arrivalOf({ approximateArrivalTimestamp: arrival }) {
  if (typeof arrival === "number") {
    return String(arrival);
  }
  return typeof arrival === "string" && /^\d+$/.test(arrival) ? arrival : "";
}

function toDocument(text, arrival, now) {
  const event = JSON.parse(text);
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw new Error("not_an_object");
  }
  delete event.__sluice_reingests;
  delete event.__sluice_arrival;

  const { time, source } = eventTime(event, arrival, now);
  const document = { "@timestamp": formatTime(time), event: {} };
  for (const { group, name, accepts, paths } of FIELDS) {
    const value = claim(event, paths, accepts);
    if (value !== undefined) {
      (document[group] ??= {})[name] = value;
    }
  }
  document.event.id ??= createHash("sha256").update(text + arrival).digest("hex").slice(0, 32);
  document.event.id = String(document.event.id);
  document.event.ingested = formatTime(now);
  if (source) {
    document.event.timestamp_source = source;
  }
  document.analytics = analytics(document, time);
  removeLeftovers(event);
  if (Object.keys(event).length > 0) {
    document[nameOfExtra(event, text)] = event;
  }
  return document;
}

// Takes the first acceptable value out of the event.
function claim(event, paths, accepts) {
  for (const path of paths) {
    const holder = path.length === 1 ? event : event[path[0]];
    const name = path[path.length - 1];
    if (!isObject(holder) || !Object.hasOwn(holder, name)) {
      continue;
    }
    const value = holder[name];
    if (accepts(value)) {
      delete holder[name];
      return value;
    }
  }
  return undefined;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlain(value) {
  return Array.isArray(value) ? value.every(isScalar) : isScalar(value);
}

function isScalar(value) {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isEventId(value) {
  if (typeof value === "string") {
    return value !== "" && Buffer.byteLength(value) <= MAX_ID_BYTES;
  }
  return typeof value === "number";
}

function analytics(document, time) {
  const moment = new Date(time.seconds * 1000);
  const result = {};
  const listened = document.interaction?.listened_ms;
  const duration = document.song?.duration_ms;
  if (typeof listened === "number" && typeof duration === "number" && duration > 0) {
    const completion = Math.min(Math.max(listened / duration, 0), 1);
    result.completion = Math.round(completion * 10000) / 10000;
  }
  result.hour = moment.getUTCHours();
  result.weekday = moment.getUTCDay() || 7;
  return result;
}

// Removes nulls where the mapping looks, and groups with nothing in them.
function removeLeftovers(event) {
  for (const group of GROUPS) {
    const members = event[group];
    if (isObject(members)) {
      removeNulls(members, NESTED.get(group));
      if (Object.keys(members).length === 0) {
        delete event[group];
      }
    }
  }
  removeNulls(event, TOP);
}

function removeNulls(holder, mapped) {
  for (const name of Object.keys(holder)) {
    if (holder[name] === null && mapped.has(name)) {
      delete holder[name];
    }
  }
}

function nameOfExtra(extra, text) {
  // No character of UTF-16 is more than three bytes of UTF-8.
  if (text.length * 3 > EXTRA_MAX_BYTES) {
    if (Buffer.byteLength(JSON.stringify(extra)) > EXTRA_MAX_BYTES) {
      return "overflow";
    }
  }
  return longestPath(extra, 1) > MAX_PATH_BYTES ? "overflow" : "extra";
}

// The bytes of the longest dotted path, and a check of the depth on the way.
function longestPath(value, level) {
  if (level > MAX_LEVELS) {
    throw new Error("too_deep");
  }
  let longest = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      if (typeof item === "object" && item !== null) {
        longest = Math.max(longest, longestPath(item, level + 1));
      }
    }
    return longest;
  }
  for (const key of Object.keys(value)) {
    const member = value[key];
    let length = Buffer.byteLength(key);
    if (typeof member === "object" && member !== null) {
      const below = longestPath(member, level + 1);
      length += below === 0 ? 0 : 1 + below;
    }
    longest = Math.max(longest, length);
  }
  return longest;
}

// The event's time, and where it is from if not from the event.
function eventTime(event, arrival, now) {
  const ahead = { seconds: now.seconds + MAX_AHEAD_S, nanos: now.nanos };
  const latest = isAfter(ahead, LAST) ? LAST : ahead;
  const isPlausible = (time) => time && !isAfter(EARLIEST, time) && !isAfter(time, latest);
  for (const name of TIMESTAMPS) {
    const time = readTime(event[name]);
    if (isPlausible(time)) {
      delete event[name];
      return { time };
    }
  }
  const time = readTime(arrival);
  return isPlausible(time) ? { time, source: "arrival" } : { time: now, source: "now" };
}

function isAfter(a, b) {
  return a.seconds > b.seconds || (a.seconds === b.seconds && a.nanos > b.nanos);
}

function fromMillis(ms) {
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1000000 };
}

function readTime(value) {
  if (typeof value === "number") {
    return fromNumber(String(value));
  }
  if (typeof value !== "string" || value === "") {
    return undefined;
  }
  return fromNumber(value) ?? fromIso(value) ?? fromOther(value);
}

// Seconds, milliseconds, microseconds or nanoseconds, by magnitude.
function fromNumber(text) {
  if (!/^\d+(\.\d+)?$/.test(text)) {
    return undefined;
  }
  const [digits, fraction = ""] = text.split(".");
  const whole = digits.replace(/^0+(?=.)/, "");
  const places = whole.length <= 11 ? 9 : whole.length <= 14 ? 6 : whole.length <= 17 ? 3 : 0;
  const all = (whole + fraction.slice(0, places).padEnd(places, "0")).padStart(10, "0");
  return { seconds: Number(all.slice(0, -9)), nanos: Number(all.slice(-9)) };
}

function fromIso(text) {
  const match = ISO.exec(text);
  if (!match) {
    return undefined;
  }
  const [, date, minutes = "00:00", second = "00", fraction = "", hours = "+00", rest = "00"] = match;
  const leap = second === "60";
  const seconds = leap ? "59" : second;
  const ms = Date.parse(`${date}T${minutes}:${seconds}${hours}:${rest}`);
  // Date takes 24:00 and rolls the 30th of February over.
  if (Number.isNaN(ms) || minutes.startsWith("24") || !isDay(date)) {
    return undefined;
  }
  const nanos = leap ? "999999999" : fraction.slice(0, 9).padEnd(9, "0");
  return { seconds: ms / 1000, nanos: Number(nanos) };
}

function fromOther(text) {
  const net = NET.exec(text);
  if (net) {
    return fromMillis(Number(net[1]));
  }
  const [, day, month, year, clock] = DATE.exec(text) ?? [];
  const ms = day && Date.parse(`${day} ${month} ${year} ${clock}`);
  return Number.isFinite(ms) ? fromMillis(ms) : undefined;
}

function isDay(date) {
  const day = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}

function formatTime({ seconds, nanos }) {
  const moment = new Date(seconds * 1000).toISOString().slice(0, 19);
  const fraction = String(nanos).padStart(9, "0");
  return `${moment}.${fraction.slice(0, 3)}${fraction.slice(3).replace(/0+$/, "")}Z`;
}
