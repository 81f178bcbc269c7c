// Clerk's SDK for Node takes the stand-in for Clerk.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createClerkClient, verifyToken } from "@clerk/backend";

function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these scripts are run by \`cargo test\``);
  return value;
}

const apiUrl = given("CLERK_API_URL");
const secretKey = given("CLERK_SECRET_KEY");
const clerk = createClerkClient({ secretKey, apiUrl });

async function control(method, path, body) {
  const answer = await fetch(`${apiUrl}/_stand-in/${path}`, { method, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}

/** The error of a call that must fail. */
async function failure(call) {
  return call.then(() => assert.fail("it did not fail"), (error) => error);
}

test("users are listed page by page, counted and fetched", async () => {
  const first = await clerk.users.getUserList({ limit: 2, orderBy: "+created_at" });
  assert.deepEqual(first.data.map((user) => user.id), ["user_1", "user_2"]);
  assert.equal(first.totalCount, 5);
  const second = await clerk.users.getUserList({ limit: 2, offset: 4, orderBy: "+created_at" });
  assert.deepEqual(second.data.map((user) => user.id), ["user_5"]);
  const newest = await clerk.users.getUserList({ limit: 1 });
  assert.equal(newest.data[0].id, "user_5");
  assert.equal(await clerk.users.getCount(), 5);
  const user = await clerk.users.getUser("user_3");
  assert.equal(user.primaryEmailAddress.emailAddress, "user3@example.com");
  assert.equal(user.createdAt, user.updatedAt);
});

test("metadata is merged deeply and keeps what others put there", async () => {
  await clerk.users.updateUserMetadata("user_1", {
    publicMetadata: { role: "admin", theme: { dark: true, size: 2 } },
    privateMetadata: { note: "kept" },
  });
  const user = await clerk.users.updateUserMetadata("user_1", {
    publicMetadata: { creditsRemaining: 7, theme: { size: null } },
  });
  assert.deepEqual(user.publicMetadata, {
    role: "admin",
    theme: { dark: true },
    creditsRemaining: 7,
  });
  assert.deepEqual((await clerk.users.getUser("user_1")).privateMetadata, { note: "kept" });
  const replaced = await clerk.users.replaceUserMetadata("user_1", { publicMetadata: { a: 1 } });
  assert.deepEqual(replaced.publicMetadata, { a: 1 });
  assert.deepEqual(replaced.privateMetadata, { note: "kept" });
});

test("an organization is fetched and its metadata merged", async () => {
  const organization = await clerk.organizations.getOrganization({ organizationId: "org_1" });
  assert.equal(organization.slug, "1");
  const merged = await clerk.organizations.updateOrganizationMetadata("org_1", {
    publicMetadata: { creditsRemaining: 3 },
  });
  assert.deepEqual(merged.publicMetadata, { creditsRemaining: 3 });
});

test("plans are listed and a user's subscription is fetched", async () => {
  const plans = await clerk.billing.getPlanList();
  assert.deepEqual(plans.data.map((plan) => plan.slug), ["pro", "free"]);
  assert.equal(plans.data[0].fee.amount, 2000);
  const subscription = await clerk.billing.getUserBillingSubscription("user_2");
  assert.equal(subscription.status, "active");
  const [item] = subscription.subscriptionItems;
  assert.equal(item.plan.slug, "pro");
  assert.equal(item.periodEnd, Date.parse("2026-12-01T00:00:00Z"));
});

test("a missing user, a wrong key and a bad parameter are the errors Clerk has for them", async () => {
  for (const [call, status, code] of [
    [clerk.users.getUser("user_none"), 404, "resource_not_found"],
    [clerk.billing.getUserBillingSubscription("user_3"), 404, "resource_not_found"],
    [clerk.users.getUserList({ limit: 501 }), 422, "form_param_invalid"],
    [
      createClerkClient({ secretKey: "sk_test_wrong", apiUrl }).users.getUser("user_1"),
      401,
      "authentication_invalid",
    ],
  ]) {
    const error = await failure(call);
    assert.equal(error.status, status);
    assert.equal(error.errors[0].code, code);
    assert.match(error.clerkTraceId, /^[0-9a-f]{32}$/);
  }
});

test("too many metadata writes of one user are refused with the time to wait", async () => {
  const write = (n) => clerk.users.updateUserMetadata("user_4", { publicMetadata: { n } });
  for (let n = 0; n < 10; n += 1) await write(n);
  const error = await failure(write(10));
  assert.equal(error.status, 429);
  assert.equal(error.errors[0].code, "too_many_requests");
  assert.ok(error.retryAfter >= 1 && error.retryAfter <= 10, `${error.retryAfter}`);
  assert.deepEqual((await clerk.users.getUser("user_4")).publicMetadata, { n: 9 });
});

test("in an outage every call fails, and after it none", async () => {
  for (const mode of ["drop", "503"]) {
    await control("PUT", "outage", { mode });
    await failure(clerk.users.getCount());
  }
  await control("PUT", "outage", { mode: "none" });
  assert.equal(await clerk.users.getCount(), 5);
});

test("a token is verified with the keys that are served", async () => {
  const claims = await verifyToken(given("SALDO_TOKEN"), { secretKey, apiUrl });
  assert.equal(claims.sub, "user_1");
});
