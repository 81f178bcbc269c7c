// The Vercel AI SDK with its OpenAI-compatible provider, given a base URL and a token.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, RetryError, generateImage, generateText, streamText } from "ai";
import {
  ANSWER, ENTRANCES, FUNCTION_URL, LONG_PROMPT, MODEL, PRICES, PROMPT,
  balance, balanceAtRest, ends, newUser, running,
} from "./saldo.mjs";

const saldo = (apiKey, baseURL, more = {}) =>
  createOpenAICompatible({ name: "saldo", apiKey, baseURL, ...more });

for (const { name, baseURL } of ENTRANCES) {
  test(`${name}: generateText answers, counts and is charged`, async () => {
    const token = newUser();
    const answer = await generateText({ model: saldo(token, baseURL)(MODEL), prompt: PROMPT });
    assert.equal(answer.text, ANSWER);
    assert.equal(answer.finishReason, "stop");
    assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [4, 6]);
    assert.equal(await balance(token), 99);
  });

  for (const { model, cost } of PRICES) {
    test(`${name}: streamText of ${model} ends whole and is charged when it ends`, async () => {
      const token = newUser();
      const answer = streamText({ model: saldo(token, baseURL)(model), prompt: PROMPT });
      let text = "";
      for await (const words of answer.textStream) text += words;
      assert.equal(await balance(token), 100 - cost);
      assert.equal(text, ANSWER);
      assert.equal(await answer.finishReason, "stop");
      assert.equal((await answer.usage).outputTokens, undefined, "nobody asked for usage");
    });

    test(`${name}: streamText of ${model} says its usage to who asks for it`, async () => {
      const provider = saldo(newUser(), baseURL, { includeUsage: true });
      const { usage } = streamText({ model: provider(model), prompt: PROMPT });
      const { inputTokens, outputTokens } = await usage;
      assert.deepEqual([inputTokens, outputTokens], [4, 6]);
    });
  }

  test(`${name}: generateText called again with its key is charged once`, async () => {
    const token = newUser();
    const model = saldo(token, baseURL)(MODEL);
    const headers = { "Idempotency-Key": "order-1" };
    const first = await generateText({ model, prompt: PROMPT, headers });
    const again = await generateText({ model, prompt: PROMPT, headers });
    assert.deepEqual([again.text, again.response.id], [ANSWER, first.response.id]);
    assert.deepEqual(await ends(token), ["settled 1"]);
  });

  test(`${name}: generateImage makes pictures and each is charged`, async () => {
    const token = newUser();
    const model = saldo(token, baseURL).imageModel("gpt-image-1");
    const { images } = await generateImage({ model, prompt: "a heron", n: 2 });
    assert.equal(images.length, 2);
    for (const image of images) assert.equal(image.mediaType, "image/png");
    assert.equal(await balance(token), 90);
  });

  test(`${name}: refusals are APICallErrors with their status and our document`, async () => {
    const refused = async (token, prompt, providerOptions) => {
      const model = saldo(token, baseURL)(MODEL);
      const call = generateText({ model, prompt, providerOptions });
      const error = await call.then(() => assert.fail("it was answered"), (error) => error);
      assert.ok(APICallError.isInstance(error), String(error));
      const { code, required, available } = JSON.parse(error.responseBody);
      return { status: error.statusCode, retry: error.isRetryable, code, required, available };
    };
    assert.deepEqual(await refused("no token", PROMPT), {
      status: 401, retry: false, code: "token_invalid", required: undefined, available: undefined,
    });
    assert.deepEqual(await refused(newUser(), PROMPT, { saldo: { n: 128 } }), {
      status: 402, retry: false, code: "insufficient_credits", required: 128, available: 100,
    });
    assert.deepEqual(await refused(newUser(), PROMPT, { saldo: { n: 0 } }), {
      status: 400, retry: false, code: "invalid_field", required: undefined, available: undefined,
    });
  });

  test(`${name}: a provider that fails is tried again and costs nothing`, async () => {
    const token = newUser();
    const model = saldo(token, baseURL)("stand-in-fails");
    await assert.rejects(generateText({ model, prompt: PROMPT, maxRetries: 1 }), (error) => {
      assert.ok(RetryError.isInstance(error));
      assert.equal(error.lastError.statusCode, 502);
      assert.equal(error.lastError.data.error.code, "provider_error");
      return true;
    });
    assert.deepEqual(await ends(token), ["released 0", "released 0"]);
    assert.equal(await balance(token), 100);
  });
}

test("a stream that is aborted midway still ends and is charged", async () => {
  const token = newUser();
  const controller = new AbortController();
  const answer = streamText({
    model: saldo(token, FUNCTION_URL)(MODEL),
    prompt: LONG_PROMPT,
    abortSignal: controller.signal,
  });
  const kinds = [];
  for await (const part of answer.fullStream) {
    kinds.push(part.type);
    if (part.type === "text-delta") controller.abort();
  }
  assert.equal(kinds.at(-1), "abort");
  await running(token);
  assert.equal(await balanceAtRest(token), 99);
  assert.deepEqual(await ends(token), ["settled 1"]);
});

test("a stream that breaks reports an error after its words, and is charged", async () => {
  const token = newUser();
  const model = saldo(token, FUNCTION_URL)("stand-in-breaks");
  const answer = streamText({ model, prompt: PROMPT, onError: () => {} });
  let text = "";
  const errors = [];
  for await (const part of answer.fullStream) {
    if (part.type === "text-delta") text += part.text;
    if (part.type === "error") errors.push(part.error);
  }
  assert.equal(text, "You said: one ");
  assert.equal(errors.length, 1);
  assert.equal(await balanceAtRest(token), 99);
});
