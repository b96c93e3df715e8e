"""Vectors by the clients that ask for them: OpenAI and LangChain. MODELS are those with vectors."""

import openai
from langchain_openai import OpenAIEmbeddings

from gate import GATE, KEY, busy_once, expect, run

client = openai.OpenAI(base_url=f"{GATE}/v1", api_key=KEY, max_retries=0, timeout=30)


def base64(model):
    """The client asks for base64 by itself, and unpacks it."""
    answer = client.embeddings.create(model=model, input=["one", "two"])
    assert [row.index for row in answer.data] == [0, 1] and answer.usage.prompt_tokens > 0
    assert all(isinstance(number, float) for row in answer.data for number in row.embedding)


def floats(model):
    answer = client.embeddings.create(model=model, input="one", encoding_format="float")
    assert answer.data[0].embedding and isinstance(answer.data[0].embedding[0], float)


def of_langchain(model):
    asked = OpenAIEmbeddings(base_url=f"{GATE}/v1", api_key=KEY, model=model, check_embedding_ctx_length=False)
    assert len(asked.embed_documents(["one", "two"])) == 2


def retries(model):
    busy_once(model)
    assert client.with_options(max_retries=2).embeddings.create(model=model, input="one").data


def errors():
    missing = expect(openai.NotFoundError, lambda: client.embeddings.create(model="no-such-model", input="one"))
    assert missing.code == "model_not_found"


if __name__ == "__main__":
    run([base64, floats, of_langchain, retries], [errors])
