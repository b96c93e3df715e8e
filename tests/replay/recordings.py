"""Recorded exchanges of vendors, read from ../shared/data/fixtures: facts to test against, never shipped.

Four projects recorded them in four shapes; here they are one. Nothing is judged. With SPELLED=otherwise in the
environment they say the same in other bytes.
"""

import base64
import gzip
import json
import os
import pathlib
from dataclasses import dataclass

import yaml

import spelling

FIXTURES = pathlib.Path(__file__).resolve().parents[2].parent / "shared/data/fixtures"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# How the paths of each wire format end.
ENDS = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/messages": "messages",
    ":generateContent": "gemini",
    ":streamGenerateContent": "gemini",
    "/interactions": "interactions",
    "/converse": "converse",
    "/converse-stream": "converse",
    "/embeddings": "embeddings",
}
# The streams of Vercel's fixtures have lost their framing; these are whose they are.
CHUNKS = {
    "anthropic": "messages",
    "openai": "responses",
    "google": "gemini",
    "groq": "chat",
    "deepseek": "chat",
    "mistral": "chat",
    "openai-compatible": "chat",
}


@dataclass
class Recording:
    file: str
    kind: str
    stream: bool
    status: int
    content_type: str
    body: bytes
    request: str


def kind_of(path):
    path = path.split("?")[0]
    return next((kind for end, kind in ENDS.items() if path.endswith(end)), None)


def recording(file, path, status, headers, body, request):
    kind = kind_of(path)
    if kind is None or not body:
        return None
    given = next((value for name, value in headers if name.lower() == "content-type"), "application/json")
    stream = "event-stream" in given or "eventstream" in given or body.lstrip().startswith((b"data:", b"event:"))
    if stream and kind != "converse":
        given = "text/event-stream"
    if os.environ.get("SPELLED") == "otherwise":
        body = spelling.otherwise(body, given)
    return Recording(str(file.relative_to(FIXTURES)), kind, stream, status, given, body, request or "")


def of_rig(file, document):
    when, then = document.get("when"), document.get("then")
    if not when or not then:
        return None
    body = then.get("body") or ""
    body = base64.b64decode(body) if then.get("body_encoding") == "base64" else body.encode()
    headers = [(one["name"], one["value"]) for one in then.get("header") or []]
    return recording(file, when["path"], then["status"], headers, body, when.get("body"))


def of_cassette(file, one):
    request, response = one["request"], one["response"]
    body = response.get("body") or ""
    if isinstance(body, dict):
        body = body.get("string") or ""
    body = body if isinstance(body, bytes) else body.encode()
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    status = response.get("code") or response["status"]["code"]
    headers = [(name, values[0]) for name, values in (response.get("headers") or {}).items() if values]
    url = request.get("url") or request.get("uri")
    asked = request.get("body")
    asked = asked.decode(errors="replace") if isinstance(asked, bytes) else asked
    return recording(file, url, status, headers, body, asked)


def of_yaml(file):
    for document in yaml.load_all(file.read_text(), LOADER):
        if not isinstance(document, dict):
            continue
        if "interactions" in document:
            yield from (of_cassette(file, one) for one in document["interactions"])
        else:
            yield of_rig(file, document)


def parsed(line):
    try:
        return json.loads(line) if line.startswith("{") else None
    except json.JSONDecodeError:
        return None


def first_answer(kind, events):
    """Some files hold several answers, one after the other."""
    ends = {"messages": ("message_stop",), "responses": ("response.completed", "response.incomplete")}
    at = next((n for n, event in enumerate(events) if event.get("type") in ends.get(kind, ())), len(events))
    return events[: at + 1]


def of_chunks(file):
    """A stream without its framing: one event a line."""
    package = file.relative_to(FIXTURES).parts[2]
    # Not `splitlines`: a text may hold breaks that only Unicode knows.
    events = [event for event in map(parsed, file.read_text().split("\n")) if event]
    kind = CHUNKS.get(package)
    if kind == "responses" and not any(str(one.get("type", "")).startswith("response.") for one in events):
        kind = "chat" if any("choices" in one for one in events) else None
    if kind is None or not events:
        return None
    events = first_answer(kind, events)
    named = kind in ("messages", "responses")
    text = "".join((f"event: {one.get('type')}\n" if named else "") + f"data: {json.dumps(one)}\n\n" for one in events)
    if kind == "chat":
        text += "data: [DONE]\n\n"
    path = next(end for end, known in ENDS.items() if known == kind)
    return recording(file, path, 200, [("content-type", "text/event-stream")], text.encode(), "")


def load():
    """Every recording whose wire format is one of ours."""
    if not FIXTURES.is_dir():
        raise SystemExit(f"no recordings: {FIXTURES} is missing")
    found = []
    for file in sorted(FIXTURES.rglob("*")):
        if file.suffix == ".yaml":
            found.extend(of_yaml(file))
        elif file.name.endswith(".chunks.txt"):
            found.append(of_chunks(file))
    return [one for one in found if one]


if __name__ == "__main__":
    import collections
    import time

    began = time.monotonic()
    everything = load()
    print(collections.Counter((one.kind, one.stream, one.status // 100) for one in everything))
    print(len(everything), "in", round(time.monotonic() - began, 1), "s")
