"""The Lambda runtime loop: next, handler, response, as the managed runtime does it."""

import http.client
import os

VERSION = "/2018-06-01/runtime/invocation/"


def run(handler, loads, dumps):
    """Serves invocations until the Runtime API goes away.

    loads takes the event's bytes, dumps returns the answer's bytes.
    """
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", VERSION + "next")
        invocation = connection.getresponse()
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = dumps(handler(loads(invocation.read()), None))
        connection.request("POST", VERSION + request_id + "/response", answer)
        connection.getresponse().read()
