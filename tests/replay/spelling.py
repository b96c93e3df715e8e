"""A recorded answer spelled otherwise: other bytes, and the same to whoever reads JSON and events.

Members stand in another order, among members that nobody knows with known names inside; what is not ASCII is escaped;
lines of a stream end in CRLF, without the space after `data:`, and comments come between.
"""

import json
import re

# What a reader must not take for what it looks for.
UNKNOWN = {
    "usage": {"prompt_tokens": 777_777, "input_tokens": 777_777, "total_tokens": 888_888},
    "error": None,
    "text": "no",
    "delta": {"content": "no", "text": "no"},
    "finish_reason": "length",
}
# What belongs to a tool, to a schema or to a count is not ours to add to.
CLOSED = {
    "action", "args", "arguments", "error", "input", "logprobs", "metadata", "output_format", "parameters", "response",
    "result", "schema", "text_format", "usage", "usageMetadata",
}  # fmt: skip
# An object with one of these is part of an answer, and vendors add to such.
PARTS = {"content", "delta", "role", "type"}


def respelled(value, top=True, closed=False):
    if isinstance(value, list):
        return [respelled(one, False, closed) for one in value]
    if not isinstance(value, dict):
        return value
    members = {name: respelled(one, False, closed or name in CLOSED) for name, one in reversed(value.items())}
    if not closed and (top or PARTS & members.keys()):
        members = {"x_new": UNKNOWN, **members, "x_newer": [UNKNOWN, None, 1.5e3, True]}
    return {**members, "x_null": None} if top else members


def written(text):
    """The JSON in this text; the text itself where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(respelled(value), separators=(" , ", " : ")) if isinstance(value, dict | list) else text


def events(text):
    for line in re.split(r"\r\n|\n|\r", text):
        yield "data:" + written(line.removeprefix("data:").strip()) if line.startswith("data:") else line
        if not line:
            yield from (": keep-alive", "", "retry: 3000", "")


def otherwise(body, content_type):
    """The body; Amazon's frames, which hold their lengths, stay as they are."""
    if "amazon" in content_type:
        return body
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    return ("\r\n".join(events(text)) if "event-stream" in content_type else written(text)).encode()
