//! How many calls so many environments of the guard make, for distinct accounts and for one, and
//! whether the books are right after it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ledger::{AccountId, Credits};

use super::process::{children, cpu};
use super::town::{SIGNUP_CREDITS, Town, Wish, World, chat, now, said};
use crate::Failure;

/// One row of the table.
pub(crate) struct Row {
    /// Processes of `ai-guard`, each with one call at a time.
    pub(crate) environments: usize,
    /// Whether all calls were of one account.
    pub(crate) hot: bool,
    pub(crate) calls: u32,
    /// Calls that were told to come back later.
    pub(crate) told_to_wait: u32,
    pub(crate) time: Duration,
    /// CPU of the processes of `ai-guard`.
    pub(crate) functions: Duration,
    /// CPU of everything that stands in: tables, Lambda, provider and the callers.
    pub(crate) stand_ins: Duration,
}

/// What one caller has seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    calls: u32,
    told_to_wait: u32,
}

pub(crate) async fn measure(
    world: &World,
    environments: usize,
    hot: bool,
    time: Duration,
) -> Result<Row, Failure> {
    let town = world.town(&Wish { mode: "on", processes: environments, counted: false }).await?;
    let processes = children("ai-guard");
    let users: Vec<String> = (0..environments)
        .map(|number| if hot { "user_hot".to_owned() } else { format!("user_{number}") })
        .collect();
    // Opens the accounts, and each process its connections.
    let first = burst(world, &town, &users, Duration::from_millis(500)).await?;
    let spent = || processes.iter().map(|id| cpu(*id)).sum::<Duration>();
    let (before, own_before, began) = (spent(), cpu(std::process::id()), Instant::now());
    let seen = burst(world, &town, &users, time).await?;
    let time = began.elapsed();
    let (functions, stand_ins) =
        (spent().saturating_sub(before), cpu(std::process::id()).saturating_sub(own_before));
    verify(&town, &charged(&users, &[first, seen.clone()])).await?;
    town.stack.shutdown().await;
    let calls = seen.iter().map(|seen| seen.calls).sum();
    let told_to_wait = seen.iter().map(|seen| seen.told_to_wait).sum();
    Ok(Row { environments, hot, calls, told_to_wait, time, functions, stand_ins })
}

/// Calls for `time`, each user one call after the other.
async fn burst(
    world: &World,
    town: &Town,
    users: &[String],
    time: Duration,
) -> Result<Vec<Seen>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for user in users {
        let (client, stop) = (world.client.clone(), Arc::clone(&stop));
        let url = format!("{}/v1/chat/completions", town.stack.http_api_url);
        let token = world.token(user)?;
        callers.push(tokio::spawn(async move {
            let (mut seen, body) = (Seen::default(), chat("gpt-4o-mini"));
            while !stop.load(Ordering::Relaxed) {
                let reply = client.post(&url, &token, &body, &[]).await?;
                if reply.status == 429 {
                    seen.told_to_wait = seen.told_to_wait.saturating_add(1);
                    continue;
                }
                reply.expect(200)?;
                seen.calls = seen.calls.saturating_add(1);
            }
            Ok::<_, Failure>(seen)
        }));
    }
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for caller in callers {
        all.push(caller.await.map_err(said)??);
    }
    Ok(all)
}

/// How many calls of each account were charged.
fn charged(users: &[String], bursts: &[Vec<Seen>]) -> BTreeMap<String, u32> {
    let mut charged = BTreeMap::new();
    for (user, seen) in bursts.iter().flat_map(|burst| users.iter().zip(burst)) {
        let calls: &mut u32 = charged.entry(user.clone()).or_default();
        *calls = calls.saturating_add(seen.calls);
    }
    charged
}

/// Checks every rule of the ledger for every account, and that each call was charged once.
async fn verify(town: &Town, charged: &BTreeMap<String, u32>) -> Result<(), Failure> {
    let opened: Credits = SIGNUP_CREDITS.into();
    for (user, calls) in charged {
        let user: AccountId = user.parse().map_err(said)?;
        let report = town.store.verify(&user, now()).await.map_err(said)?;
        let open = town.store.open_holds(&user, now()).await.map_err(said)?;
        let left = opened.checked_sub(Credits::from(*calls)).map_err(said)?;
        let right = report.settled && report.violations.is_empty() && open.is_empty();
        if !right || report.available != Some(left) {
            return Err(format!("the books of {user} do not add up: {calls} calls, {report:?}"));
        }
    }
    Ok(())
}
