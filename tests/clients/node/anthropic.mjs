// The official Anthropic client for Node: only base URL and key are set.

import Anthropic from "@anthropic-ai/sdk";

import { GATE, HANGING, KEY, MODELS, PERSON, PIXEL, TURNS, WEATHER } from "./gate.mjs";
import { busyOnce, fails, holds, inTime, names, run } from "./gate.mjs";

const client = new Anthropic({ baseURL: GATE, apiKey: KEY, maxRetries: 0, timeout: 30_000 });
const user = (content) => [{ role: "user", content }];
const tools = [{ name: "weather", description: "The weather", input_schema: WEATHER }];
const hello = { max_tokens: 64, messages: user("Hello") };
const textOf = (message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

async function plain(model) {
  const message = await client.messages.create({ model, ...hello });
  holds(textOf(message) && message.stop_reason === "end_turn" && message.usage.output_tokens > 0, message);
}

async function streamed(model) {
  const pieces = [];
  const stream = client.messages.stream({ model, ...hello }).on("text", (piece) => pieces.push(piece));
  const message = await stream.finalMessage();
  holds(pieces.length > 2 && pieces.join("") === textOf(message), "a stream is its message");
}

async function toolsForThreeTurns(model) {
  const messages = user("The weather in Paris?");
  for (let turn = 0; turn < TURNS; turn++) {
    const message = await client.messages.create({ model, max_tokens: 64, messages, tools });
    const call = message.content.find((block) => block.type === "tool_use");
    holds(message.stop_reason === "tool_use" && call.name === "weather", "a call");
    holds(names(call.input) === "city,days", "of the right members");
    const result = { type: "tool_result", tool_use_id: call.id, content: "fine" };
    messages.push({ role: "assistant", content: message.content }, ...user([result]));
  }
  const last = await client.messages.create({ model, max_tokens: 64, messages, tools });
  holds(last.stop_reason === "end_turn" && textOf(last), "words at the end");
}

async function images(model) {
  const source = { type: "base64", media_type: "image/png", data: PIXEL };
  const content = [{ type: "text", text: "What is this?" }, { type: "image", source }];
  const message = await client.messages.create({ model, max_tokens: 64, messages: user(content) });
  holds(textOf(message).includes("1 images"), "the image came");
}

async function jsonSchema(model) {
  const output_config = { format: { type: "json_schema", schema: PERSON } };
  const message = await client.messages.create({ model, ...hello, output_config });
  holds(names(JSON.parse(textOf(message))) === "age,name", "the answer fits the schema");
}

async function retries(model) {
  await busyOnce(model);
  holds(textOf(await client.messages.create({ model, ...hello }, { maxRetries: 2 })), "the client came back");
}

async function errors() {
  const missing = await fails(() => client.messages.create({ model: "no-such-model", ...hello }));
  holds(missing instanceof Anthropic.NotFoundError && missing.message.includes("model_not_found"), missing);
  const stranger = new Anthropic({ baseURL: GATE, apiKey: "tgk_wrong", maxRetries: 0 });
  const refused = await fails(() => stranger.messages.create({ model: MODELS[0], ...hello }));
  holds(refused instanceof Anthropic.AuthenticationError, refused);
}

async function timeOut() {
  const late = await inTime(() => client.messages.create({ model: HANGING, ...hello }, { timeout: 500 }));
  holds(late instanceof Anthropic.APIConnectionTimeoutError, late);
}

await run([plain, streamed, toolsForThreeTurns, images, jsonSchema, retries], [errors, timeOut]);
