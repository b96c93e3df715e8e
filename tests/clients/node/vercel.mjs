// The Vercel AI SDK: only base URL and key are set. PROVIDER says which of its providers asks: `chat` and
// `responses` of @ai-sdk/openai, `anthropic` of @ai-sdk/anthropic.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateObject, generateText, jsonSchema as schema, stepCountIs, streamText, tool } from "ai";

import { GATE, HANGING, KEY, PERSON, PIXEL, TURNS, WEATHER } from "./gate.mjs";
import { busyOnce, fails, holds, inTime, names, run } from "./gate.mjs";

const at = { baseURL: `${GATE}/v1`, apiKey: KEY };
const providers = {
  chat: (model) => createOpenAI(at).chat(model),
  responses: (model) => createOpenAI(at)(model),
  anthropic: (model) => createAnthropic(at)(model),
};
const ask = providers[process.env.PROVIDER];

async function plain(model) {
  const { text, usage } = await generateText({ model: ask(model), prompt: "Hello", maxRetries: 0 });
  holds(text && usage.totalTokens > 0, "an answer has text and usage");
}

async function streamed(model) {
  const { textStream, finishReason } = streamText({ model: ask(model), prompt: "Hello", maxRetries: 0 });
  let [text, pieces] = ["", 0];
  for await (const piece of textStream) {
    text += piece;
    pieces += 1;
  }
  holds(text && pieces > 2 && (await finishReason) === "stop", "a stream has text in pieces, and an end");
}

async function toolsForThreeTurns(model) {
  const asked = [];
  const execute = (input) => {
    asked.push(names(input));
    return "fine";
  };
  const tools = { weather: tool({ description: "The weather", inputSchema: schema(WEATHER), execute }) };
  const stopWhen = stepCountIs(TURNS + 2);
  const answer = await generateText({ model: ask(model), tools, stopWhen, prompt: "The weather?", maxRetries: 0 });
  holds(asked.length === TURNS && asked.every((members) => members === "city,days"), `three calls, not ${asked}`);
  holds(answer.text && answer.steps.length === TURNS + 1, "and words at the end");
}

async function images(model) {
  const content = [{ type: "text", text: "What is this?" }, { type: "image", image: PIXEL, mediaType: "image/png" }];
  const { text } = await generateText({ model: ask(model), messages: [{ role: "user", content }], maxRetries: 0 });
  holds(text.includes("1 images"), "the image came");
}

async function jsonSchema(model) {
  const wanted = { model: ask(model), schema: schema(PERSON), schemaName: "person", prompt: "A person" };
  const { object } = await generateObject({ ...wanted, maxRetries: 0 });
  holds(names(object) === "age,name", "the answer fits the schema");
}

async function retries(model) {
  await busyOnce(model);
  const { text } = await generateText({ model: ask(model), prompt: "Hello", maxRetries: 2 });
  holds(text, "the client came back");
}

async function errors() {
  const missing = await fails(() => generateText({ model: ask("no-such-model"), prompt: "Hello", maxRetries: 0 }));
  holds(APICallError.isInstance(missing) && missing.statusCode === 404, missing);
  holds(missing.responseBody.includes("model_not_found"), missing.responseBody);
}

async function timeOut() {
  const hasty = { model: ask(HANGING), prompt: "Hello", maxRetries: 0 };
  await inTime(() => generateText({ ...hasty, abortSignal: AbortSignal.timeout(500) }));
}

await run([plain, streamed, toolsForThreeTurns, images, jsonSchema, retries], [errors, timeOut]);
