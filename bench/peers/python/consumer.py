"""sqs-consumer in Python, as a whole process. Argument: json (default) or orjson.

One bulk request for a batch, with opensearch-py's own helper. A message that holds no event and
one that OpenSearch did not take come again, all alike, until they are dead letters.
"""

import json
import os
import sys
import time

import runtime
import transform
from opensearchpy import OpenSearch
from opensearchpy.helpers import streaming_bulk
from opensearchpy.serializer import JSONSerializer
from transform import Refused, document_id, to_document


class OrjsonSerializer(JSONSerializer):
    """For the client, which wants text."""

    def loads(self, s):
        return orjson.loads(s)

    def dumps(self, data):
        return data if isinstance(data, str) else orjson.dumps(data).decode()


def lambda_handler(event, context):
    now_ns = time.time_ns()
    failures, sent, actions = [], [], []
    for message in event["Records"]:
        try:
            actions.append(action(message, now_ns))
            sent.append(message["messageId"])
        except (Refused, ValueError, RecursionError):
            failures.append(message["messageId"])
    results = streaming_bulk(
        client,
        actions,
        chunk_size=max(len(actions), 1),
        raise_on_error=False,
        raise_on_exception=False,
    )
    for message_id, (ok, item) in zip(sent, results):
        # 409: it was there already.
        if not ok and item["create"]["status"] != 409:
            failures.append(message_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


def action(message, now_ns):
    """The document of a message's event, to create."""
    payload = message["body"].encode().removeprefix(b"\xef\xbb\xbf").strip(transform.WHITE_SPACE)
    # The message and its only event's position in it.
    identity = message["messageId"].encode() + b"/" + bytes(8)
    document, own_id = to_document(payload, message["attributes"]["SentTimestamp"], identity, now_ns)
    return {
        "_op_type": "create",
        "_index": "music-events-" + document["@timestamp"][:10].replace("-", "."),
        "_id": document_id(document, own_id, payload),
        "_source": document,
    }


if __name__ == "__main__":
    endpoint = os.environ["OPENSEARCH_ENDPOINT"]
    try:
        if sys.argv[1:] == ["orjson"]:
            import orjson

            transform.loads, transform.dumps = orjson.loads, orjson.dumps
            client = OpenSearch(endpoint, serializer=OrjsonSerializer())
            runtime.run(lambda_handler, orjson.loads, orjson.dumps)
        else:
            client = OpenSearch(endpoint)
            runtime.run(lambda_handler, json.loads, lambda answer: json.dumps(answer).encode())
    except (KeyboardInterrupt, ConnectionError, EOFError):
        sys.exit(0)
