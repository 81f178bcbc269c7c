//! `CREDITS_ENABLED` switched while clients call.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use http::StatusCode;

use super::town::Town;
use crate::harness::account;

/// A change of mode reaches every call within this.
const REACHES: Duration = Duration::from_mins(1);

/// One call: when it began, and whether it was charged.
type Seen = (Instant, bool);

fn charged_after(seen: &[Seen], from: Instant, until: Instant) -> (usize, usize) {
    let within = seen.iter().filter(|(began, _)| (from..until).contains(began));
    let charged = within.clone().filter(|(_, charged)| *charged).count();
    (charged, within.count())
}

#[tokio::test]
async fn switching_credits_off_and_on_reaches_every_call_within_a_minute_and_fails_none() {
    let town = Town::with(|options| {
        options.settings.insert("SIGNUP_CREDITS".to_owned(), "1000000".to_owned());
    })
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let callers = (0..16).map(|_| {
        let (client, stop) = (town.client.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut seen: Vec<Seen> = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let reply = client.chat("gpt-4o-mini").await;
                assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
                seen.push((began, reply.header("x-credits-charged") == "1"));
                // Sixteen callers at full speed would only keep the machine from other tests.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            seen
        })
    });
    let callers: Vec<_> = callers.collect();
    let margin = Duration::from_secs(2);
    let started = Instant::now();
    tokio::time::sleep(margin).await;
    town.stack.put_setting("CREDITS_ENABLED", "off").await.unwrap();
    let off = Instant::now();
    tokio::time::sleep(REACHES).await;
    let holds_off = town.count(&account("user_1"), "hold").await;
    tokio::time::sleep(margin).await;
    assert_eq!(town.count(&account("user_1"), "hold").await, holds_off, "a hold while off");
    town.stack.put_setting("CREDITS_ENABLED", "1").await.unwrap();
    let on = Instant::now();
    tokio::time::sleep(REACHES + margin).await;
    stop.store(true, Ordering::Relaxed);
    let mut seen = Vec::new();
    for caller in callers {
        seen.extend(caller.await.unwrap());
    }
    let (charged, all) = charged_after(&seen, started, off);
    assert!(charged == all && all > 0, "{charged} of {all} charged before");
    let (charged, all) = charged_after(&seen, off + REACHES, on);
    assert!(charged == 0 && all > 0, "{charged} of {all} charged while off");
    let (charged, all) = charged_after(&seen, on + REACHES, Instant::now());
    assert!(charged == all && all > 0, "{charged} of {all} charged after");
    let user = account("user_1");
    assert_eq!(town.count(&user, "hold").await, town.count(&user, "outcome").await);
    let charged = seen.iter().filter(|(_, charged)| *charged).count();
    assert_eq!(town.books_of("user_1").await, 1_000_000 - i64::try_from(charged).unwrap());
}

#[tokio::test]
async fn neither_off_nor_shadow_writes_a_thing_for_calls_that_begin_there() {
    for mode in ["off", "shadow"] {
        let town = Town::with(|options| {
            // One process a function, so that none starts, and reads, after the count began.
            options.processes = 1;
            options.settings.insert("CREDITS_ENABLED".to_owned(), mode.to_owned());
        })
        .await;
        town.front().reset();
        for model in ["gpt-4o-mini", "stand-in-fails"] {
            town.client.chat(model).await;
        }
        super::town::read(town.client.stream("gpt-4o-mini").await).await;
        let me = town.client.get("/api/credits/me").await.json();
        assert_eq!(me["creditsEnabled"], mode == "shadow", "{me}");
        let operations = town.front().calls().into_iter().map(|call| call.operation);
        let written: Vec<_> =
            operations.filter(|name| !name.starts_with("Get") && name != "Query").collect();
        assert_eq!(written, Vec::<String>::new(), "{mode}");
        assert_eq!(town.store.accounts().await.unwrap(), []);
        if mode == "off" {
            assert_eq!(town.front().calls().len(), 0);
            let log = std::fs::read_to_string(town.stack.logs.join("ai-guard.log")).unwrap();
            let line = "credits disabled: skipping debit for ai_text_chat";
            assert_eq!(log.matches(line).count(), 3, "{log}");
        }
    }
}
