"""What an answer says, read from its own wire format by rules of its own: text, calls of tools, usage.

It shares no code with the gateway. Where a vendor's figures are odd, the identity that held in every recording
is what counts.
"""

import json
import struct
from dataclasses import dataclass, field


class Odd(Exception):
    """A recording that no rule of these is made for."""


@dataclass
class Said:
    text: str = ""
    # What OpenAI's surfaces have a member of its own for; elsewhere it is text.
    refusal: str = ""
    calls: list = field(default_factory=list)  # (name, arguments as a value)
    # Fresh input, read from cache, written to it, output with its reasoning; None where nobody says.
    usage: tuple | None = None
    failed: bool = False
    whole: bool = False
    choices: int = 1


def said(kind, stream, body):
    said = Said()
    READERS[kind](said, list(events(kind, body)) if stream else [(None, json.loads(body))], stream)
    return said


def events(kind, body):
    """The name and the value of each event."""
    if kind == "converse":
        yield from frames(body)
        return
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        lines = block.split("\n")
        name = next((line[6:].strip() for line in lines if line.startswith("event:")), None)
        data = "\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:"))
        if data.strip() == "[DONE]":
            yield "[DONE]", None
        elif data.strip():
            yield name, json.loads(data)


def frames(body):
    """Amazon's event stream: total length, headers' length, checksum, headers, payload, checksum."""
    at = 0
    while at < len(body):
        total, headers, _ = struct.unpack_from(">III", body, at)
        named, place, end = {}, at + 12, at + 12 + headers
        while place < end:
            length = body[place]
            name = body[place + 1 : place + 1 + length].decode()
            kind, size = struct.unpack_from(">BH", body, place + 1 + length)
            assert kind == 7, "only strings are used here"
            start = place + 1 + length + 3
            named[name] = body[start : start + size].decode()
            place = start + size
        payload = body[end : at + total - 4]
        failed = named.get(":message-type") in ("exception", "error")
        yield ("exception" if failed else named.get(":event-type")), json.loads(payload or b"{}")
        at += total


def arguments(text):
    """Arguments as a value; a call without any has the empty object."""
    if isinstance(text, (dict, list)):
        return text
    try:
        value = json.loads(text) if text and text.strip() else {}
    except json.JSONDecodeError:
        # Where only an object will do, what a model left unfinished is handed on as a text.
        return {"unparsed_arguments": text}
    return {} if value is None else value


def number(value):
    return max(int(value), 0) if isinstance(value, (int, float)) else 0


# OpenAI chat and those who speak it.


def chat(out, events, stream):
    calls, order = {}, []
    for name, event in events:
        if name == "[DONE]":
            out.whole = True
            continue
        if isinstance(event, list):
            event = event[0]
        if event.get("error") or event.get("object") == "error" or event.get("type") == "error":
            out.failed = True
            return
        for choice in event.get("choices") or []:
            index = choice.get("index") or 0
            out.choices = max(out.choices, index + 1)
            if choice.get("finish_reason"):
                out.whole = True
            if index:
                continue
            delta = (choice.get("delta") if stream else choice.get("message")) or {}
            out.text += content_of(delta.get("content"))
            out.refusal += delta.get("refusal") or ""
            for place, call in enumerate(delta.get("tool_calls") or []):
                chat_call(calls, order, call, place, stream)
        if event.get("usage"):
            out.usage = chat_usage(event["usage"])
    out.calls = [(calls[key][0], arguments(calls[key][1])) for key in order]
    out.whole = out.whole or not stream


def content_of(content):
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    return content or ""


def chat_call(calls, order, call, place, stream):
    function = call.get("function") or {}
    key = (call.get("index"), call.get("id")) if call.get("id") else None
    index = call.get("index")
    # A piece without an id belongs to the last call of its index; one with a new id begins a call.
    known = next((k for k in reversed(order) if k[0] == index and (not call.get("id") or k[1] == call["id"])), None)
    if not stream:
        known, key = None, (place, call.get("id"))
    if known is None and (function.get("name") or not order):
        known = key or (index, place)
        calls[known] = ["", ""]
        order.append(known)
    known = known or order[-1]
    calls[known][0] = calls[known][0] or function.get("name") or ""
    piece = function.get("arguments")
    if isinstance(piece, (dict, list)):
        calls[known][1] = json.dumps(piece)
    elif piece:
        calls[known][1] += piece


def chat_usage(usage):
    prompt, output = number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details") or {}
    total, audio = usage.get("total_tokens"), number(details.get("audio_tokens"))
    beyond = max(number(total) - prompt - output, 0) if total is not None else 0
    if beyond and beyond == audio:
        prompt += beyond  # Mistral leaves audio out of the prompt
    else:
        output += beyond  # Gemini and xAI leave thoughts out of the completion
    cached = next(
        (
            number(one)
            for one in (
                details.get("cached_tokens"),
                usage.get("prompt_cache_hit_tokens"),
                usage.get("cache_read_input_tokens"),
                usage.get("cached_tokens"),
            )
            if one is not None
        ),
        0,
    )
    written = number(details.get("cache_write_tokens") or usage.get("cache_creation_input_tokens"))
    return (max(prompt - cached - written, 0), cached, written, output)


# OpenAI Responses.


def responses(out, events, stream):
    done = []
    for name, event in events:
        kind = (event or {}).get("type")
        if not stream:
            done = event.get("output") or []
            out.usage = responses_usage(event.get("usage"))
            out.failed = event.get("status") == "failed" or bool(event.get("error"))
            out.whole = True
        elif kind == "response.output_text.delta":
            out.text += event.get("delta") or ""
        elif kind == "response.refusal.delta":
            out.refusal += event.get("delta") or ""
        elif kind == "response.output_item.done":
            done.append(event["item"])
        elif kind in ("response.completed", "response.incomplete"):
            out.usage = responses_usage(event["response"].get("usage"))
            out.whole = True
        elif kind in ("response.failed", "error"):
            out.failed = True
    for item in done:
        if item.get("type") == "message" and not stream:
            out.text += "".join(one.get("text") or "" for one in item["content"] if one["type"] == "output_text")
            out.refusal += "".join(one.get("refusal") or "" for one in item["content"])
        elif item.get("type") == "function_call":
            out.calls.append((item["name"], arguments(item.get("arguments"))))
        elif item.get("type") == "custom_tool_call":
            out.calls.append((item["name"], {"input": item.get("input")}))


def responses_usage(usage):
    if not usage:
        return None
    details = usage.get("input_tokens_details") or {}
    cached, written = number(details.get("cached_tokens")), number(details.get("cache_write_tokens"))
    prompt, output = number(usage.get("input_tokens")), number(usage.get("output_tokens"))
    output += max(number(usage.get("total_tokens")) - prompt - output, 0)
    return (max(prompt - cached - written, 0), cached, written, output)


# Anthropic Messages.


def messages(out, events, stream):
    blocks, usage = {}, {}
    for name, event in events:
        kind = (event or {}).get("type")
        if kind == "error" or (event or {}).get("error"):
            out.failed = True
            return
        if kind == "message":
            blocks = dict(enumerate(event["content"]))
            usage.update(event.get("usage") or {})
            out.whole = True
        elif kind == "message_start":
            if blocks:
                raise Odd("a second message in the middle of the first")
            usage.update(event["message"].get("usage") or {})
        elif kind == "content_block_start":
            blocks[event["index"]] = {**event["content_block"], "pieces": ""}
        elif kind == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            block["text"] = block.get("text", "") + (delta.get("text") or "")
            block["pieces"] += delta.get("partial_json") or ""
        elif kind == "message_delta":
            out.refusal += (event["delta"].get("stop_details") or {}).get("explanation") or ""
            usage.update({name: value for name, value in (event.get("usage") or {}).items() if value is not None})
        elif kind == "message_stop":
            out.whole = True
    for _, block in sorted(blocks.items()):
        if block["type"] == "text":
            out.text += block.get("text") or ""
        elif block["type"] == "tool_use":
            out.calls.append((block["name"], arguments(block.get("pieces") or block.get("input"))))
    out.usage = messages_usage(usage) if usage else None


def messages_usage(usage):
    compacted = [one for one in usage.get("iterations") or [] if one.get("type") == "compaction"]
    written = number(usage.get("cache_creation_input_tokens"))
    split = usage.get("cache_creation") or {}
    written = max(written, sum(number(value) for value in split.values()))
    return (
        number(usage.get("input_tokens")) + sum(number(one.get("input_tokens")) for one in compacted),
        number(usage.get("cache_read_input_tokens")),
        written,
        number(usage.get("output_tokens")) + sum(number(one.get("output_tokens")) for one in compacted),
    )


# Gemini.


def gemini(out, events, stream):
    for _, event in events:
        if isinstance(event, list):
            for one in event:
                gemini(out, [(None, one)], True)
            return
        if event.get("error"):
            out.failed = True
            return
        candidates = event.get("candidates") or []
        out.choices = max(out.choices, len(candidates))
        for candidate in candidates:
            if candidate.get("finishReason"):
                out.whole = True
            if candidate.get("index"):
                continue
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "functionCall" in part:
                    call = part["functionCall"]
                    if "name" not in call:
                        raise Odd("arguments in pieces, which only Vertex sends")
                    out.calls.append((call["name"], call.get("args") or {}))
                elif not part.get("thought"):
                    out.text += part.get("text") or ""
        if event.get("usageMetadata"):
            out.usage = gemini_usage(event["usageMetadata"]) or out.usage
    out.whole = out.whole or not stream


def gemini_usage(usage):
    prompt = number(usage.get("promptTokenCount")) + number(usage.get("toolUsePromptTokenCount"))
    output = number(usage.get("candidatesTokenCount")) + number(usage.get("thoughtsTokenCount"))
    cached = number(usage.get("cachedContentTokenCount"))
    return (max(prompt - cached, 0), cached, 0, output)


# Google Interactions.


def interactions(out, events, stream):
    steps = {}
    for _, event in events:
        if not event:
            continue
        kind = event.get("event_type")
        if kind == "error" or event.get("error"):
            out.failed = True
            return
        if not stream:
            steps = dict(enumerate(event.get("steps") or []))
            out.usage, out.whole = interactions_usage(event.get("usage")), True
        elif kind == "step.start":
            steps[event["index"]] = {**event["step"], "pieces": ""}
        elif kind == "step.delta":
            delta, step = event["delta"], steps[event["index"]]
            if delta.get("type") == "text":
                step.setdefault("content", []).append(delta)
            elif isinstance(delta.get("arguments"), str):
                step["pieces"] += delta["arguments"]
            elif delta.get("arguments"):
                step["arguments"] = delta["arguments"]
        elif kind == "interaction.completed":
            out.usage, out.whole = interactions_usage(event["interaction"].get("usage")), True
    for _, step in sorted(steps.items()):
        if step.get("type") == "model_output":
            out.text += "".join(one.get("text") or "" for one in step.get("content") or [])
        elif step.get("type") == "function_call":
            out.calls.append((step["name"], arguments(step.get("pieces") or step.get("arguments"))))


def interactions_usage(usage):
    if not usage:
        return None
    cached = number(usage.get("total_cached_tokens"))
    prompt = number(usage.get("total_input_tokens")) + number(usage.get("total_tool_use_tokens"))
    output = number(usage.get("total_output_tokens")) + number(usage.get("total_thought_tokens"))
    return (max(prompt - cached, 0), cached, 0, output)


# Amazon Bedrock Converse.


def converse(out, events, stream):
    blocks = {}
    for name, event in events:
        if not stream:
            blocks = dict(enumerate(event["output"]["message"]["content"]))
            out.usage, out.whole = converse_usage(event.get("usage")), True
        elif name == "exception":
            out.failed = True
            return
        elif name == "contentBlockStart":
            blocks[event["contentBlockIndex"]] = dict(event["start"])
        elif name == "contentBlockDelta":
            block, delta = blocks.setdefault(event["contentBlockIndex"], {}), event["delta"]
            block["text"] = block.get("text", "") + (delta.get("text") or "")
            if "toolUse" in delta:
                block["pieces"] = block.get("pieces", "") + delta["toolUse"]["input"]
        elif name == "metadata":
            out.usage, out.whole = converse_usage(event.get("usage")), True
    for _, block in sorted(blocks.items()):
        if "toolUse" in block:
            call = block["toolUse"]
            out.calls.append((call["name"], arguments(block.get("pieces") or call.get("input"))))
        elif "citationsContent" in block:
            out.text += "".join(one.get("text") or "" for one in block["citationsContent"].get("content") or [])
        else:
            out.text += block.get("text") or ""


def converse_usage(usage):
    if not usage:
        return None
    fresh, output = number(usage.get("inputTokens")), number(usage.get("outputTokens"))
    read, written = number(usage.get("cacheReadInputTokens")), number(usage.get("cacheWriteInputTokens"))
    total = number(usage.get("totalTokens"))
    if written and total and total != fresh + output + read + written:
        fresh = max(fresh - written, 0)  # OpenAI's models there count what they write as input too
    return (fresh, read, written, output)


READERS = {
    "chat": chat,
    "responses": responses,
    "messages": messages,
    "gemini": gemini,
    "interactions": interactions,
    "converse": converse,
}
