//! What `up` prints: where everything is, and lines to paste.

use super::say;
use super::up::{Addresses, Callers};
use crate::stack::Stack;

/// Credits of one image, and the most images in one call.
const IMAGE_CREDITS: u64 = 5;
const IMAGES_MAX: u64 = 10;

/// What is there to be told.
pub(super) struct Guide<'a> {
    pub(super) stack: &'a Stack,
    pub(super) addresses: Addresses,
    pub(super) callers: Callers,
    pub(super) signup_credits: u64,
    /// Where the Clerk that stands in is, if one does.
    pub(super) clerk_url: Option<&'a str>,
}

impl Guide<'_> {
    /// Prints addresses, tokens and lines to paste; every line works as it stands.
    pub(super) fn print(&self, aws_only: bool, stand_in: bool) {
        if aws_only {
            say("\nEverything but the functions is running: they are for `cargo lambda` to run.\n");
        } else {
            say("\nSaldo is running.\n");
            say(&format!("  HTTP API            {}", self.addresses.api));
            say(&format!("  AI with streaming   {}", self.addresses.ai));
        }
        say(&format!("  DynamoDB            {}", self.stack.dynamodb_url));
        say(&format!("  SQS and SSM         {}", self.stack.aws_url));
        if let Some(url) = self.clerk_url {
            say(&format!("  Clerk's stand-in    {url}"));
        }
        if !aws_only {
            say(&format!("  logs                {}", self.stack.logs.display()));
        }
        self.print_tokens();
        say("\nTo paste into another terminal, in the root of the repository:\n");
        if aws_only {
            say(CARGO_LAMBDA);
        }
        say(&lines(self.signup_credits));
        say(ADMIN_LINES);
        if !stand_in {
            say("With --provider, write one of your provider's models for `stand-in-..`.\n");
        }
        say("Ctrl-C stops everything. The database is kept; --fresh begins anew.");
    }

    fn print_tokens(&self) {
        match &self.callers.tokens {
            Some(tokens) => {
                say(&format!("\n  user token, good for a day (user_local):\n  {}", tokens.user));
                say(&format!("\n  admin token, good for a day (user_admin):\n  {}", tokens.admin));
            }
            None => say(
                "\n  CLERK_ISSUER was given, so there are no local tokens: put one of yours into\n  \
                 SALDO_USER_TOKEN (and SALDO_SHORT_TOKEN) after the first line below",
            ),
        }
        if let Some(key) = &self.callers.service_key {
            say(&format!("\n  service key of a back end, good until this stops:\n  {key}"));
        }
    }
}

/// The lines to paste.
fn lines(signup_credits: u64) -> String {
    // Calls of the largest size until one is refused, however much was spent before.
    let calls = signup_credits / (IMAGE_CREDITS * IMAGES_MAX) + 1;
    let rounds: Vec<String> = (1..=calls).map(|round| round.to_string()).collect();
    LINES.replace("{rounds}", &rounds.join(" "))
}

const CARGO_LAMBDA: &str = r"# The functions, each built and started by its first call, and again when its code changes
cargo lambda watch -A 127.0.0.1 --env-file target/local.env

# One event for each function; those of a user carry the user token, those of an admin the admin's
cargo lambda invoke --invoke-address 127.0.0.1 ai-guard --data-file target/events/ai-guard-chat.json
cargo lambda invoke --invoke-address 127.0.0.1 credits-me --data-file target/events/credits-me-balance.json
cargo lambda invoke --invoke-address 127.0.0.1 admin-adjust --data-file target/events/admin-adjust-credits.json
cargo lambda invoke --invoke-address 127.0.0.1 admin-sync --data-file target/events/admin-sync-start.json
cargo lambda invoke --invoke-address 127.0.0.1 admin-settings --data-file target/events/admin-settings-settings.json
cargo lambda invoke --invoke-address 127.0.0.1 audit-ledger --data-file target/events/audit-ledger.json
cargo lambda invoke --invoke-address 127.0.0.1 expire-holds --data-file target/events/expire-holds.json
cargo lambda invoke --invoke-address 127.0.0.1 retry-worker --data-file target/events/retry-worker-settle.json
";

const LINES: &str = r#"# Addresses and tokens, for all lines below
. target/local.env

# A call that works: 1 credit, see the X-Credits headers
curl -i "$SALDO_URL/v1/chat/completions" -H "Authorization: Bearer $SALDO_USER_TOKEN" -H "Content-Type: application/json" -d '{"model":"stand-in-1","messages":[{"role":"user","content":"Hello"}]}'

# The same, streamed word by word; the credits follow the [DONE]
curl -iN "$SALDO_AI_URL/v1/chat/completions" -H "Authorization: Bearer $SALDO_USER_TOKEN" -H "Content-Type: application/json" -d '{"model":"stand-in-1","stream":true,"messages":[{"role":"user","content":"Hello"}]}'

# One that fails at the provider: 502, and nothing is charged
curl -i "$SALDO_URL/v1/chat/completions" -H "Authorization: Bearer $SALDO_USER_TOKEN" -H "Content-Type: application/json" -d '{"model":"stand-in-fails","messages":[{"role":"user","content":"Hello"}]}'

# One that is refused: another user asks for ten images (50 credits) until the last gets 402
for round in {rounds}; do curl -w '\n%{http_code}\n' "$SALDO_URL/v1/images/generations" -H "Authorization: Bearer $SALDO_SHORT_TOKEN" -H "Content-Type: application/json" -d '{"model":"stand-in-image-1","prompt":"a coin","n":10}'; done

# A back end that calls its provider by itself: it holds the credits, and settles what was used
hold=$(curl -s "$SALDO_URL/api/ai/holds" -H "Authorization: Bearer $SALDO_SERVICE_KEY" -H "Content-Type: application/json" -d '{"account":"user_local","feature":"ai_image_generation","quantity":2}' | tee /dev/stderr | sed 's/.*"id":"\([^"]*\)".*/\1/')
curl "$SALDO_URL/api/ai/holds/$hold/settle" -H "Authorization: Bearer $SALDO_SERVICE_KEY" -H "Content-Type: application/json" -d '{"quantity":1}'

# The balance, and where it went
curl "$SALDO_URL/api/credits/me" -H "Authorization: Bearer $SALDO_USER_TOKEN"
curl "$SALDO_URL/api/credits/history" -H "Authorization: Bearer $SALDO_USER_TOKEN"
"#;

const ADMIN_LINES: &str = r#"# An administrator: `admin PATH [OPTION…]`
admin() { path=$1; shift; curl -s "$SALDO_URL/api/admin/$path" -H "Authorization: Bearer $SALDO_ADMIN_TOKEN" -H "Content-Type: application/json" "$@"; echo; }

# Adjusts one user by hand; the entry says what moved, and Clerk's metadata shows it
admin users/user_short/credits -X PUT -d '{"adjustment":25,"reason":"an apology"}'
admin accounts/user_short/entries

# Takes all users over from Clerk with their plans, once it is said what a plan brings
admin plans -d '{"id":"pro","name":"Pro","credits":1000,"clerkPlans":["pro"]}'
admin users/sync -d '{"syncUsers":true,"syncPlans":true,"setCredits":true}'
admin users/sync
admin 'users?limit=5'
admin operations

# Changes a setting from the version it has; credits go off, and on again, within a minute
setting() { version=$(admin "settings/$1" | sed 's/.*"version":\([0-9]*\).*/\1/'); admin "settings/$1" -X PUT -H "If-Match: \"$version\"" -d "{\"value\":\"$2\"}"; }
setting CREDITS_ENABLED off
setting CREDITS_ENABLED on
"#;
