// Vectors by OpenAI's client for Node and by the Vercel AI SDK. MODELS are those with vectors.

import { createOpenAI } from "@ai-sdk/openai";
import { embedMany } from "ai";
import OpenAI from "openai";

import { GATE, KEY, busyOnce, fails, holds, run } from "./gate.mjs";

const at = { baseURL: `${GATE}/v1`, apiKey: KEY };
const client = new OpenAI({ ...at, maxRetries: 0, timeout: 30_000 });

async function ofOpenai(model) {
  const answer = await client.embeddings.create({ model, input: ["one", "two"] });
  holds(answer.data.length === 2 && answer.data.every((row) => typeof row.embedding[0] === "number"), "vectors");
}

async function ofVercel(model) {
  const { embeddings, usage } = await embedMany({ model: createOpenAI(at).embedding(model), values: ["one", "two"] });
  holds(embeddings.length === 2 && usage.tokens > 0, "a vector for each, and usage");
}

async function retries(model) {
  await busyOnce(model);
  holds((await client.embeddings.create({ model, input: "one" }, { maxRetries: 2 })).data.length === 1, "it came back");
}

async function errors() {
  const missing = await fails(() => client.embeddings.create({ model: "no-such-model", input: "one" }));
  holds(missing instanceof OpenAI.NotFoundError && missing.code === "model_not_found", missing);
}

await run([ofOpenai, ofVercel, retries], [errors]);
