"""The official OpenAI client for Python: only base URL and key are set."""

import asyncio
import json

import openai

from gate import GATE, HANGING, KEY, MODELS, PERSON, PIXEL_URL, TURNS, WEATHER, busy_once, expect, in_time, run

BASE_URL = f"{GATE}/v1"
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather at a place", "parameters": WEATHER}},
    {
        "type": "function",
        "function": {
            "name": "clock",
            "description": "The time in a zone",
            "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
        },
    },
]

client = openai.OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30)


def user(content):
    return [{"role": "user", "content": content}]


def plain(model):
    answer = client.chat.completions.create(model=model, messages=user("Hello"), max_tokens=64)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content, "an answer has text"
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def headers(model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=user("Hello"))
    assert raw.headers["x-tollgate-request-id"].startswith("req_")
    assert raw.headers["x-tollgate-endpoint"]
    assert float(raw.headers["x-tollgate-cost-usd"]) > 0


def streamed(model):
    text, finish, usage, chunks = "", None, None, 0
    stream = client.chat.completions.create(
        model=model, messages=user("Hello"), stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        chunks += 1
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert chunks > 2 and text and finish in ("stop", "length"), (chunks, text, finish)
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.cost > 0, "the usage chunk carries the cost"


def streamed_without_usage(model):
    for chunk in client.chat.completions.create(model=model, messages=user("Hello"), stream=True):
        assert chunk.usage is None, "usage was not asked for"
        assert chunk.choices, "a chunk without choices is the usage chunk, which was not asked for"


def tools(model):
    """Two calls at once, then their results, three times; then text."""
    messages = user("The weather and the time in Paris?")
    for _ in range(TURNS):
        answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
        calls = answer.choices[0].message.tool_calls
        assert answer.choices[0].finish_reason == "tool_calls"
        assert [c.function.name for c in calls] == ["weather", "clock"], calls
        assert len({c.id for c in calls}) == 2
        assert set(json.loads(calls[0].function.arguments)) == {"city", "days"}
        messages.append(answer.choices[0].message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "fine"} for c in calls]
    last = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert last.choices[0].finish_reason == "stop" and last.choices[0].message.content


def streamed_tools(model):
    calls = {}
    stream = client.chat.completions.create(
        model=model, messages=user("The weather and the time in Paris?"), tools=TOOLS, stream=True
    )
    finish = None
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, {"id": None, "name": None, "arguments": ""})
                known["id"] = call.id or known["id"]
                known["name"] = call.function.name or known["name"]
                known["arguments"] += call.function.arguments or ""
    assert finish == "tool_calls", finish
    assert [calls[i]["name"] for i in sorted(calls)] == ["weather", "clock"], calls
    assert set(json.loads(calls[0]["arguments"])) == {"city", "days"}


def images(model):
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL_URL}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
    ]
    answer = client.chat.completions.create(model=model, messages=user(content))
    assert "2 images" in answer.choices[0].message.content, answer.choices[0].message.content


def json_schema(model):
    answer = client.chat.completions.create(
        model=model,
        messages=user("Invent a person"),
        response_format={"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}},
    )
    assert set(json.loads(answer.choices[0].message.content)) == {"name", "age"}


def system_prompt_and_turns(model):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
    ]
    assert client.chat.completions.create(model=model, messages=messages, temperature=0.2).choices


def in_parallel(model):
    asyncio.run(many_at_once(model))


async def many_at_once(model):
    many = openai.AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30)
    asks = [many.chat.completions.create(model=model, messages=user(f"Hello {i}")) for i in range(8)]
    answers = await asyncio.gather(*asks)
    assert len({a.id for a in answers}) == 8
    await many.close()


def retries(model):
    """A vendor without rivals says that it is busy: the client comes back when it is told to."""
    busy_once(model)
    patient = client.with_options(max_retries=2)
    assert patient.chat.completions.create(model=model, messages=user("Hello")).choices[0].message.content
    busy_once(model)
    busy = expect(openai.InternalServerError, lambda: plain(model))
    assert busy.response.headers["retry-after"], "the client is told when to come back"


def time_out():
    hasty = client.with_options(timeout=0.5)
    in_time(
        openai.APITimeoutError, lambda: hasty.chat.completions.create(model=HANGING, messages=user("Hello"))
    )


def errors():
    missing = expect(
        openai.NotFoundError,
        lambda: client.chat.completions.create(model="no-such-model", messages=user("Hello")),
    )
    assert missing.code == "model_not_found" and missing.param == "model"
    assert missing.body["doc_url"].endswith("#model_not_found")
    stranger = openai.OpenAI(base_url=BASE_URL, api_key="tgk_wrong", max_retries=0)
    refused = expect(
        openai.AuthenticationError,
        lambda: stranger.chat.completions.create(model=MODELS[0], messages=user("Hello")),
    )
    assert refused.code == "invalid_key"
    expect(openai.BadRequestError, lambda: client.chat.completions.create(model=MODELS[0], messages=[]))


def models():
    listed = {m.id for m in client.models.list()}
    assert set(MODELS) <= listed, listed
    assert client.models.retrieve(MODELS[0]).id == MODELS[0]


if __name__ == "__main__":
    run(
        [
            plain,
            headers,
            streamed,
            streamed_without_usage,
            tools,
            streamed_tools,
            images,
            json_schema,
            system_prompt_and_turns,
            in_parallel,
            retries,
        ],
        [errors, models, time_out],
    )
