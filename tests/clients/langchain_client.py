"""LangChain: only base URL and key are set. PROVIDER says which of its classes asks: `chat` and `responses` are
ChatOpenAI's two ways, `messages` is ChatAnthropic.
"""

import os

import anthropic
import openai
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from gate import GATE, HANGING, KEY, PERSON, PIXEL_URL, TURNS, WEATHER, busy_once, expect, in_time, run

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": WEATHER}}


IS_ANTHROPIC = os.environ["PROVIDER"] == "messages"
sdk = anthropic if IS_ANTHROPIC else openai


def chat(model, **options):
    options = {"api_key": KEY, "model": model, "max_retries": 0, "timeout": 30, **options}
    if IS_ANTHROPIC:
        return ChatAnthropic(base_url=GATE, **options)
    return ChatOpenAI(base_url=f"{GATE}/v1", use_responses_api=os.environ["PROVIDER"] == "responses", **options)


def plain(model):
    answer = chat(model).invoke("Hello")
    assert answer.text and answer.usage_metadata["total_tokens"] > 0


def streamed(model):
    whole = None
    for chunk in chat(model, stream_usage=True).stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole.text and whole.usage_metadata["total_tokens"] > 0


def tools(model):
    bound = chat(model).bind_tools([TOOL])
    messages = [HumanMessage("The weather in Paris?")]
    for _ in range(TURNS):
        answer = bound.invoke(messages)
        [call] = answer.tool_calls
        assert call["name"] == "weather" and set(call["args"]) == {"city", "days"}, call
        messages += [answer, ToolMessage("fine", tool_call_id=call["id"])]
    last = bound.invoke(messages)
    assert last.text and not last.tool_calls


def images(model):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL_URL}}]
    assert "1 images" in chat(model).invoke([HumanMessage(content)]).text


def json_schema(model):
    person = chat(model).with_structured_output({"title": "person", **PERSON}, method="json_schema")
    assert set(person.invoke("Invent a person")) == {"name", "age"}


def retries(model):
    busy_once(model)
    assert chat(model, max_retries=2).invoke("Hello").text


def errors():
    missing = expect(sdk.NotFoundError, lambda: chat("no-such-model").invoke("Hello"))
    assert "model_not_found" in str(missing.body), missing.body


def time_out():
    in_time(sdk.APITimeoutError, lambda: chat(HANGING, timeout=0.5).invoke("Hello"))


if __name__ == "__main__":
    run([plain, streamed, tools, images, json_schema, retries], [errors, time_out])
