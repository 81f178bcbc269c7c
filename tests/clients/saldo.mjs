// What the scripts share: where Saldo is, users nobody else uses, and what they were charged.

function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these scripts are run by \`cargo test\``);
  return value;
}

const api = given("SALDO_API");

/** The base URLs an SDK is given: each answers the same, the second one while it arrives. */
export const ENTRANCES = [
  { name: "the HTTP API", baseURL: `${api}/v1` },
  { name: "the function URL", baseURL: `${given("SALDO_STREAM")}/v1` },
];
export const [HTTP_API, FUNCTION_URL] = ENTRANCES.map((entrance) => entrance.baseURL);

/** The token of a user whose account is frozen. */
export const FROZEN = given("SALDO_FROZEN_TOKEN");

const tokens = given("SALDO_TOKENS").split(" ");

/** The token of a user who has never called and will open with 100 credits. */
export function newUser() {
  const token = tokens.shift();
  if (!token) throw new Error("there are no more users: raise USERS in clients.rs");
  return token;
}

async function get(token, path) {
  const answer = await fetch(api + path, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** The name of the user's account. */
export async function accountOf(token) {
  return (await get(token, "/api/credits/me")).account;
}

/** The balance of the user, without waiting for anything. */
export async function balance(token) {
  return (await get(token, "/api/credits/me")).creditsRemaining;
}

/** How each call of the user ended, newest first: `settled 1`, `released 0`. */
export async function ends(token) {
  const { entries } = await get(token, "/api/credits/history?limit=100");
  const outcomes = entries.filter((entry) => entry.kind === "outcome");
  return outcomes.map((entry) => `${entry.status} ${entry.charged}`);
}

/** Asks for the account until `is` holds for it; far longer than any call here can take. */
export async function until(token, what, is) {
  const latest = Date.now() + 30_000;
  for (;;) {
    const me = await get(token, "/api/credits/me?include=holds");
    if (is(me)) return me;
    if (Date.now() > latest) throw new Error(`not ${what} in time: ${JSON.stringify(me)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The balance once a call was begun and none is running any more. */
export async function balanceAtRest(token) {
  const rests = (me) => me.opened && me.openHolds.length === 0;
  return (await until(token, "at rest", rests)).creditsRemaining;
}

/** Until a call of the user is running. */
export const running = (token) => until(token, "running", (me) => me.openHolds.length > 0);

export const MODEL = "gpt-4o-mini";
export const PROMPT = "one two three four";
export const ANSWER = "You said: one two three four";

/** Two models, and what the answer costs: a fixed price, and a credit for each of 10 tokens. */
export const PRICES = [
  { model: MODEL, cost: 1 },
  { model: "by-tokens", cost: 10 },
];
/** A prompt whose repetition streams for longer than its reader stays. */
export const LONG_PROMPT = "word ".repeat(1_000).trim();
