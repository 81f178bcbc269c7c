"""Clerk's SDK for Python, strict about every shape, takes the stand-in for Clerk."""

import json
import os
import unittest
import urllib.request

from clerk_backend_api import Clerk, models
from clerk_backend_api.security import VerifyTokenOptions, verify_token

API_URL = os.environ["CLERK_API_URL"]
SECRET_KEY = os.environ["CLERK_SECRET_KEY"]


def client(key=SECRET_KEY):
    return Clerk(bearer_auth=key, server_url=f"{API_URL}/v1")


def control(method, path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{API_URL}/_stand-in/{path}", data, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class StandIn(unittest.TestCase):
    def setUp(self):
        self.clerk = client()

    def fails(self, call, status, code=None):
        with self.assertRaises(models.ClerkBaseError) as caught:
            call()
        self.assertEqual(caught.exception.status_code, status)
        if code:
            self.assertIsInstance(caught.exception, models.ClerkErrors)
            self.assertEqual(caught.exception.data.errors[0].code, code)
        return caught.exception

    def test_users_are_listed_page_by_page_counted_and_fetched(self):
        seen, last = [], 0
        while page := self.clerk.users.list(
            request={"limit": 2, "offset": last, "order_by": "+created_at"}
        ):
            seen += [user.id for user in page]
            last += 2
        self.assertEqual(seen, [f"user_{n}" for n in range(1, 6)])
        self.assertEqual(self.clerk.users.count().total_count, 5)
        user = self.clerk.users.get(user_id="user_3")
        self.assertEqual(user.email_addresses[0].email_address, "user3@example.com")

    def test_metadata_is_merged_deeply_and_keeps_what_others_put_there(self):
        write = self.clerk.users.update_metadata
        write(user_id="user_1", public_metadata={"role": "admin", "theme": {"dark": True, "n": 2}})
        user = write(
            user_id="user_1", public_metadata={"creditsRemaining": 7, "theme": {"n": None}}
        )
        expected = {"role": "admin", "theme": {"dark": True}, "creditsRemaining": 7}
        self.assertEqual(user.public_metadata, expected)

    def test_an_organization_is_fetched_and_its_metadata_merged(self):
        organization = self.clerk.organizations.get(organization_id="org_1")
        self.assertEqual(organization.id, "org_1")
        merged = self.clerk.organizations.merge_metadata(
            organization_id="org_1", public_metadata={"creditsRemaining": 3}
        )
        self.assertEqual(merged.public_metadata["creditsRemaining"], 3)

    def test_plans_are_listed_and_a_subscription_is_fetched(self):
        plans = self.clerk.billing.list_plans()
        self.assertEqual([plan.slug for plan in plans.data], ["pro", "free"])
        self.assertEqual(plans.total_count, 2)
        subscription = self.clerk.users.get_billing_subscription(user_id="user_2")
        item = subscription.subscription_items[0]
        self.assertEqual((item.status, item.plan.slug), ("active", "pro"))

    def test_subscription_items_of_all_payers_are_listed_newest_first_by_pages(self):
        listed = self.clerk.billing.list_subscription_items
        page = listed(paginated=True, limit=2, include_free=True)
        self.assertEqual([item.id for item in page.data], ["csub_item_3", "csub_item_2"])
        self.assertEqual(page.total_count, 3)
        self.assertEqual(page.data[0].payer.organization_id, "org_1")
        page = listed(paginated=True, limit=2, offset=2, include_free=True)
        self.assertEqual(page.data[0].payer.user_id, "user_2")
        paid = listed(paginated=True, status="active")
        self.assertEqual([item.id for item in paid.data], ["csub_item_3", "csub_item_1"])

    def test_errors_are_those_that_clerk_has_for_them(self):
        self.fails(lambda: self.clerk.users.get(user_id="user_none"), 404, "resource_not_found")
        subscription = self.clerk.users.get_billing_subscription
        self.fails(lambda: subscription(user_id="user_3"), 404, "resource_not_found")
        listed = lambda: self.clerk.users.list(request={"limit": 501})
        self.fails(listed, 422, "form_param_invalid")
        wrong = client("sk_test_wrong")
        self.fails(lambda: wrong.users.get(user_id="user_1"), 401, "authentication_invalid")

    def test_too_many_metadata_writes_of_one_user_are_refused_with_the_time_to_wait(self):
        write = self.clerk.users.update_metadata
        for n in range(10):
            write(user_id="user_4", public_metadata={"n": n})
        error = self.fails(lambda: write(user_id="user_4", public_metadata={"n": 10}), 429)
        self.assertIn(int(error.headers["retry-after"]), range(1, 11))
        self.assertEqual(self.clerk.users.get(user_id="user_4").public_metadata, {"n": 9})

    def test_a_slow_answer_is_still_the_answer(self):
        control("PUT", "slow", {"ms": 100})
        try:
            self.assertEqual(self.clerk.users.count().total_count, 5)
        finally:
            control("PUT", "slow", {"ms": 0})

    def test_a_token_is_verified_with_the_keys_that_are_served(self):
        options = VerifyTokenOptions(secret_key=SECRET_KEY, api_url=API_URL)
        claims = verify_token(os.environ["SALDO_TOKEN"], options)
        self.assertEqual(claims["sub"], "user_1")


if __name__ == "__main__":
    unittest.main()
