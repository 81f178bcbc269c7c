//! What each operation asks of the tables: first the movements of the ledger by themselves, then
//! whole calls of the functions.

use jiff::{SignedDuration, Timestamp};
use ledger::entry::Actor;
use ledger::feature::Feature;
use ledger::hold::{Ending, Hold, HoldTerms};
use ledger::price::{Price, Tariff};
use ledger::{AccountId, Credits, HoldId};
use ledger_dynamodb::{End, LedgerStore};
use local::fault::Front;
use serde_json::{Value, json};

use super::counting::{self, Counted, TIMES};
use super::town::{Client, Reply, TOKEN_MODEL, Town, Wish, World, chat, now, said, store};
use crate::Failure;

/// Who everything is counted for; the account is open before.
const USER: &str = "user_counted";

/// Holds of one run of the schedule, over which what it asks by itself is spread.
const EXPIRED_AT_ONCE: u64 = 20;

/// An operation and what it asks.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) counted: Counted,
    /// Invocations of functions; none for a movement, which is a part of some invocation.
    pub(crate) invocations: u64,
    /// Whether an invocation waits for the provider.
    pub(crate) asks_provider: bool,
    pub(crate) queue_requests: u64,
}

/// Counts them all.
pub(crate) async fn count(world: &World) -> Result<Vec<Operation>, Failure> {
    let wish = |mode| Wish { mode, processes: 1, counted: true };
    let on = world.town(&wish("on")).await?;
    let mut all = Box::pin(movements(&on)).await?;
    all.extend(calls(world, &on).await?);
    for (mode, name) in [("shadow", "a call in `shadow`"), ("off", "a call while `off`")] {
        let town = world.town(&wish(mode)).await?;
        let caller = Caller::new(world, &town)?;
        caller.chat("gpt-4o-mini", &[], 200).await?;
        all.push(caller.counted(name, async || caller.chat("gpt-4o-mini", &[], 200).await).await?);
        town.stack.shutdown().await;
    }
    on.stack.shutdown().await;
    Ok(all)
}

/// Hold, outcomes and late charge, as the functions ask the store for them.
async fn movements(town: &Town) -> Result<Vec<Operation>, Failure> {
    let front = town.front.as_ref().ok_or("there is no front")?;
    let store = store(&town.stack, &front.url)?;
    let user: AccountId = USER.parse().map_err(said)?;
    place(&store, &user).await?;
    let mut all = Vec::new();
    let mut add = |name, counted| {
        let operation =
            Operation { name, counted, invocations: 0, asks_provider: false, queue_requests: 0 };
        all.push(operation);
    };
    let (hold, counted) = counting::of(front, place(&store, &user)).await?;
    add("hold", counted);
    add("settle at what was held", ending(front, &store, &hold, settled(10)).await?);
    for (name, ended) in [("settle at less", settled(4)), ("release", Ending::Released)] {
        let hold = place(&store, &user).await?;
        add(name, ending(front, &store, &hold, ended).await?);
    }
    let hold = place(&store, &user).await?;
    add("expire", ending(front, &store, &hold, Ending::Expired).await?);
    add("charge late, after it expired", ending(front, &store, &hold, settled(10)).await?);
    Ok(all)
}

async fn place(store: &LedgerStore, user: &AccountId) -> Result<Hold, Failure> {
    let hold = hold(user, now())?;
    Box::pin(store.hold(&hold, Credits::from(1_000_000))).await.map_err(said)?;
    Ok(hold)
}

fn hold(user: &AccountId, at: Timestamp) -> Result<Hold, Failure> {
    let amount = Credits::from(10);
    Ok(Hold {
        id: HoldId(startup::new_ulid(at)),
        account: user.clone(),
        amount,
        at,
        actor: Actor::User(user.to_string()),
        terms: HoldTerms {
            feature: Feature::AI_TEXT_CHAT,
            model: "gpt-4o-mini".to_owned(),
            quantity: 1,
            price_version: 2,
            tariff: Tariff::Fixed(Price::new(10).map_err(said)?),
            expires_at: at.saturating_add(SignedDuration::from_mins(20)).map_err(said)?,
        },
    })
}

fn settled(charged: u32) -> Ending {
    Ending::Settled { charged: Credits::from(charged) }
}

async fn ending(
    front: &Front,
    store: &LedgerStore,
    hold: &Hold,
    ending: Ending,
) -> Result<Counted, Failure> {
    let at = now();
    let actor = Actor::System("bench".to_owned());
    let end = End { ending, at, actor, id: startup::new_ulid(at) };
    let ((), counted) = counting::of(front, async {
        Box::pin(store.end(hold, &end)).await.map(drop).map_err(said)
    })
    .await?;
    Ok(counted)
}

/// Somebody who calls a counted town.
struct Caller<'a> {
    town: &'a Town,
    front: &'a Front,
    client: &'a Client,
    token: String,
}

/// Whole calls, each through the function that answers it.
async fn calls(world: &World, town: &Town) -> Result<Vec<Operation>, Failure> {
    let caller = Caller::new(world, town)?;
    let keyed = [("idempotency-key", "a-key-that-is-used-again")];
    caller.chat("gpt-4o-mini", &[], 200).await?;
    let mut all = vec![
        caller
            .counted("a call at a fixed price", async || caller.chat("gpt-4o-mini", &[], 200).await)
            .await?,
        caller
            .counted("a call at a token price", async || caller.chat(TOKEN_MODEL, &[], 200).await)
            .await?,
        caller
            .counted("a call that the provider fails", async || {
                caller.chat("stand-in-fails", &[], 502).await
            })
            .await?,
        caller
            .counted("a call with an idempotency key", async || {
                let key = startup::new_ulid(now()).to_string();
                caller.chat("gpt-4o-mini", &[("idempotency-key", &key)], 200).await
            })
            .await?,
    ];
    caller.chat("gpt-4o-mini", &keyed, 200).await?;
    let again = async || caller.chat("gpt-4o-mini", &keyed, 200).await;
    all.push(caller.counted("the same key again", again).await?.without_provider());
    all.push(caller.refused(world).await?.without_provider());
    all.push(caller.split().await?);
    let me = format!("{}/api/credits/me", town.stack.http_api_url);
    let me = async || caller.client.get(&me, &caller.token).await?.expect(200);
    all.push(caller.counted("`GET /api/credits/me`", me).await?.without_provider());
    all.push(caller.queued().await?);
    all.push(caller.expired().await?);
    Ok(all)
}

impl<'a> Caller<'a> {
    fn new(world: &'a World, town: &'a Town) -> Result<Self, Failure> {
        let front = town.front.as_ref().ok_or("there is no front")?;
        Ok(Self { town, front, client: &world.client, token: world.token(USER)? })
    }

    async fn chat(
        &self,
        model: &str,
        headers: &[(&str, &str)],
        status: u16,
    ) -> Result<Reply, Failure> {
        let url = format!("{}/api/ai/chat", self.town.stack.http_api_url);
        self.client.post(&url, &self.token, &chat(model), headers).await?.expect(status)
    }

    /// Counts one call a few times; the least is what it asks when no cache is renewed.
    async fn counted(
        &self,
        name: &'static str,
        call: impl AsyncFn() -> Result<Reply, Failure>,
    ) -> Result<Operation, Failure> {
        let mut least = None;
        for _ in 0..TIMES {
            let (_, counted) = counting::of(self.front, call())
                .await
                .map_err(|failure| format!("{name}: {failure}"))?;
            least = Some(least.map_or(counted, |least: Counted| least.min(counted)));
        }
        let counted = least.unwrap_or_default();
        Ok(Operation { name, counted, invocations: 1, asks_provider: true, queue_requests: 0 })
    }

    /// A call of somebody who has nothing left.
    async fn refused(&self, world: &World) -> Result<Operation, Failure> {
        let user: AccountId = "user_without_credits".parse().map_err(said)?;
        // Opened with fewer credits than the call costs; the guard opens no account twice.
        let hold = hold(&user, now())?;
        self.town.store.hold(&hold, hold.amount).await.map_err(said)?;
        let token = world.token("user_without_credits")?;
        let url = format!("{}/api/ai/chat", self.town.stack.http_api_url);
        self.counted("a call refused with 402", async || {
            self.client.post(&url, &token, &chat("gpt-4o-mini"), &[]).await?.expect(402)
        })
        .await
    }

    /// A back end that calls its provider itself.
    async fn split(&self) -> Result<Operation, Failure> {
        let url = format!("{}/api/ai/holds", self.town.stack.http_api_url);
        let key = &self.town.service_key;
        let body = json!({"account": USER, "feature": "ai_text_chat", "model": "gpt-4o-mini"});
        let both = async || {
            let placed = self.client.post(&url, key, &body, &[]).await?.expect(201)?;
            let id = placed.json().get("id").and_then(Value::as_str).unwrap_or("-").to_owned();
            let settle = format!("{url}/{id}/settle");
            self.client.post(&settle, key, &json!({"quantity": 1}), &[]).await?.expect(200)
        };
        let operation = self.counted("hold and settle by a back end", both).await?;
        Ok(Operation { invocations: 2, ..operation.without_provider() })
    }

    /// A settle that the table did not take at once.
    async fn queued(&self) -> Result<Operation, Failure> {
        let user: AccountId = USER.parse().map_err(said)?;
        let mut least = None;
        for _ in 0..TIMES {
            let hold = place(&self.town.store, &user).await?;
            let event = json!({"Records": [{
                "messageId": "1", "receiptHandle": "1", "body": queued(&hold).to_string(),
                "attributes": {"ApproximateReceiveCount": "1"},
            }]});
            let (answer, counted) = counting::of(self.front, async {
                self.town.stack.invoke("retry-worker", &event).await.map_err(said)
            })
            .await?;
            if answer != json!({"batchItemFailures": []}) {
                return Err(format!("the queued settle was not finished: {answer}"));
            }
            least = Some(least.map_or(counted, |least: Counted| least.min(counted)));
        }
        Ok(Operation {
            name: "a settle by way of the queue",
            counted: least.unwrap_or_default(),
            invocations: 1,
            asks_provider: false,
            // It is sent, received and deleted.
            queue_requests: 3,
        })
    }

    /// The schedule, for each hold that it ends.
    async fn expired(&self) -> Result<Operation, Failure> {
        let run = |later: i64| async move {
            let time = now().saturating_add(SignedDuration::from_mins(later)).map_err(said)?;
            let ran = self.town.stack.fire_schedule("expire-holds", time).await;
            ran.map_err(said)
        };
        // Whatever the operations before have left open.
        run(30).await?;
        let ((), idle) = counting::of(self.front, async { run(31).await.map(drop) }).await?;
        let user: AccountId = USER.parse().map_err(said)?;
        for _ in 0..EXPIRED_AT_ONCE {
            place(&self.town.store, &user).await?;
        }
        let (answer, counted) = counting::of(self.front, run(32)).await?;
        if answer.get("expired") != Some(&json!(EXPIRED_AT_ONCE)) {
            return Err(format!("not all holds were ended: {answer}"));
        }
        Ok(Operation {
            name: "`expire-holds`, for each hold it ends",
            counted: counted.without(idle).divided(EXPIRED_AT_ONCE),
            invocations: 0,
            asks_provider: false,
            queue_requests: 0,
        })
    }
}

impl Operation {
    fn without_provider(self) -> Self {
        Self { asks_provider: false, ..self }
    }
}

/// What the guard queues of a hold it could not settle.
fn queued(hold: &Hold) -> Value {
    let at = now();
    json!({
        "version": 1, "account": hold.account.as_str(), "hold": hold.id.to_string(),
        "amount": hold.amount, "ending": "settled", "charged": hold.amount,
        "at": at.to_string(), "actor": "system:ai-guard",
        "id": startup::new_ulid(at).to_string(),
    })
}
