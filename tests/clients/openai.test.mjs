// The official OpenAI SDK for Node, given a base URL and a token and nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import {
  ANSWER, ENTRANCES, FROZEN, FUNCTION_URL, LONG_PROMPT, MODEL, PRICES, PROMPT,
  balance, balanceAtRest, ends, newUser, running,
} from "./saldo.mjs";

const client = (apiKey, baseURL, more = {}) => new OpenAI({ apiKey, baseURL, ...more });
const chat = (more = {}) => ({
  model: MODEL,
  messages: [{ role: "user", content: PROMPT }],
  ...more,
});

/** A stream read to its end: its text, and its chunks as they came. */
async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  return { text, chunks };
}

for (const { name, baseURL } of ENTRANCES) {
  test(`${name}: a chat is answered and charged`, async () => {
    const token = newUser();
    const openai = client(token, baseURL);
    const { data, response } = await openai.chat.completions.create(chat()).withResponse();
    assert.equal(data.choices[0].message.content, ANSWER);
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.deepEqual(data.usage, { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
    assert.equal(response.headers.get("x-credits-charged"), "1");
    assert.equal(await balance(token), 99);
  });

  for (const { model, cost } of PRICES) {
    test(`${name}: a stream of ${model} ends whole and is charged when it ends`, async () => {
      const token = newUser();
      const openai = client(token, baseURL);
      const { text, chunks } = await read(
        await openai.chat.completions.create(chat({ model, stream: true })),
      );
      assert.equal(await balance(token), 100 - cost);
      assert.equal(text, ANSWER);
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
      for (const chunk of chunks) assert.ok(!("usage" in chunk), "nobody asked for usage");
    });

    test(`${name}: a stream of ${model} says its usage to who asks for it`, async () => {
      const token = newUser();
      const asked = chat({ model, stream: true, stream_options: { include_usage: true } });
      const { text, chunks } = await read(
        await client(token, baseURL).chat.completions.create(asked),
      );
      assert.equal(await balance(token), 100 - cost);
      assert.equal(text, ANSWER);
      const last = chunks.pop();
      assert.deepEqual(last.choices, []);
      assert.deepEqual(last.usage, { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 });
      for (const chunk of chunks) assert.equal(chunk.usage, null);
    });
  }

  test(`${name}: images are made and charged one by one`, async () => {
    const token = newUser();
    const asked = { model: "gpt-image-1", prompt: "a heron", n: 2 };
    const images = await client(token, baseURL).images.generate(asked);
    assert.equal(images.data.length, 2);
    for (const image of images.data) assert.match(image.b64_json, /^iVBOR/);
    assert.equal(await balance(token), 90);
  });

  test(`${name}: each refusal is the error of its kind`, async () => {
    const token = newUser();
    const openai = client(token, baseURL);
    const refused = (call, kind, expected) =>
      assert.rejects(call, (error) => {
        assert.equal(error.constructor, kind);
        const { status, code, type, param } = error;
        assert.deepEqual({ status, code, type, param }, expected);
        return true;
      });
    const stranger = client("no token", baseURL);
    await refused(stranger.chat.completions.create(chat()), OpenAI.AuthenticationError,
      { status: 401, code: "token_invalid", type: "authentication_error", param: null });
    await refused(openai.chat.completions.create(chat({ n: 0 })), OpenAI.BadRequestError,
      { status: 400, code: "invalid_field", type: "invalid_request_error", param: "n" });
    await assert.rejects(openai.models.list(), OpenAI.NotFoundError);
    await refused(client(FROZEN, baseURL).chat.completions.create(chat()),
      OpenAI.PermissionDeniedError,
      { status: 403, code: "account_frozen", type: "invalid_request_error", param: null });
    await refused(openai.chat.completions.create(chat({ n: 128 })), OpenAI.APIError,
      { status: 402, code: "insufficient_credits", type: "insufficient_quota", param: null });
    assert.deepEqual(await ends(token), []);
  });

  test(`${name}: who has too few credits can read how many are short`, async () => {
    const call = client(newUser(), baseURL).chat.completions.create(chat({ n: 128, stream: true }));
    await assert.rejects(call, (error) => {
      assert.equal(error.status, 402);
      assert.equal(error.error.required, 128);
      assert.equal(error.error.available, 100);
      return true;
    });
  });

  test(`${name}: a provider that fails is tried again by the SDK and costs nothing`, async () => {
    for (const stream of [false, true]) {
      const token = newUser();
      const openai = client(token, baseURL);
      const call = openai.chat.completions.create(chat({ model: "stand-in-fails", stream }));
      await assert.rejects(call, (error) => {
        assert.equal(error.constructor, OpenAI.InternalServerError);
        assert.deepEqual([error.status, error.code], [502, "provider_error"]);
        return true;
      });
      assert.deepEqual(await ends(token), Array(3).fill("released 0"), "three tries");
      assert.equal(await balance(token), 100);
    }
  });

  test(`${name}: what the provider refuses is not tried again`, async () => {
    const token = newUser();
    const openai = client(token, baseURL);
    const call = openai.chat.completions.create(chat({ model: "stand-in-rejects" }));
    await assert.rejects(call, { status: 502, code: "provider_error" });
    assert.deepEqual(await ends(token), ["released 0"]);
  });

  test(`${name}: many calls at once are each answered and each charged`, async () => {
    const token = newUser();
    const openai = client(token, baseURL, { maxRetries: 10 });
    const calls = Array.from({ length: 24 }, async (_, number) => {
      if (number % 2) {
        return read(await openai.chat.completions.create(chat({ stream: true })));
      }
      const { choices } = await openai.chat.completions.create(chat());
      return { text: choices[0].message.content };
    });
    for (const { text } of await Promise.all(calls)) assert.equal(text, ANSWER);
    assert.equal(await balance(token), 100 - calls.length);
  });
}

for (const { name, baseURL } of ENTRANCES) {
  for (const stream of [false, true]) {
    const how = stream ? "stream" : "chat";
    test(`${name}: a ${how} sent again with its key is charged once`, async () => {
      const token = newUser();
      const openai = client(token, baseURL, { defaultHeaders: { "Idempotency-Key": "order-1" } });
      const answers = [];
      for (const replayed of [null, "true"]) {
        const sent = openai.chat.completions.create(chat({ stream }));
        const { data, response } = await sent.withResponse();
        assert.equal(response.headers.get("idempotent-replayed"), replayed);
        answers.push(stream ? await read(data) : data);
      }
      assert.deepEqual(answers[1], answers[0]);
      assert.deepEqual(await ends(token), ["settled 1"]);
      await assert.rejects(openai.chat.completions.create(chat({ n: 2 })), (error) => {
        assert.equal(error.constructor, OpenAI.UnprocessableEntityError);
        assert.equal(error.code, "idempotency_key_reused");
        return true;
      });
      assert.equal(await balance(token), 99);
    });
  }

  test(`${name}: a caller who times out and tries again with its key pays once`, async () => {
    const token = newUser();
    const headers = { "Idempotency-Key": "order-2" };
    const slow = chat({ model: "stand-in-slow" });
    const hasty = client(token, baseURL, { timeout: 1_000, maxRetries: 8 });
    const answer = hasty.chat.completions.create(slow, { headers });
    await running(token);
    const impatient = client(token, baseURL, { maxRetries: 0 });
    await assert.rejects(impatient.chat.completions.create(slow, { headers }), (error) => {
      assert.equal(error.constructor, OpenAI.ConflictError);
      assert.equal(error.code, "idempotency_in_flight");
      return true;
    });
    assert.equal((await answer).choices[0].message.content, ANSWER);
    assert.deepEqual(await ends(token), ["settled 1"]);
  });
}

test("a stream that breaks throws after its words, and is charged", async () => {
  const token = newUser();
  const asked = chat({ model: "stand-in-breaks", stream: true });
  const stream = await client(token, FUNCTION_URL).chat.completions.create(asked);
  let text = "";
  const reading = (async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  })();
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.code, "provider_unreachable");
    return true;
  });
  assert.equal(text, "You said: one ");
  assert.equal(await balanceAtRest(token), 99);
});

test("a reader who leaves a stream midway pays for the call, which ends", async () => {
  const token = newUser();
  const asked = chat({ stream: true, messages: [{ role: "user", content: LONG_PROMPT }] });
  const stream = await client(token, FUNCTION_URL).chat.completions.create(asked);
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  await running(token);
  assert.equal(await balanceAtRest(token), 99);
  assert.deepEqual(await ends(token), ["settled 1"]);
});

for (const { name, baseURL } of ENTRANCES) {
  test(`${name}: a call that is aborted still ends and is charged`, async () => {
    const token = newUser();
    const controller = new AbortController();
    const call = client(token, baseURL).chat.completions.create(
      chat({ model: "stand-in-slow" }), { signal: controller.signal },
    );
    const aborted = assert.rejects(call, (error) => error instanceof OpenAI.APIUserAbortError);
    await running(token);
    controller.abort();
    await aborted;
    assert.equal((await running(token)).creditsRemaining, 99);
    assert.equal(await balanceAtRest(token), 99);
    assert.deepEqual(await ends(token), ["settled 1"]);
  });
}
