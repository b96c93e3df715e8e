"""The official OpenAI client for Python over Responses: only base URL and key are set."""

import json

import openai

from gate import GATE, HANGING, KEY, PERSON, PIXEL_URL, TURNS, WEATHER, busy_once, expect, in_time, run

TOOL = {"type": "function", "name": "weather", "description": "The weather", "parameters": WEATHER, "strict": False}

client = openai.OpenAI(base_url=f"{GATE}/v1", api_key=KEY, max_retries=0, timeout=30)


def ask(model, content="Hello", by=client, **options):
    return by.responses.create(model=model, input=content, **options)


def user(content):
    return [{"role": "user", "content": content}]


def plain(model):
    answer = ask(model, instructions="Be brief.")
    assert answer.status == "completed" and answer.output_text
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


def streamed(model):
    with client.responses.stream(model=model, input="Hello") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        answer = stream.get_final_response()
    assert len(pieces) > 2 and "".join(pieces) == answer.output_text
    assert answer.status == "completed" and answer.usage.total_tokens > 0


def tools(model):
    items = user("The weather in Paris?")
    for _ in range(TURNS):
        answer = ask(model, items, tools=[TOOL], store=False)
        [call] = [item for item in answer.output if item.type == "function_call"]
        assert call.name == "weather" and set(json.loads(call.arguments)) == {"city", "days"}, call
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": "fine"})
    last = ask(model, items, tools=[TOOL], store=False)
    assert last.output_text and not [item for item in last.output if item.type == "function_call"]


def streamed_tools(model):
    with client.responses.stream(model=model, input="The weather?", tools=[TOOL]) as stream:
        answer = stream.get_final_response()
    [call] = [item for item in answer.output if item.type == "function_call"]
    assert set(json.loads(call.arguments)) == {"city", "days"}


def images(model):
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PIXEL_URL}]
    answer = ask(model, user(content))
    assert "1 images" in answer.output_text, answer.output_text


def json_schema(model):
    text = {"format": {"type": "json_schema", "name": "person", "strict": True, "schema": PERSON}}
    assert set(json.loads(ask(model, "Invent a person", text=text).output_text)) == {"name", "age"}


def retries(model):
    busy_once(model)
    assert ask(model, by=client.with_options(max_retries=2)).output_text


def errors():
    missing = expect(openai.NotFoundError, lambda: ask("no-such-model"))
    assert missing.code == "model_not_found" and missing.param == "model"


def time_out():
    in_time(openai.APITimeoutError, lambda: ask(HANGING, by=client.with_options(timeout=0.5)))


if __name__ == "__main__":
    run([plain, streamed, tools, streamed_tools, images, json_schema, retries], [errors, time_out])
