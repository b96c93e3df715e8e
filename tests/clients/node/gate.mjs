// What the Node clients of the tests share; the same as gate.py.

export const { GATE, KEY, CONTROL, HANGING } = process.env;
export const MODELS = process.env.MODELS.split(",");
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const PIXEL_URL = `data:image/png;base64,${PIXEL}`;
export const PERSON = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false,
};
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
};
// How often a vendor calls tools before it has words.
export const TURNS = 3;

// The vendor of this model says 429 to the next request, and to come back in a second.
export async function busyOnce(model) {
  const profiles = [{ fault: { status: { status: 429, retry_after: 1 } } }];
  const url = `${CONTROL}/${model.replace("only-", "")}/next`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(profiles) });
  holds(answer.ok, "the vendor takes its script");
}

export function holds(truth, what) {
  if (!truth) throw new Error(`not so: ${what}`);
}

// The names of an object's members.
export function names(object) {
  return Object.keys(object).sort().join();
}

// The error that a call must end with.
export async function fails(call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`an error was expected, not ${JSON.stringify(answer)}`);
}

// A call to a vendor that never answers ends soon.
export async function inTime(call) {
  const began = Date.now();
  const error = await fails(call);
  holds(Date.now() - began < 10_000, "the client's own time-out ends it");
  return error;
}

// Runs every check of a model for each model, then the others; ends with 1 at the first surprise.
export async function run(ofAModel, once = []) {
  const checks = MODELS.flatMap((model) => ofAModel.map((check) => [check, [model]]));
  checks.push(...once.map((check) => [check, []]));
  for (const [check, given] of checks) {
    try {
      await check(...given);
    } catch (error) {
      console.error(`${check.name}(${given}): ${error.stack}`);
      process.exit(1);
    }
  }
  console.log(`${checks.length} checks passed`);
  process.exit(0);
}
