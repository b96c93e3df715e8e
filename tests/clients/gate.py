"""What the Python clients of the tests share: where the gateway is, what they ask, how vendors are made to fail.

GATE is the gateway's address, KEY its key, MODELS a comma list of models, each served by another vendor: what a
client sees must be the same. HANGING is a model whose vendor never answers. CONTROL is where the simulated vendors
are scripted; the vendor of the model `only-x` is `x`.
"""

import json
import os
import sys
import time
import urllib.request

GATE, KEY, CONTROL = os.environ["GATE"], os.environ["KEY"], os.environ["CONTROL"]
MODELS, HANGING = os.environ["MODELS"].split(","), os.environ["HANGING"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PIXEL_URL = f"data:image/png;base64,{PIXEL}"
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
# How often a vendor calls tools before it has words.
TURNS = 3


def next_answers(model, *profiles):
    """How the vendor of this model behaves at its next requests, one profile each."""
    url = f"{CONTROL}/{model.removeprefix('only-')}/next"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(profiles).encode(), method="POST")).close()


def busy_once(model):
    """The vendor of this model says 429 to the next request, and to come back in a second."""
    next_answers(model, {"fault": {"status": {"status": 429, "retry_after": 1}}})


def expect(error, call):
    """The error that a call must end with."""
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"expected {error.__name__}")


def in_time(error, call):
    """A call to a vendor that never answers ends with this error, soon."""
    began = time.monotonic()
    raised = expect(error, call)
    assert time.monotonic() - began < 10, "the client's own time-out ends it"
    return raised


def run(of_a_model, once=()):
    """Runs every check of a model for each model, then the others; ends with 1 at the first surprise."""
    checks = [(check, (model,)) for model in MODELS for check in of_a_model] + [(check, ()) for check in once]
    for check, arguments in checks:
        try:
            check(*arguments)
        except Exception as error:  # noqa: BLE001: whatever it is, it is what failed
            sys.exit(f"{check.__name__}{arguments}: {type(error).__name__}: {error}")
    print(f"{len(checks)} checks passed")
