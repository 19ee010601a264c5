"""firehose-transform in the style of the AWS blueprints: a handler over decoded records.

It gives the same documents as the real function, with what Python's numbers cost: 1.50 becomes
1.5. `loads` and `dumps` may be replaced by orjson's.
"""

import base64
import hashlib
import json
import re
import time
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

MAX_PAYLOAD_BYTES = 1_048_576
MAX_LEVELS = 128
EXTRA_MAX_BYTES = 16_384
MAX_PATH_BYTES = 512
MAX_ID_BYTES = 512
EARLIEST_S = 946_684_800
MAX_AHEAD_S = 86_400
# The end of OpenSearch's date_nanos.
LAST_NS = (1 << 63) - 1

FIELDS = [
    ("event", "id", ["event_id", "eventId", "id"]),
    ("event", "action", ["event_type", "eventType", "action", "type"]),
    ("artist", "id", ["artist.id", "artist_id", "artistId"]),
    ("artist", "name", ["artist.name", "artist_name", "artistName", "artist"]),
    ("artist", "genre", ["artist.genre", "artist.genres", "genre"]),
    ("song", "id", ["song.id", "track.id", "song_id", "track_id", "songId", "trackId"]),
    (
        "song",
        "title",
        ["song.title", "track.title", "song_title", "track_title", "title", "song", "track"],
    ),
    ("song", "duration_ms", ["song.duration_ms", "track.duration_ms", "duration_ms"]),
    ("song", "album", ["song.album", "track.album", "album"]),
    ("interaction", "user_id", ["user.id", "user_id", "userId", "user"]),
    ("interaction", "country", ["user.country", "country"]),
    ("interaction", "device", ["user.device", "device"]),
    ("interaction", "session_id", ["session_id", "sessionId"]),
    ("interaction", "listened_ms", ["listened_ms", "listenedMs", "play_duration_ms"]),
    ("interaction", "position_ms", ["position_ms"]),
    ("interaction", "shuffle", ["shuffle"]),
]
FIELDS = [
    (group, name, [tuple(path.split(".")) for path in paths]) for group, name, paths in FIELDS
]
TIMESTAMPS = "@timestamp timestamp event_time eventTime occurred_at time ts created_at".split()
GROUPS = ["artist", "song", "track", "user"]
MAPPED = {path for _, _, paths in FIELDS for path in paths} | {(name,) for name in TIMESTAMPS}

SCALARS = (str, int, float, bool)
WHITE_SPACE = b" \t\r\n"
DECIMAL = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
# The offset is that of RFC 3339, or a form near it; a time zone's name may follow.
ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(?:[Zz]|([+-]\d\d)(?::?([0-5]\d))?)(?:\[[\w/+-]+\])?| UTC| GMT)?)?",
    re.ASCII,
)
NET = re.compile(r"/Date\((\d+)\)/", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Refused(Exception):
    """A record that is no event; the argument is the reason."""


def refuse_constant(name):
    raise ValueError(name)


# Python reads NaN and Infinity, which are not JSON.
_decode = json.JSONDecoder(parse_constant=refuse_constant).decode
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def loads(text):
    return _decode(text.decode())


def dumps(value):
    return _encode(value).encode()


def lambda_handler(event, context):
    now_ns = time.time_ns()
    output = []
    for record in event["records"]:
        result, data = transform(record, now_ns)
        output.append({"recordId": record["recordId"], "result": result, "data": data})
    return {"records": output}


def transform(record, now_ns):
    data = record.get("data") or ""
    try:
        payload = base64.b64decode(data, validate=True)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise Refused("too_large")
        payload = payload.removeprefix(b"\xef\xbb\xbf").strip(WHITE_SPACE)
        if not payload:
            return "Dropped", ""
        arrival = arrival_of(record)
        document, _ = to_document(payload, arrival, arrival.encode(), now_ns)
        return "Ok", base64.b64encode(dumps(document)).decode()
    except (Refused, ValueError, RecursionError):
        return "ProcessingFailed", data


def arrival_of(record):
    """As Firehose gives it: a number, or a text of digits; else nothing."""
    arrival = record.get("approximateArrivalTimestamp")
    if type(arrival) in (int, float):
        return str(arrival)
    return arrival if type(arrival) is str and arrival.isascii() and arrival.isdigit() else ""


def to_document(payload, arrival, identity, now_ns, place=b""):
    """The event's document, and whether its id is the producer's own.

    arrival is a number in digits; identity tells an event without an id from its equals, and so
    does place.
    """
    event = loads(payload)
    if not isinstance(event, dict):
        raise Refused("not_an_object")
    event.pop("__sluice_reingests", None)
    event.pop("__sluice_arrival", None)
    document = {"@timestamp": None, "event": {}}

    time_ns, source = event_time(event, arrival, now_ns)
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    moment = EPOCH + timedelta(seconds=seconds)
    document["@timestamp"] = format_time(moment, nanos)

    for group, name, paths in FIELDS:
        value = claim(event, paths, is_event_id if name == "id" and group == "event" else is_plain)
        if value is not None:
            document.setdefault(group, {})[name] = value
    about = document["event"]
    own_id = "id" in about
    if not own_id:
        about["id"] = hashlib.sha256(place + payload + identity).hexdigest()[:32]
    elif type(about["id"]) is not str:
        about["id"] = str(about["id"])
    seconds, nanos = divmod(now_ns, 1_000_000_000)
    about["ingested"] = format_time(EPOCH + timedelta(seconds=seconds), nanos // 1_000_000 * 1_000_000)
    if source:
        about["timestamp_source"] = source

    analytics = document["analytics"] = {}
    add_completion(document, analytics)
    analytics["hour"] = moment.hour
    analytics["weekday"] = moment.isoweekday()

    remove_leftovers(event)
    if event:
        document[name_of_extra(event, payload)] = event
    return document, own_id


def document_id(document, own_id, payload):
    """The _id that the same event has again, and another event with the same id has not."""
    event_id = document["event"]["id"]
    if not own_id:
        return event_id
    with_hash = f"{event_id}.{hashlib.sha256(payload).hexdigest()[:16]}"
    if len(with_hash.encode()) <= MAX_ID_BYTES:
        return with_hash
    return hashlib.sha256(event_id.encode() + payload).hexdigest()


def claim(event, paths, accepts):
    """Takes the first acceptable value out of the event."""
    for path in paths:
        holder = event
        if len(path) == 2:
            holder = event.get(path[0])
            if type(holder) is not dict:
                continue
        value = holder.get(path[-1])
        if value is not None and accepts(value):
            del holder[path[-1]]
            return value
    return None


def is_plain(value):
    if type(value) is list:
        return all(type(item) in SCALARS for item in value)
    return type(value) in SCALARS


def is_event_id(value):
    if type(value) is str:
        return value != "" and len(value.encode()) <= MAX_ID_BYTES
    return type(value) in (int, float) and len(str(value)) <= MAX_ID_BYTES


def add_completion(document, analytics):
    listened = document.get("interaction", {}).get("listened_ms")
    duration = document.get("song", {}).get("duration_ms")
    if type(listened) in (int, float) and type(duration) in (int, float) and duration > 0:
        completion = min(max(listened / duration, 0.0), 1.0)
        analytics["completion"] = int(completion * 10_000 + 0.5) / 10_000


def remove_leftovers(event):
    """Removes nulls where the mapping looks, and groups with nothing in them."""
    for group in GROUPS:
        members = event.get(group)
        if type(members) is dict:
            for name in [name for name, value in members.items() if value is None]:
                if (group, name) in MAPPED:
                    del members[name]
            if not members:
                del event[group]
    for name in [name for name, value in event.items() if value is None]:
        if (name,) in MAPPED:
            del event[name]


def name_of_extra(extra, payload):
    if len(payload) > EXTRA_MAX_BYTES and len(dumps(extra)) > EXTRA_MAX_BYTES:
        return "overflow"
    return "overflow" if longest_path(extra, 1) > MAX_PATH_BYTES else "extra"


def longest_path(value, level):
    """The bytes of the longest dotted path, and a check of the depth on the way."""
    if level > MAX_LEVELS:
        raise Refused("too_deep")
    if type(value) is list:
        below = [longest_path(item, level + 1) for item in value if type(item) in (dict, list)]
        return max(below, default=0)
    longest = 0
    for key, member in value.items():
        length = len(key.encode())
        if type(member) in (dict, list):
            below = longest_path(member, level + 1)
            if below:
                length += 1 + below
        longest = max(longest, length)
    return longest


def event_time(event, arrival, now_ns):
    """The event's time in nanoseconds since 1970, and where it is from if not from the event."""
    latest_ns = min(now_ns + MAX_AHEAD_S * 1_000_000_000, LAST_NS)

    def plausible(value):
        time_ns = read_time(value)
        if time_ns is not None and EARLIEST_S * 1_000_000_000 <= time_ns <= latest_ns:
            return time_ns
        return None

    for name in TIMESTAMPS:
        value = event.get(name)
        if value is not None and (time_ns := plausible(value)) is not None:
            del event[name]
            return time_ns, None
    arrival_ns = plausible(arrival)
    return (now_ns, "now") if arrival_ns is None else (arrival_ns, "arrival")


def read_time(value):
    if type(value) is int:
        return from_int(value)
    if type(value) is float:
        return from_digits(repr(value))
    if type(value) is not str or value == "":
        return None
    if DECIMAL.fullmatch(value):
        return from_digits(value)
    return from_iso(value) or from_other(value)


def from_int(value):
    """Seconds, milliseconds, microseconds or nanoseconds, by magnitude."""
    if value < 0:
        return None
    if value < 10**11:
        return value * 1_000_000_000
    if value < 10**14:
        return value * 1_000_000
    if value < 10**17:
        return value * 1_000
    return value


def from_digits(text):
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(exponent or 0) - len(fraction)
    if text.startswith("-") or exponent > 20:
        return None
    digits = int(whole + fraction)
    # The magnitude is that of the whole part.
    whole = digits * 10**exponent if exponent >= 0 else digits // 10**-exponent
    unit = from_int(1) if whole < 10**11 else from_int(whole) // whole
    nanos = digits * unit
    return nanos * 10**exponent if exponent >= 0 else nanos // 10**-exponent


def from_iso(text):
    match = ISO.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, hours, minutes = match.groups()
    nanos = int((fraction or "0")[:9].ljust(9, "0"))
    second = int(second or 0)
    if second == 60:
        second, nanos = 59, 999_999_999
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), second, 0, timezone.utc
        )
    except ValueError:
        return None
    seconds = (moment - EPOCH) // timedelta(seconds=1)
    if hours:
        if abs(int(hours)) > 23:
            return None
        offset = (abs(int(hours)) * 60 + int(minutes or 0)) * 60
        seconds -= -offset if hours[0] == "-" else offset
    return seconds * 1_000_000_000 + nanos


def from_other(text):
    """A time of .NET, of a web server's log, of HTTP or e-mail."""
    if match := NET.fullmatch(text):
        return int(match[1]) * 1_000_000
    try:
        if text[2:3] == "/":
            moment = datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
        else:
            moment = parsedate_to_datetime(text)
        return (moment - EPOCH) // timedelta(seconds=1) * 1_000_000_000
    except (TypeError, ValueError):
        return None


def format_time(moment, nanos):
    fraction = f"{nanos:09}"
    kept = fraction[:3] + fraction[3:].rstrip("0")
    return f"{moment.isoformat()[:19]}.{kept}Z"
