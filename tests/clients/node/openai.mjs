// The official OpenAI client for Node, over Chat Completions: only base URL and key are set.

import OpenAI from "openai";

import { GATE, HANGING, KEY, MODELS, PERSON, PIXEL_URL, TURNS, WEATHER } from "./gate.mjs";
import { busyOnce, fails, holds, inTime, names, run } from "./gate.mjs";

const client = new OpenAI({ baseURL: `${GATE}/v1`, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const user = (content) => [{ role: "user", content }];
const tools = [{ type: "function", function: { name: "weather", description: "The weather", parameters: WEATHER } }];
const ask = (model, body, options) => client.chat.completions.create({ model, ...body }, options);

async function plain(model) {
  const answer = await ask(model, { messages: user("Hello") });
  holds(answer.choices[0].message.content && answer.usage.total_tokens > 0, "an answer has text and usage");
}

async function streamed(model) {
  const options = { stream: true, stream_options: { include_usage: true } };
  let [text, finish, usage] = ["", null, null];
  for await (const chunk of await ask(model, { messages: user("Hello"), ...options })) {
    text += chunk.choices[0]?.delta.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  holds(text && finish === "stop" && usage.completion_tokens > 0, "a stream has text, an end and usage");
}

async function toolsForThreeTurns(model) {
  const messages = user("The weather in Paris?");
  for (let turn = 0; turn < TURNS; turn++) {
    const answer = await ask(model, { messages, tools });
    const [call] = answer.choices[0].message.tool_calls;
    holds(answer.choices[0].finish_reason === "tool_calls" && call.function.name === "weather", "a call");
    holds(names(JSON.parse(call.function.arguments)) === "city,days", "of the right members");
    messages.push(answer.choices[0].message, { role: "tool", tool_call_id: call.id, content: "fine" });
  }
  const last = await ask(model, { messages, tools });
  holds(last.choices[0].finish_reason === "stop" && last.choices[0].message.content, "words at the end");
}

async function images(model) {
  const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: PIXEL_URL } }];
  const answer = await ask(model, { messages: user(content) });
  holds(answer.choices[0].message.content.includes("1 images"), "the image came");
}

async function jsonSchema(model) {
  const format = { type: "json_schema", json_schema: { name: "person", strict: true, schema: PERSON } };
  const answer = await client.chat.completions.parse({ model, messages: user("A person"), response_format: format });
  holds(names(answer.choices[0].message.parsed) === "age,name", "the answer fits the schema");
}

async function retries(model) {
  await busyOnce(model);
  const answer = await ask(model, { messages: user("Hello") }, { maxRetries: 2 });
  holds(answer.choices[0].message.content, "the client came back");
}

async function errors() {
  const missing = await fails(() => ask("no-such-model", { messages: user("Hello") }));
  holds(missing instanceof OpenAI.NotFoundError && missing.code === "model_not_found", missing);
  const stranger = new OpenAI({ baseURL: `${GATE}/v1`, apiKey: "tgk_wrong", maxRetries: 0 });
  const refused = await fails(() => stranger.chat.completions.create({ model: MODELS[0], messages: user("Hello") }));
  holds(refused instanceof OpenAI.AuthenticationError && refused.code === "invalid_key", refused);
}

async function timeOut() {
  const late = await inTime(() => ask(HANGING, { messages: user("Hello") }, { timeout: 500 }));
  holds(late instanceof OpenAI.APIConnectionTimeoutError, late);
}

await run([plain, streamed, toolsForThreeTurns, images, jsonSchema, retries], [errors, timeOut]);
