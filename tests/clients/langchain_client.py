"""LangChain's ChatOpenAI: only base URL and key are set."""

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from gate import GATE, HANGING, KEY, PERSON, PIXEL_URL, TURNS, WEATHER, busy_once, expect, in_time, run

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": WEATHER}}


def chat(model):
    return ChatOpenAI(base_url=f"{GATE}/v1", api_key=KEY, model=model, max_retries=0, timeout=30)


def plain(model):
    answer = chat(model).invoke("Hello")
    assert answer.text and answer.usage_metadata["total_tokens"] > 0


def streamed(model):
    whole = None
    for chunk in chat(model).stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole.text and whole.response_metadata["finish_reason"] == "stop"


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
    patient = ChatOpenAI(base_url=f"{GATE}/v1", api_key=KEY, model=model, max_retries=2, timeout=30)
    assert patient.invoke("Hello").text


def errors():
    missing = expect(openai.NotFoundError, lambda: chat("no-such-model").invoke("Hello"))
    assert missing.code == "model_not_found"


def time_out():
    hasty = ChatOpenAI(base_url=f"{GATE}/v1", api_key=KEY, model=HANGING, max_retries=0, timeout=0.5)
    in_time(openai.APITimeoutError, lambda: hasty.invoke("Hello"))


if __name__ == "__main__":
    run([plain, streamed, tools, images, json_schema, retries], [errors, time_out])
