// The official OpenAI client for Node, over Responses: only base URL and key are set.

import OpenAI from "openai";

import { GATE, HANGING, KEY, PERSON, PIXEL_URL, TURNS, WEATHER } from "./gate.mjs";
import { busyOnce, fails, holds, inTime, names, run } from "./gate.mjs";

const client = new OpenAI({ baseURL: `${GATE}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const user = (content) => [{ role: "user", content }];
const tools = [{ type: "function", name: "weather", description: "x", parameters: WEATHER, strict: false }];
const ask = (model, input, more, options) => client.responses.create({ model, input, ...more }, options);

async function plain(model) {
  const answer = await ask(model, "Hello");
  holds(answer.status === "completed" && answer.output_text && answer.usage.total_tokens > 0, "text and usage");
}

async function streamed(model) {
  let [text, last] = ["", null];
  for await (const event of await ask(model, "Hello", { stream: true })) {
    if (event.type === "response.output_text.delta") text += event.delta;
    last = event;
  }
  holds(text && last.type === "response.completed" && last.response.usage.total_tokens > 0, "text, an end, usage");
}

async function toolsForThreeTurns(model) {
  const items = user("The weather in Paris?");
  for (let turn = 0; turn < TURNS; turn++) {
    const answer = await ask(model, items, { tools, store: false });
    const call = answer.output.find((item) => item.type === "function_call");
    holds(call.name === "weather" && names(JSON.parse(call.arguments)) === "city,days", "a call");
    items.push(...answer.output, { type: "function_call_output", call_id: call.call_id, output: "fine" });
  }
  const last = await ask(model, items, { tools, store: false });
  holds(last.output_text, "words at the end");
}

async function images(model) {
  const content = [{ type: "input_text", text: "?" }, { type: "input_image", image_url: PIXEL_URL, detail: "auto" }];
  holds((await ask(model, user(content))).output_text.includes("1 images"), "the image came");
}

async function jsonSchema(model) {
  const text = { format: { type: "json_schema", name: "person", strict: true, schema: PERSON } };
  holds(names(JSON.parse((await ask(model, "A person", { text })).output_text)) === "age,name", "it fits the schema");
}

async function retries(model) {
  await busyOnce(model);
  holds((await ask(model, "Hello", {}, { maxRetries: 2 })).output_text, "the client came back");
}

async function errors() {
  const missing = await fails(() => ask("no-such-model", "Hello"));
  holds(missing instanceof OpenAI.NotFoundError && missing.code === "model_not_found", missing);
}

async function timeOut() {
  const late = await inTime(() => ask(HANGING, "Hello", {}, { timeout: 500 }));
  holds(late instanceof OpenAI.APIConnectionTimeoutError, late);
}

await run([plain, streamed, toolsForThreeTurns, images, jsonSchema, retries], [errors, timeOut]);
