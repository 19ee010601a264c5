"""sensor-points in Python, as a whole process: with json, and line protocol by hand.

One request for a batch. It leaves out quarantine, partial answers, aggregates and envelopes.
"""

import base64
import hashlib
import http.client
import json
import os
import urllib.parse
from datetime import datetime

import runtime

TAGS = {
    "line": ("line_id", "lineId", "line"),
    "machine": ("machine_id", "machineId", "machine", "equipment_id"),
}
FIELDS = {
    "items": ("items", "item_count", "produced"),
    "defects": ("defects", "defect_count"),
    "energy_kwh": ("energy_kwh", "energyKwh", "energy"),
}
IDS = ("event_id", "eventId", "id")


def first(reading, names):
    for name in names:
        value = reading.get(name)
        if value is not None:
            return value
    return None


def line(reading):
    series = "line"
    for tag, names in TAGS.items():
        value = first(reading, names)
        if value is not None:
            value = value.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
            series += f",{tag}={value}"
    fields = []
    for field, names in FIELDS.items():
        value = first(reading, names)
        if value is not None:
            fields.append(f"{field}={value}")
    state = first(reading, ("state", "status"))
    if state is not None:
        fields.append(f"running={int(state in ('RUN', 'RUNNING'))}")
    timestamp = reading["timestamp"]
    if isinstance(timestamp, str):
        timestamp = round(datetime.fromisoformat(timestamp).timestamp() * 1000)
    time_ns = timestamp * 1_000_000
    reading_id = first(reading, IDS)
    if reading_id is not None:
        digest = hashlib.sha256(reading_id.encode()).digest()
        time_ns += int.from_bytes(digest[:8], "big") % 1_000_000
    return f"{series} {','.join(fields)} {time_ns}"


def lambda_handler(event, context):
    lines = []
    for record in event["Records"]:
        payload = json.loads(base64.b64decode(record["kinesis"]["data"]))
        readings = payload if isinstance(payload, list) else [payload]
        lines.extend(line(reading) for reading in readings)
    connection.request("POST", path, "\n".join(lines) + "\n")
    response = connection.getresponse()
    response.read()
    if response.status != 204:
        raise RuntimeError(f"status {response.status}")
    return {"batchItemFailures": []}


url = urllib.parse.urlsplit(os.environ["TSDB_WRITE_URL"])
connection = http.client.HTTPConnection(url.netloc)
path = f"{url.path}?{url.query}"

if __name__ == "__main__":
    runtime.run(lambda_handler, json.loads, lambda answer: json.dumps(answer).encode())
