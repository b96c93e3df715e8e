"""The official Google GenAI client for Python: only base URL and key are set."""

import base64
import json

from google import genai
from google.genai import errors as genai_errors
from google.genai import types

from gate import GATE, HANGING, KEY, MODELS, PERSON, PIXEL, TURNS, WEATHER, busy_once, expect, in_time, run

TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="weather", description="The weather", parameters_json_schema=WEATHER)
    ]
)
# Calls are looked at here, not made by the package.
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


def client_with(key=KEY, **options):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=GATE, **options))


client = client_with()


def ask(model, contents="Hello", by=client, **config):
    config = types.GenerateContentConfig(**config) if config else None
    return by.models.generate_content(model=model, contents=contents, config=config)


def plain(model):
    answer = ask(model)
    assert answer.text and answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count > 0 and answer.usage_metadata.candidates_token_count > 0


def streamed(model):
    chunks = list(client.models.generate_content_stream(model=model, contents="Hello"))
    assert len(chunks) > 2 and "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].usage_metadata.total_token_count > 0


def tools(model):
    contents = [types.Content(role="user", parts=[types.Part(text="The weather in Paris?")])]
    for _ in range(TURNS):
        answer = ask(model, contents, tools=[TOOL], automatic_function_calling=BY_HAND)
        [call] = answer.function_calls
        assert call.name == "weather" and set(call.args) == {"city", "days"}, call
        result = types.FunctionResponse(id=call.id, name=call.name, response={"output": "fine"})
        contents += [
            answer.candidates[0].content,
            types.Content(role="user", parts=[types.Part(function_response=result)]),
        ]
    last = ask(model, contents, tools=[TOOL], automatic_function_calling=BY_HAND)
    assert last.text and not last.function_calls


def images(model):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    assert "1 images" in ask(model, ["What is this?", image]).text


def json_schema(model):
    answer = ask(model, "A person", response_mime_type="application/json", response_json_schema=PERSON)
    assert set(json.loads(answer.text)) == {"name", "age"}


def system_prompt(model):
    assert ask(model, system_instruction="Be brief.", max_output_tokens=64, temperature=0.2).text


def retries(model):
    busy_once(model)
    patient = client_with(retry_options=types.HttpRetryOptions(attempts=3, initial_delay=1.2))
    assert ask(model, by=patient).text


def errors():
    missing = expect(genai_errors.ClientError, lambda: ask("no-such-model"))
    assert missing.code == 404 and missing.status == "NOT_FOUND", missing
    assert "model_not_found" in str(missing.details), missing.details
    refused = expect(genai_errors.ClientError, lambda: ask(MODELS[0], by=client_with("tgk_wrong")))
    assert refused.code in (400, 401, 403), refused


def time_out():
    """The error is that of the HTTP client beneath, whichever it is."""
    late = in_time(Exception, lambda: ask(HANGING, by=client_with(timeout=500)))
    assert "Timeout" in type(late).__name__, late


if __name__ == "__main__":
    run([plain, streamed, tools, images, json_schema, system_prompt, retries], [errors, time_out])
