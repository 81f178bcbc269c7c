"""The official OpenAI SDK for Python, given a base URL and a token and nothing else."""

import asyncio
import json
import os
import time
import unittest
import urllib.request

import openai

API = os.environ["SALDO_API"]
HTTP_API = API + "/v1"
FUNCTION_URL = os.environ["SALDO_STREAM"] + "/v1"
TOKENS = os.environ["SALDO_TOKENS"].split()
FROZEN = os.environ["SALDO_FROZEN_TOKEN"]

CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "one two three four"}]}
# Models, and what the answer costs: a fixed price, and a credit for each of 10 tokens.
PRICES = {"gpt-4o-mini": 1, "by-tokens": 10}
ANSWER = "You said: one two three four"
USAGE = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}


def get(token, path):
    request = urllib.request.Request(API + path, headers={"authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def balance(token):
    return get(token, "/api/credits/me")["creditsRemaining"]


def ends(token):
    """How each call of the user ended, newest first."""
    entries = get(token, "/api/credits/history?limit=100")["entries"]
    return [(e["status"], e["charged"]) for e in entries if e["kind"] == "outcome"]


def until(token, what, holds):
    """Asks for the account until `holds` is true of it; far longer than a call here can take."""
    latest = time.monotonic() + 30
    while True:
        me = get(token, "/api/credits/me?include=holds")
        if holds(me):
            return me
        if time.monotonic() > latest:
            raise AssertionError(f"not {what} in time: {me}")
        time.sleep(0.02)


def balance_at_rest(token):
    """The balance once a call was begun and none is running any more."""
    me = until(token, "at rest", lambda me: me["opened"] and not me["openHolds"])
    return me["creditsRemaining"]


def words(chunk):
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


class Sdk:
    """What one client and one user, whom no other test knows, have to do with each other."""

    base_url = FUNCTION_URL

    def setUp(self):
        self.token = TOKENS.pop()
        self.openai = self.client(self.token)

    def client(self, token, **more):
        client = openai.OpenAI(base_url=self.base_url, api_key=token, **more)
        self.addCleanup(client.close)
        return client

    def chat(self, **more):
        return self.openai.chat.completions.create(**{**CHAT, **more})

    def refused(self, kind, code, call, param=None):
        with self.assertRaises(kind) as raised:
            call()
        self.assertIs(type(raised.exception), kind)
        self.assertEqual((raised.exception.code, raised.exception.param), (code, param))
        return raised.exception


class Entrance(Sdk):
    """What holds through both entrances."""

    def test_a_chat_is_answered_and_charged(self):
        answer = self.chat()
        self.assertEqual(answer.choices[0].message.content, ANSWER)
        self.assertEqual(answer.usage.to_dict(), USAGE)
        self.assertEqual(balance(self.token), 99)

    def test_a_stream_ends_whole_and_is_charged_when_it_ends(self):
        left = 100
        for model, cost in PRICES.items():
            chunks = list(self.chat(model=model, stream=True))
            left -= cost
            self.assertEqual(balance(self.token), left)
            self.assertEqual("".join(map(words, chunks)), ANSWER)
            self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")
            for chunk in chunks:
                self.assertNotIn("usage", chunk.to_dict())

    def test_a_stream_says_its_usage_to_who_asks_for_it(self):
        for model in PRICES:
            asked = {"stream": True, "stream_options": {"include_usage": True}}
            *chunks, last = self.chat(model=model, **asked)
            self.assertEqual("".join(map(words, chunks)), ANSWER)
            self.assertEqual((last.choices, last.usage.to_dict()), ([], USAGE))
            self.assertEqual({chunk.usage for chunk in chunks}, {None})

    def test_images_are_made_and_charged_one_by_one(self):
        asked = {"model": "gpt-image-1", "prompt": "a heron", "n": 2}
        images = self.openai.images.generate(**asked)
        self.assertEqual([image.b64_json[:5] for image in images.data], ["iVBOR"] * 2)
        self.assertEqual(balance(self.token), 90)

    def test_each_refusal_is_the_error_of_its_kind(self):
        stranger = self.client("no token").chat.completions
        frozen = self.client(FROZEN).chat.completions
        for kind, code, call, param in [
            (openai.BadRequestError, "invalid_field", lambda: self.chat(n=0), "n"),
            (openai.AuthenticationError, "token_invalid", lambda: stranger.create(**CHAT), None),
            (openai.PermissionDeniedError, "account_frozen", lambda: frozen.create(**CHAT), None),
        ]:
            with self.subTest(code):
                self.refused(kind, code, call, param)
        with self.assertRaises(openai.NotFoundError):
            self.openai.models.list()
        self.assertEqual(ends(self.token), [])

    def test_who_has_too_few_credits_can_read_how_many_are_short(self):
        short = lambda: self.chat(n=128, stream=True)
        error = self.refused(openai.APIStatusError, "insufficient_credits", short)
        self.assertEqual(error.status_code, 402)
        self.assertEqual((error.body["required"], error.body["available"]), (128, 100))

    def test_a_provider_that_fails_is_tried_again_by_the_sdk_and_costs_nothing(self):
        failing = lambda: self.chat(model="stand-in-fails")
        error = self.refused(openai.InternalServerError, "provider_error", failing)
        self.assertEqual(error.status_code, 502)
        self.assertEqual(ends(self.token), [("released", 0)] * 3)
        self.assertEqual(balance(self.token), 100)

    def test_what_the_provider_refuses_is_not_tried_again(self):
        rejected = lambda: self.chat(model="stand-in-rejects")
        self.refused(openai.InternalServerError, "provider_error", rejected)
        self.assertEqual(ends(self.token), [("released", 0)])

    def test_a_call_its_caller_gave_up_waiting_for_still_ends_and_is_charged(self):
        hasty = self.client(self.token, timeout=1, max_retries=0).chat.completions
        with self.assertRaises(openai.APITimeoutError):
            hasty.create(**{**CHAT, "model": "stand-in-slow"})
        until(self.token, "running", lambda me: me["openHolds"])
        self.assertEqual(balance_at_rest(self.token), 99)
        self.assertEqual(ends(self.token), [("settled", 1)])

    def test_a_call_sent_again_with_its_key_is_answered_again_and_charged_once(self):
        for stream in (False, True):
            key = {"Idempotency-Key": f"order-{stream}"}
            read = (lambda answer: list(answer)) if stream else (lambda answer: answer)
            first = read(self.chat(stream=stream, extra_headers=key))
            self.assertEqual(read(self.chat(stream=stream, extra_headers=key)), first)
            other = lambda: self.chat(stream=stream, n=2, extra_headers=key)
            self.refused(openai.UnprocessableEntityError, "idempotency_key_reused", other)
        self.assertEqual(ends(self.token), [("settled", 1)] * 2)

    def test_a_caller_who_times_out_and_tries_again_with_its_key_pays_once(self):
        slow = {**CHAT, "model": "stand-in-slow"}
        slow["extra_headers"] = {"Idempotency-Key": "order-slow"}
        hasty = self.client(self.token, timeout=1, max_retries=0).chat.completions
        with self.assertRaises(openai.APITimeoutError):
            hasty.create(**slow)
        impatient = self.client(self.token, max_retries=0).chat.completions
        again = lambda: impatient.create(**slow)
        self.refused(openai.ConflictError, "idempotency_in_flight", again)
        patient = self.client(self.token, max_retries=8).chat.completions
        self.assertEqual(patient.create(**slow).choices[0].message.content, ANSWER)
        self.assertEqual(ends(self.token), [("settled", 1)])

    def test_many_asynchronous_calls_at_once_are_each_answered_and_each_charged(self):
        async def call(client, number):
            if number % 2 == 0:
                return (await client.chat.completions.create(**CHAT)).choices[0].message.content
            stream = await client.chat.completions.create(**CHAT, stream=True)
            return "".join([words(chunk) async for chunk in stream])

        async def calls():
            options = {"base_url": self.base_url, "api_key": self.token, "max_retries": 10}
            async with openai.AsyncOpenAI(**options) as client:
                return await asyncio.gather(*(call(client, number) for number in range(24)))

        self.assertEqual(asyncio.run(calls()), [ANSWER] * 24)
        self.assertEqual(balance(self.token), 76)


class ThroughTheHttpApi(Entrance, unittest.TestCase):
    base_url = HTTP_API


class ThroughTheFunctionUrl(Entrance, unittest.TestCase):
    base_url = FUNCTION_URL


class Streams(Sdk, unittest.TestCase):
    def test_a_stream_that_breaks_raises_after_its_words_and_is_charged(self):
        text = ""
        with self.assertRaises(openai.APIError) as raised:
            for chunk in self.chat(model="stand-in-breaks", stream=True):
                text += words(chunk)
        self.assertEqual((text, raised.exception.code), ("You said: one ", "provider_unreachable"))
        self.assertEqual(balance_at_rest(self.token), 99)

    def test_a_reader_who_closes_a_stream_midway_pays_for_the_call_which_ends(self):
        long = [{"role": "user", "content": "word " * 1_000}]
        with self.chat(messages=long, stream=True) as stream:
            next(chunk for chunk in stream if words(chunk))
        until(self.token, "running", lambda me: me["openHolds"])
        self.assertEqual(balance_at_rest(self.token), 99)
        self.assertEqual(ends(self.token), [("settled", 1)])


if __name__ == "__main__":
    unittest.main()
