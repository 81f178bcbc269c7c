// The typed client of the split API, as a back end uses it: type-checked, compiled, and run with
// the OpenAI SDK calling the provider itself.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { before, test } from "node:test";
import OpenAI from "openai";
import { ANSWER, ENTRANCES, PROMPT, accountOf, balance, ends, newUser } from "./saldo.mjs";

const serviceKey = process.env.SALDO_SERVICE_KEY;
const provider = new OpenAI({
  baseURL: process.env.PROVIDER_URL,
  apiKey: process.env.PROVIDER_KEY,
  maxRetries: 0,
});
const ask = (model) =>
  provider.chat.completions.create({
    model, max_tokens: 20, messages: [{ role: "user", content: PROMPT }],
  });

/** A call of `by-tokens`, which costs a credit for each token. */
const order = (account) => ({
  account, feature: "ai_text_chat", model: "by-tokens",
  estimate: { promptTokens: 10, maxTokens: 20 },
});

let SaldoHolds, SaldoError;

before(async () => {
  const strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"];
  const target = ["--target", "es2022", "--module", "esnext", "--lib", "es2022,dom"];
  const tsc = ["node_modules/typescript/bin/tsc", ...strict, ...target, "saldo-holds.ts"];
  try {
    execFileSync(process.execPath, tsc, { encoding: "utf8" });
  } catch (error) {
    throw new Error(`docs/saldo-holds.ts is not sound:\n${error.stdout}`);
  }
  ({ SaldoHolds, SaldoError } = await import("./saldo-holds.js"));
});

for (const { name, baseURL } of ENTRANCES) {
  const baseUrl = baseURL.replace(/\/v1$/, "");
  const holds = (more = {}) => new SaldoHolds({ baseUrl, serviceKey, ...more });

  test(`${name}: a guarded call is charged what the provider says it used`, async () => {
    const user = newUser();
    let held;
    const answer = await holds().guard(order(await accountOf(user)), async (hold) => {
      held = [hold.held, await balance(user)];
      return ask("stand-in-1");
    });
    assert.deepEqual(held, [30, 70]);
    assert.equal(answer.choices[0].message.content, ANSWER);
    assert.equal(await balance(user), 90);
  });

  test(`${name}: a call whose provider says nothing is charged all that was held`, async () => {
    const user = newUser();
    await holds().guard(order(await accountOf(user)), () => ask("stand-in-no-usage"));
    assert.deepEqual(await ends(user), ["settled 30"]);
  });

  test(`${name}: a call that throws is released, and its error is thrown on`, async () => {
    const user = newUser();
    const call = holds().guard(order(await accountOf(user)), () => ask("stand-in-fails"));
    await assert.rejects(call, OpenAI.InternalServerError);
    assert.deepEqual(await ends(user), ["released 0"]);
    assert.equal(await balance(user), 100);
  });

  test(`${name}: a hold that is refused says why, and no call is made`, async () => {
    const account = await accountOf(newUser());
    const refused = (client, order, expected) => {
      const call = client.guard(order, () => assert.fail("a call was made"));
      return assert.rejects(call, (error) => {
        assert.ok(error instanceof SaldoError, String(error));
        const { status, code, problem: { required, available, field } } = error;
        assert.deepEqual({ status, code, required, available, field }, {
          required: undefined, available: undefined, field: undefined, ...expected,
        });
        return true;
      });
    };
    const images = { account, feature: "ai_image_generation", quantity: 21 };
    await refused(holds(), images,
      { status: 402, code: "insufficient_credits", required: 105, available: 100 });
    await refused(holds(), { ...images, quantity: 0 },
      { status: 400, code: "invalid_field", field: "quantity" });
    await refused(holds({ serviceKey: "sk_saldo_wrong" }), images,
      { status: 401, code: "service_key_invalid" });
  });

  test(`${name}: a call made twice with one key is charged once`, async () => {
    const user = newUser();
    const named = { ...order(await accountOf(user)), idempotencyKey: "order-7431" };
    await holds().guard(named, () => ask("stand-in-1"));
    const again = holds({ tries: 1 }).guard(named, () => assert.fail("a call was made"));
    await assert.rejects(again, (error) => {
      assert.deepEqual([error.code, error.problem.charged], ["already_charged", 10]);
      return true;
    });
    assert.deepEqual(await ends(user), ["settled 10"]);
  });
}
