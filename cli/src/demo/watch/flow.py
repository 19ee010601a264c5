"""A flow that fails, and an automation that calls a URL with every state of every run."""

import sys

from prefect import flow, get_run_logger
from prefect.automations import Automation, EventTrigger
from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook

url, secret = sys.argv[1:]
webhook = Webhook(url=url, headers={"X-Sluice-Secret": secret}).save("sluice")
Automation(
    name="sluice",
    trigger=EventTrigger(
        expect={"prefect.flow-run.*"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        posture="Reactive",
        threshold=1,
    ),
    actions=[
        CallWebhook(block_document_id=webhook, payload="{{ event.model_dump_json() }}")
    ],
).create()


@flow(name="nightly-load")
def nightly_load():
    get_run_logger().error("plays, part 2: artist_id is null in 3 of 4,812 rows")
    raise ValueError("column artist_id of part 2 is null")


try:
    nightly_load()
except ValueError:
    pass
