"""LlamaIndex's OpenAILike: only base URL and key are set."""

import json

import openai
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from gate import GATE, HANGING, KEY, PIXEL_URL, TURNS, busy_once, expect, in_time, run


class Person(BaseModel):
    name: str
    age: int


def weather(city: str, days: int) -> str:
    """The weather at a place."""
    return "fine"


def llm(model, **options):
    return OpenAILike(
        api_base=f"{GATE}/v1",
        api_key=KEY,
        model=model,
        is_chat_model=True,
        is_function_calling_model=True,
        should_use_structured_outputs=True,
        **{"max_retries": 0, "timeout": 30, **options},
    )


def user(text):
    return [ChatMessage(role="user", content=text)]


def plain(model):
    assert llm(model).chat(user("Hello")).message.content


def streamed(model):
    pieces = [piece.delta for piece in llm(model).stream_chat(user("Hello"))]
    assert len(pieces) > 2 and "".join(piece or "" for piece in pieces)


def tools(model):
    asked, tool = llm(model), FunctionTool.from_defaults(weather)
    messages = user("The weather in Paris?")
    for _ in range(TURNS):
        answer = asked.chat_with_tools([tool], chat_history=messages)
        [call] = asked.get_tool_calls_from_response(answer)
        assert call.tool_name == "weather" and set(call.tool_kwargs) == {"city", "days"}, call
        said = tool.call(**call.tool_kwargs).content
        result = ChatMessage(role="tool", content=said, additional_kwargs={"tool_call_id": call.tool_id})
        messages += [answer.message, result]
    last = asked.chat_with_tools([tool], chat_history=messages)
    assert last.message.content and not asked.get_tool_calls_from_response(last, error_on_no_tool_call=False)


def images(model):
    blocks = [TextBlock(text="What is this?"), ImageBlock(url=PIXEL_URL)]
    assert "1 images" in llm(model).chat([ChatMessage(role="user", blocks=blocks)]).message.content


def json_schema(model):
    answer = llm(model).as_structured_llm(Person).chat(user("Invent a person"))
    assert set(json.loads(answer.message.content)) == {"name", "age"}


def retries(model):
    busy_once(model)
    assert llm(model, max_retries=2).chat(user("Hello")).message.content


def errors():
    missing = expect(openai.NotFoundError, lambda: llm("no-such-model").chat(user("Hello")))
    assert missing.code == "model_not_found"


def time_out():
    in_time(openai.APITimeoutError, lambda: llm(HANGING, timeout=0.5).chat(user("Hello")))


if __name__ == "__main__":
    run([plain, streamed, tools, images, json_schema, retries], [errors, time_out])
