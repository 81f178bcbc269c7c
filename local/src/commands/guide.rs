//! What `up` prints: where everything is, and lines to paste.

use super::say;
use super::up::Tokens;
use crate::stack::Stack;

/// Credits of one image, and the most images in one call.
const IMAGE_CREDITS: u64 = 5;
const IMAGES_MAX: u64 = 10;

/// Prints addresses, tokens and `curl` lines; every line works as it stands.
pub(super) fn print(stack: &Stack, tokens: Option<&Tokens>, signup_credits: u64, stand_in: bool) {
    let ai_url = stack.function_urls.get("ai-guard").map_or("", String::as_str);
    say("\nSaldo is running.\n");
    say(&format!("  HTTP API            {}", stack.http_api_url));
    say(&format!("  AI with streaming   {ai_url}"));
    say(&format!("  DynamoDB            {}", stack.dynamodb_url));
    say(&format!("  SQS and SSM         {}", stack.aws_url));
    say(&format!("  logs                {}", stack.logs.display()));
    match tokens {
        Some(tokens) => {
            say(&format!("\n  user token, good for a day (user_local):\n  {}", tokens.user));
            say(&format!("\n  admin token, good for a day (user_admin):\n  {}", tokens.admin));
        }
        None => say(
            "\n  CLERK_ISSUER was given, so there are no local tokens: put one of yours into\n  \
             SALDO_USER_TOKEN (and SALDO_SHORT_TOKEN) after the first line below",
        ),
    }
    say("\nTo paste into another terminal, in the root of the repository:\n");
    say(&lines(signup_credits));
    if !stand_in {
        say("With --provider, write one of your provider's models for `stand-in-..`.\n");
    }
    say("Ctrl-C stops everything. The database is kept; --fresh begins anew.");
}

/// The lines to paste.
fn lines(signup_credits: u64) -> String {
    // Calls of the largest size until one is refused, however much was spent before.
    let calls = signup_credits / (IMAGE_CREDITS * IMAGES_MAX) + 1;
    let rounds: Vec<String> = (1..=calls).map(|round| round.to_string()).collect();
    LINES.replace("{rounds}", &rounds.join(" "))
}

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

# The balance, and where it went
curl "$SALDO_URL/api/credits/me" -H "Authorization: Bearer $SALDO_USER_TOKEN"
curl "$SALDO_URL/api/credits/history" -H "Authorization: Bearer $SALDO_USER_TOKEN"
"#;
