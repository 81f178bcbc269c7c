//! The tables as one account sees them: enough for every function's first call to succeed.

use jiff::{SignedDuration, Timestamp};
use ledger_dynamodb::SHARDS;
use serde_json::{Value, json};

use crate::cold_start::wire::{Answer, Request};

/// The user, whose account has credits and one hold that was not settled yet.
pub(crate) const USER: &str = "user_benchmark";

/// The hold. Its ULID is of the moment the benchmark began, with this random part.
const RANDOM: u128 = 0x0123_4567_89ab_cdef;

/// The items, by their keys, and what is asked for beside them.
pub(crate) struct Books {
    /// The name of the hold that was not settled yet.
    pub(crate) hold: String,
    items: Vec<Value>,
}

impl Books {
    /// As they are at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        let account = format!("ACCOUNT#{USER}");
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let hold = ledger::HoldId(ulid::Ulid::from_parts(milliseconds, RANDOM)).to_string();
        let (n, s) = (|n: i64| json!({"N": n.to_string()}), |s: &str| json!({"S": s}));
        let expires_at = now.saturating_add(SignedDuration::from_mins(20));
        let expires_at = n(expires_at.map_or(0, Timestamp::as_millisecond));
        let in_a_month = now.saturating_add(SignedDuration::from_hours(720));
        let in_a_month = n(in_a_month.map_or(0, Timestamp::as_millisecond));
        let minute = now.as_millisecond().div_euclid(60_000).saturating_sub(2);
        let a_while_ago = n(minute.saturating_mul(60_000));
        let now = n(now.as_millisecond());
        let bucket = json!({"M": {
            "id": s(&hold), "source": s("plan"), "granted": n(1_000_000), "left": n(900_000),
            "expires_at": in_a_month, "priority": n(100),
        }});
        let items = vec![
            json!({
                "pk": s(&account), "sk": s("BALANCE"), "available": n(900_000),
                "next_expiry": in_a_month, "revision": n(1),
            }),
            json!({
                "pk": s(&account), "sk": s("BUCKETS"), "buckets": {"L": [bucket]},
                "marked_balance": n(900_000), "marked_at": now, "revision": n(1),
                "last_synced_at": now,
            }),
            json!({
                "pk": s(&account), "sk": s(&format!("ENTRY#{hold}")), "kind": s("hold"),
                "amount": n(-1), "at": now, "actor": s(&format!("user:{USER}")), "feature": s("ai_text_chat"),
                "model": s("gpt-4o-mini"), "quantity": n(1), "price_version": n(0),
                "price": n(1), "expires_at": expires_at,
            }),
        ];
        // The schedule ran a minute ago, as it always does.
        let shards = (0..SHARDS).map(|shard| {
            let key = s(&format!("EXPIRE_HOLDS#{shard}"));
            json!({"pk": key, "sk": s("ONLY"), "completed_minute": a_while_ago})
        });
        let items = items.into_iter().chain(shards).collect();
        Self { hold, items }
    }

    /// The answer to any request the functions make.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let target = request.header("x-amz-target");
        let (_, operation) = target.split_once('.').unwrap_or_default();
        let answer = match operation {
            "GetItem" => match self.item(asked.get("Key")) {
                Some(item) => json!({"Item": item}),
                None => json!({}),
            },
            "Query" => {
                let items = self.partition(asked.get("ExpressionAttributeValues"));
                json!({"Count": items.len(), "ScannedCount": items.len(), "Items": items})
            }
            _ => json!({}),
        };
        Answer::json(answer.to_string())
    }

    fn item(&self, key: Option<&Value>) -> Option<&Value> {
        let key = key?;
        let same = |item: &&Value, name| item.get(name) == key.get(name);
        self.items.iter().find(|item| same(item, "pk") && same(item, "sk"))
    }

    /// What State has of the partition that is asked for: the balance and its buckets.
    fn partition(&self, values: Option<&Value>) -> Vec<&Value> {
        let values = values.and_then(Value::as_object);
        let asked = |item: &&Value| {
            values.is_some_and(|values| values.values().any(|value| item.get("pk") == Some(value)))
        };
        self.items.iter().filter(asked).filter(|item| item.get("kind").is_none()).collect()
    }
}
