"""firehose-transform in Python, as a whole process. Argument: json (default) or orjson."""

import json
import sys

import runtime
import transform


def main():
    if sys.argv[1:] == ["orjson"]:
        import orjson

        transform.loads, transform.dumps = orjson.loads, orjson.dumps
        runtime.run(transform.lambda_handler, orjson.loads, orjson.dumps)
    else:
        runtime.run(transform.lambda_handler, json.loads, lambda answer: json.dumps(answer).encode())


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, ConnectionError, EOFError):
        sys.exit(0)
