"""log-metrics in Python, as a whole process: with gzip, json and re, as one would write it."""

import base64
import gzip
import json
import re
import sys
import time

import runtime

# What matters begins so; everything else is the application's.
PLATFORM = re.compile(
    r"""
      REPORT\ RequestId:\ (?P<report>\S+)\s+Duration:\ [\d.]+\ ms
      .*?Memory\ Size:\ (?P<size>\d+)\ MB\s+Max\ Memory\ Used:\ (?P<used>\d+)\ MB
      (?:\s+Init\ Duration:\ (?P<init>[\d.]+)\ ms)?
      (?:\s+Status:\ (?P<status>\w+))?(?:\s+Error\ Type:\ (?P<type>\S+))?
    | RequestId:\ (?P<failed>\S+)\ Error:\ (?P<error>.*)
    | \d{4}-\d\d-\d\dT\S+\ (?P<timeout>\S+)\ Task\ timed\ out\ after
    | INIT_REPORT\ .*Phase:\ (?P<phase>\w+)\s+Status:\ (?P<start>error|timeout)
    """,
    re.VERBOSE,
)
METRICS = ["Timeouts", "OutOfMemory", "InitFailures", "UnhandledErrors"]


def lambda_handler(event, context):
    batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    log_events = batch["logEvents"]
    if batch["messageType"] != "DATA_MESSAGE":
        return {"logEvents": len(log_events), "failures": 0}
    reports, errors, starts = {}, {}, {"init": 0, "invoke": 0}
    memory, init = [], []
    for log_event in log_events:
        message = log_event["message"]
        if message.startswith('{"time":') and '"type":"platform.' in message:
            told = json.loads(message)
            record = told["record"]
            if told["type"] == "platform.report":
                metrics = record["metrics"]
                reports[record["requestId"]] = kind(record.get("status"), record.get("errorType"))
                memory.append(metrics["maxMemoryUsedMB"] / metrics["memorySizeMB"] * 100)
                if "initDurationMs" in metrics:
                    init.append(metrics["initDurationMs"])
            elif told["type"] == "platform.initReport" and record["status"] != "success":
                starts[record["phase"]] += 1
            continue
        match = PLATFORM.match(message)
        if not match:
            continue
        if match["report"]:
            reports[match["report"]] = kind(match["status"], match["type"])
            memory.append(int(match["used"]) / int(match["size"]) * 100)
            if match["init"]:
                init.append(float(match["init"]))
        elif match["timeout"]:
            errors[match["timeout"]] = "Timeouts"
        elif match["failed"]:
            killed = "signal: killed" in match["error"]
            errors[match["failed"]] = "OutOfMemory" if killed else "UnhandledErrors"
        else:
            starts[match["phase"]] += 1
    counts = dict.fromkeys(METRICS, 0)
    for request, reported in {**errors, **reports}.items():
        failure = errors.get(request, reported)
        if failure:
            counts[failure] += 1
    counts["InitFailures"] = max(starts.values())
    emit(batch["logGroup"].removeprefix("/aws/lambda/"), counts, memory, init)
    return {"logEvents": len(log_events), "failures": sum(counts.values())}


def kind(status, error_type):
    if error_type == "Runtime.OutOfMemory":
        return "OutOfMemory"
    return {"timeout": "Timeouts", "error": "UnhandledErrors", "failure": "UnhandledErrors"}.get(status)


def emit(function, counts, memory, init):
    values = {name: count for name, count in counts.items() if count}
    if memory:
        values["MaxMemoryUsedPercent"] = max(memory)
    if init:
        values["InitDuration"] = max(init)
    directive = {
        "Namespace": "Sluice",
        "Dimensions": [["FunctionName"], []],
        "Metrics": [{"Name": name} for name in values],
    }
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": aws, "FunctionName": function, **values}), flush=True)


if __name__ == "__main__":
    try:
        runtime.run(lambda_handler, json.loads, lambda answer: json.dumps(answer).encode())
    except (KeyboardInterrupt, ConnectionError, EOFError):
        sys.exit(0)
