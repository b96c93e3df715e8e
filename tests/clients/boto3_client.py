"""Amazon's own client for Python, and Anthropic's for Amazon: address and key only.

Conversations go to any vendor; what is invoked goes to Amazon's machines as it is. Over TLS the key is a bearer token
(AWS_BEARER_TOKEN_BEDROCK), in clear text the id of who signs (AWS_ACCESS_KEY_ID): the environment says which.
"""

import base64
import json

import boto3
from anthropic import AnthropicBedrock
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from gate import GATE, HANGING, KEY, MODELS, PIXEL, TURNS, WEATHER, expect, in_time, next_answers, run

INVOKED = "only-amazon"
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": WEATHER}}}]}


def amazon(attempts=1, patience=30):
    settings = Config(retries={"max_attempts": attempts, "mode": "standard"}, read_timeout=patience)
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=GATE, config=settings)


client = amazon()


def user(*content):
    return {"role": "user", "content": list(content)}


def text_of(answer):
    return "".join(block.get("text", "") for block in answer["output"]["message"]["content"])


def ask(model, *content, client=client, **options):
    return client.converse(modelId=model, messages=[user(*(content or ({"text": "Hello"},)))], **options)


def plain(model):
    answer = ask(model, inferenceConfig={"maxTokens": 64, "temperature": 0.5}, system=[{"text": "Be brief."}])
    assert answer["stopReason"] == "end_turn" and text_of(answer)
    assert answer["usage"]["inputTokens"] > 0 and answer["usage"]["outputTokens"] > 0
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-tollgate-request-id"].startswith("req_")


def streamed(model):
    events = list(client.converse_stream(modelId=model, messages=[user({"text": "Hello"})])["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert len(deltas) > 2 and "".join(deltas)
    assert [event["messageStop"]["stopReason"] for event in events if "messageStop" in event] == ["end_turn"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0


def tools(model):
    messages = [user({"text": "The weather in Paris?"})]
    for _ in range(TURNS):
        answer = client.converse(modelId=model, messages=messages, toolConfig=TOOLS)
        assert answer["stopReason"] == "tool_use", answer
        message = answer["output"]["message"]
        [call] = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        assert call["name"] == "weather" and set(call["input"]) == {"city", "days"}
        result = {"toolUseId": call["toolUseId"], "content": [{"text": "fine"}]}
        messages += [message, user({"toolResult": result})]
    last = client.converse(modelId=model, messages=messages, toolConfig=TOOLS)
    assert last["stopReason"] == "end_turn" and text_of(last)


def images(model):
    picture = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PIXEL)}}}
    answer = ask(model, {"text": "What is this?"}, picture)
    assert "1 images" in text_of(answer), text_of(answer)


def retries(model):
    # Amazon's clients do not read `retry-after`: they are back before a second has passed.
    next_answers(model, {"fault": {"status": {"status": 503}}})
    assert text_of(ask(model, client=amazon(attempts=3)))


def errors():
    missing = expect(ClientError, lambda: ask("no-such-model"))
    assert missing.response["ResponseMetadata"]["HTTPStatusCode"] == 404, missing.response
    assert "no-such-model" in missing.response["Error"]["Message"], missing.response
    expect(client.exceptions.ResourceNotFoundException, lambda: ask("no-such-model"))


def time_out():
    in_time(ReadTimeoutError, lambda: ask(HANGING, client=amazon(patience=0.5)))


def invoked():
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [user({"type": "text", "text": "Hi"})]}
    answer = client.invoke_model(modelId=INVOKED, body=json.dumps(body), guardrailIdentifier="strict", guardrailVersion="1")
    assert json.loads(answer["body"].read())["content"][0]["text"] == "strict"
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-output-token-count"] == "22"


def invoked_streamed():
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []})
    stream = client.invoke_model_with_response_stream(modelId=INVOKED, body=body)["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in stream]
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 22, chunks


def anthropics_own():
    asked = AnthropicBedrock(base_url=GATE, api_key=KEY, aws_region="us-east-1", max_retries=0)
    message = asked.messages.create(model=INVOKED, max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    assert message.content[0].text == "unguarded" and message.usage.output_tokens == 22, message


if __name__ == "__main__":
    run(
        [plain, streamed, tools, images, retries],
        [errors, time_out, invoked, invoked_streamed, anthropics_own],
    )
