"""object-loader in Python, as a whole process.

It reads an object as a stream, line by line, and writes it with opensearch-py's own helper. A
message whose object cannot be read, or of which OpenSearch did not take everything, is redelivered,
and its object loaded from the start.
"""

import gzip
import io
import json
import os
import sys
import time
from urllib.parse import unquote_plus

import boto3
import runtime
import transform
from opensearchpy import OpenSearch
from opensearchpy.helpers import streaming_bulk
from transform import Refused, document_id, to_document

READ_BYTES = 1 << 20
DOCUMENTS_PER_REQUEST = 1_000


def lambda_handler(event, context):
    failures = []
    for message in event["Records"]:
        for record in json.loads(message["body"])["Records"]:
            bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
            if not load(bucket, unquote_plus(key)):
                failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def load(bucket, key):
    """Loads an object; returns whether OpenSearch took all of it."""
    found = s3.get_object(Bucket=bucket, Key=key)
    arrival = str(int(found["LastModified"].timestamp() * 1000))
    lines = io.BufferedReader(found["Body"], READ_BYTES)
    if lines.peek(2)[:2] == b"\x1f\x8b":
        lines = gzip.open(lines)
    results = streaming_bulk(
        search,
        actions(lines, f"{bucket}\0{key}\0", arrival),
        chunk_size=DOCUMENTS_PER_REQUEST,
        raise_on_error=False,
        raise_on_exception=False,
    )
    # 409: it was there already.
    return all([ok or item["create"]["status"] == 409 for ok, item in results])


def actions(lines, place, arrival):
    """The documents of the lines' events, to create."""
    offset = 0
    for line in lines:
        payload = line.strip(transform.WHITE_SPACE)
        identity = f"{place}{offset}\0".encode()
        offset += len(line)
        try:
            document, own_id = to_document(payload, arrival, b"", time.time_ns(), identity)
        except (Refused, ValueError, RecursionError):
            continue
        yield {
            "_op_type": "create",
            "_index": "music-events-" + document["@timestamp"][:10].replace("-", "."),
            "_id": document_id(document, own_id, payload),
            "_source": document,
        }


if __name__ == "__main__":
    s3 = boto3.client("s3")
    search = OpenSearch(os.environ["OPENSEARCH_ENDPOINT"])
    try:
        runtime.run(lambda_handler, json.loads, lambda answer: json.dumps(answer).encode())
    except (KeyboardInterrupt, ConnectionError, EOFError):
        sys.exit(0)
