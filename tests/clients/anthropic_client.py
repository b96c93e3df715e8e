"""The official Anthropic client for Python: only base URL and key are set."""

import json

import anthropic

from gate import GATE, HANGING, KEY, MODELS, PERSON, PIXEL, TURNS, WEATHER, busy_once, expect, in_time, run

TOOL = {"name": "weather", "description": "The weather at a place", "input_schema": WEATHER}

client = anthropic.Anthropic(base_url=GATE, api_key=KEY, max_retries=0, timeout=30)


def user(content):
    return [{"role": "user", "content": content}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def ask(model, content="Hello", **options):
    asked = options.pop("client", client)
    return asked.messages.create(model=model, max_tokens=64, messages=user(content), **options)


def plain(model):
    message = ask(model)
    assert message.role == "assistant" and message.stop_reason == "end_turn" and text_of(message)
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0


def headers(model):
    raw = client.messages.with_raw_response.create(model=model, max_tokens=64, messages=user("Hello"))
    assert raw.headers["x-tollgate-request-id"].startswith("req_") and raw.headers["x-tollgate-endpoint"]


def streamed(model):
    with client.messages.stream(model=model, max_tokens=64, messages=user("Hello")) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    assert len(pieces) > 2 and "".join(pieces) == text_of(message)
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0


def tools(model):
    messages = user("The weather in Paris?")
    for _ in range(TURNS):
        message = client.messages.create(model=model, max_tokens=64, messages=messages, tools=[TOOL])
        [call] = [block for block in message.content if block.type == "tool_use"]
        assert message.stop_reason == "tool_use" and call.name == "weather", message
        assert set(call.input) == {"city", "days"}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "fine"}
        messages += [{"role": "assistant", "content": message.content}, *user([result])]
    last = client.messages.create(model=model, max_tokens=64, messages=messages, tools=[TOOL])
    assert last.stop_reason == "end_turn" and text_of(last)


def streamed_tools(model):
    with client.messages.stream(
        model=model, max_tokens=64, messages=user("The weather in Paris?"), tools=[TOOL]
    ) as stream:
        message = stream.get_final_message()
    [call] = [block for block in message.content if block.type == "tool_use"]
    assert set(call.input) == {"city", "days"}


def images(model):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    message = ask(model, [{"type": "text", "text": "What is this?"}, {"type": "image", "source": source}])
    assert "1 images" in text_of(message), text_of(message)


def json_schema(model):
    message = ask(model, "Invent a person", output_config={"format": {"type": "json_schema", "schema": PERSON}})
    assert set(json.loads(text_of(message))) == {"name", "age"}


def system_prompt(model):
    assert text_of(ask(model, system=[{"type": "text", "text": "Be brief."}]))


def counted(model):
    assert client.messages.count_tokens(model=model, messages=user("Hello there")).input_tokens > 0


def retries(model):
    busy_once(model)
    assert text_of(ask(model, client=client.with_options(max_retries=2)))


def errors():
    missing = expect(anthropic.NotFoundError, lambda: ask("no-such-model"))
    assert missing.body["error"]["type"] == "not_found_error", missing.body
    assert "model_not_found" in str(missing.body), missing.body
    stranger = anthropic.Anthropic(base_url=GATE, api_key="tgk_wrong", max_retries=0)
    expect(anthropic.AuthenticationError, lambda: ask(MODELS[0], client=stranger))
    bearer = anthropic.Anthropic(base_url=GATE, api_key=None, auth_token=KEY, max_retries=0)
    assert text_of(ask(MODELS[0], client=bearer))


def time_out():
    in_time(anthropic.APITimeoutError, lambda: ask(HANGING, client=client.with_options(timeout=0.5)))


if __name__ == "__main__":
    run(
        [
            plain,
            headers,
            streamed,
            tools,
            streamed_tools,
            images,
            json_schema,
            system_prompt,
            counted,
            retries,
        ],
        [errors, time_out],
    )
