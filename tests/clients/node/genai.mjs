// The official Google GenAI client for Node: only base URL and key are set.

import { ApiError, GoogleGenAI } from "@google/genai";

import { GATE, HANGING, KEY, MODELS, PERSON, PIXEL, TURNS, WEATHER } from "./gate.mjs";
import { fails, holds, inTime, names, run } from "./gate.mjs";

const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: GATE } });
const tools = [{ functionDeclarations: [{ name: "weather", description: "x", parametersJsonSchema: WEATHER }] }];
const ask = (model, contents, config, by = client) => by.models.generateContent({ model, contents, config });

async function plain(model) {
  const answer = await ask(model, "Hello");
  holds(answer.text && answer.usageMetadata.totalTokenCount > 0, "an answer has text and usage");
}

async function streamed(model) {
  let [text, usage, pieces] = ["", null, 0];
  for await (const chunk of await client.models.generateContentStream({ model, contents: "Hello" })) {
    text += chunk.text ?? "";
    usage = chunk.usageMetadata ?? usage;
    pieces += 1;
  }
  holds(text && pieces > 2 && usage.totalTokenCount > 0, "a stream has text in pieces, and usage");
}

async function toolsForThreeTurns(model) {
  const contents = [{ role: "user", parts: [{ text: "The weather in Paris?" }] }];
  for (let turn = 0; turn < TURNS; turn++) {
    const answer = await ask(model, contents, { tools });
    const [call] = answer.functionCalls;
    holds(call.name === "weather" && names(call.args) === "city,days", "a call of the right members");
    const functionResponse = { id: call.id, name: call.name, response: { output: "fine" } };
    contents.push(answer.candidates[0].content, { role: "user", parts: [{ functionResponse }] });
  }
  const last = await ask(model, contents, { tools });
  holds(last.text && !last.functionCalls, "words at the end");
}

async function images(model) {
  const parts = [{ text: "What is this?" }, { inlineData: { mimeType: "image/png", data: PIXEL } }];
  holds((await ask(model, [{ role: "user", parts }])).text.includes("1 images"), "the image came");
}

async function jsonSchema(model) {
  const config = { responseMimeType: "application/json", responseJsonSchema: PERSON };
  holds(names(JSON.parse((await ask(model, "A person", config)).text)) === "age,name", "it fits the schema");
}

async function errors() {
  const missing = await fails(() => ask("no-such-model", "Hello"));
  holds(missing instanceof ApiError && missing.status === 404, missing);
  holds(missing.message.includes("model_not_found"), missing.message);
  const stranger = new GoogleGenAI({ apiKey: "tgk_wrong", httpOptions: { baseUrl: GATE } });
  const refused = await fails(() => ask(MODELS[0], "Hello", undefined, stranger));
  holds(refused instanceof ApiError && refused.status < 500, refused);
}

async function timeOut() {
  await inTime(() => ask(HANGING, "Hello", { httpOptions: { timeout: 500 } }));
}

await run([plain, streamed, toolsForThreeTurns, images, jsonSchema], [errors, timeOut]);
