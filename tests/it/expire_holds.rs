//! `expire-holds` in process, on a real table.

use aws_sdk_dynamodb::types::AttributeValue;
use expire_holds::{ExpireHolds, Summary, Tick, handle};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId,
    hold::{Ending, Hold},
};
use ledger_dynamodb::{SHARDS, key};
use local::fault::{Fault, Rule};
use startup::{Clock, Deadline};

use crate::harness::{Harness, account, credits, end, hold_at, later, now};

/// When the minute in which a hold placed at the start of a test expires is over.
const AFTER_EXPIRY_SECONDS: i64 = 21 * 60;

/// The function on the test's books; its clock differs from every event's time.
fn function(books: &Harness) -> ExpireHolds {
    ExpireHolds { store: books.store.clone(), clock: Clock::fixed(later(86_400)) }
}

fn at(seconds: i64) -> Tick {
    Tick { time: Some(later(seconds)) }
}

async fn run(books: &Harness, seconds: i64) -> Summary {
    handle(at(seconds), Deadline(None), &function(books)).await.unwrap()
}

/// Makes every shard complete up to the minute of `minute`, as runs before would have.
async fn complete_up_to(books: &Harness, minute: Timestamp) {
    for shard in 0..SHARDS {
        books.store.complete_minute(shard, minute).await.unwrap();
    }
    books.front.reset();
}

/// The least that is complete over all shards.
async fn completed(books: &Harness) -> Timestamp {
    let mut least = Timestamp::MAX;
    for shard in 0..SHARDS {
        least = least.min(books.store.completed_minute(shard).await.unwrap().unwrap());
    }
    least
}

/// Holds `amount` of an account with 10 credits, now, for 20 minutes.
async fn crashed_call(books: &Harness, user: &AccountId, amount: u32) -> Hold {
    books.open(user, 10).await;
    let hold = hold_at(user, amount, now());
    books.store.hold(&hold, credits(0)).await.unwrap();
    hold
}

/// Changes the entry of a hold behind everybody's back.
async fn change(books: &Harness, hold: &Hold, attribute: &str, text: &str) {
    let update = books.client.update_item().table_name(&books.names.ledger);
    let update = update
        .key("pk", AttributeValue::S(key::account(&hold.account)))
        .key("sk", AttributeValue::S(key::entry(hold.id.entry())))
        .update_expression("SET #attribute = :text")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":text", AttributeValue::S(text.to_owned()));
    update.send().await.unwrap();
}

#[tokio::test]
async fn a_crashed_call_gives_its_credits_back_when_its_hold_expires() {
    let books = Harness::start().await;
    complete_up_to(&books, later(-60)).await;
    let user = account("user_1");
    crashed_call(&books, &user, 7).await;

    assert_eq!(run(&books, 20 * 60 - 1).await.found, 0);
    assert_eq!(books.available_at(&user, later(20 * 60 - 1)).await, 3);

    let summary = run(&books, AFTER_EXPIRY_SECONDS).await;
    assert_eq!((summary.found, summary.expired, summary.failed), (1, 1, 0));
    assert_eq!((summary.shards, summary.minutes_behind), (SHARDS, 0));
    assert_eq!(books.available_at(&user, later(AFTER_EXPIRY_SECONDS)).await, 10);
    assert_eq!(completed(&books).await, later(AFTER_EXPIRY_SECONDS - 60));

    let again = run(&books, AFTER_EXPIRY_SECONDS + 60).await;
    assert_eq!(again.found, 0);
    assert_eq!(books.kinds(&user).await, ["grant", "hold", "outcome"]);
}

#[tokio::test]
async fn a_hold_expires_at_its_own_second_while_its_minute_is_under_way() {
    let books = Harness::start().await;
    complete_up_to(&books, later(-60)).await;
    let user = account("user_1");
    books.open(&user, 10).await;
    for seconds in [10, 30] {
        let hold = hold_at(&user, 3, later(seconds));
        books.store.hold(&hold, credits(0)).await.unwrap();
    }
    let rows = [(1_209, 0, 4), (1_210, 1, 7), (1_229, 0, 7), (1_230, 1, 10), (1_231, 0, 10)];
    for (seconds, expired, available) in rows {
        let summary = run(&books, seconds).await;
        assert_eq!((summary.found, summary.expired, summary.failed), (expired, expired, 0));
        assert_eq!(summary.minutes_behind, 0);
        assert_eq!(books.available_at(&user, later(seconds)).await, available, "{seconds}");
        assert_eq!(completed(&books).await, later(19 * 60), "its minute is not over");
    }
    assert_eq!(run(&books, AFTER_EXPIRY_SECONDS).await.found, 0);
    assert_eq!(completed(&books).await, later(20 * 60));
}

#[tokio::test]
async fn a_hold_is_never_ended_before_its_expiry_wherever_the_index_has_it() {
    let books = Harness::start().await;
    complete_up_to(&books, later(60)).await;
    let user = account("user_1");
    let hold = crashed_call(&books, &user, 7).await;
    let too_early = key::expiry_slot(later(120), key::shard(hold.id));
    change(&books, &hold, "expiry_slot", &too_early).await;
    let summary = run(&books, 180).await;
    assert_eq!((summary.found, summary.expired, summary.failed), (0, 0, 0));
    assert_eq!(summary.minutes_behind, 1, "a minute with an open hold is not complete");
    assert_eq!(books.available_at(&user, later(180)).await, 3);
    assert_eq!(run(&books, 20 * 60).await.expired, 1);
    assert_eq!(books.available_at(&user, later(20 * 60)).await, 10);
}

#[tokio::test]
async fn a_late_settle_and_the_expiry_never_both_give_back() {
    let books = Harness::start().await;
    complete_up_to(&books, later(AFTER_EXPIRY_SECONDS - 120)).await;
    let mut calls = Vec::new();
    for number in 0..24 {
        let user = account(&format!("user_{number}"));
        calls.push(crashed_call(&books, &user, 7).await);
    }
    let settles = calls.iter().map(|hold| {
        let (store, hold) = (books.store.clone(), hold.clone());
        let delivered = Ending::Settled { charged: credits(2) };
        let late = end(delivered, later(AFTER_EXPIRY_SECONDS));
        tokio::spawn(async move { store.end(&hold, &late).await.unwrap() })
    });
    let settles: Vec<_> = settles.collect();
    let summary = run(&books, AFTER_EXPIRY_SECONDS).await;
    assert_eq!(summary.failed, 0);
    for settle in settles {
        assert_eq!(settle.await.unwrap().charged, credits(2));
    }
    // Whoever came first, the call was delivered and costs 2.
    for hold in &calls {
        assert_eq!(books.available_at(&hold.account, later(AFTER_EXPIRY_SECONDS)).await, 8);
    }
}

#[tokio::test]
async fn two_runs_at_once_give_back_once() {
    let books = Harness::start().await;
    complete_up_to(&books, later(AFTER_EXPIRY_SECONDS - 120)).await;
    let user = account("user_1");
    books.open(&user, 10).await;
    for _ in 0..10 {
        let hold = hold_at(&user, 1, now());
        books.store.hold(&hold, credits(0)).await.unwrap();
    }
    let (one, other) =
        tokio::join!(run(&books, AFTER_EXPIRY_SECONDS), run(&books, AFTER_EXPIRY_SECONDS));
    assert_eq!((one.failed, other.failed), (0, 0));
    assert_eq!(books.available_at(&user, later(AFTER_EXPIRY_SECONDS)).await, 10);
}

#[tokio::test]
async fn more_holds_of_one_minute_and_shard_than_a_batch_read_takes_all_end_in_one_run() {
    let books = Harness::start().await;
    complete_up_to(&books, later(AFTER_EXPIRY_SECONDS - 120)).await;
    let user = account("user_1");
    books.open(&user, 150).await;
    let mut placed = 0;
    while placed < 150 {
        let hold = hold_at(&user, 1, now());
        if ledger_dynamodb::key::shard(hold.id) != 3 {
            continue;
        }
        books.store.hold(&hold, credits(0)).await.unwrap();
        placed += 1;
    }
    let summary = run(&books, AFTER_EXPIRY_SECONDS).await;
    assert_eq!((summary.found, summary.expired, summary.failed), (150, 150, 0));
    assert_eq!(books.available_at(&user, later(AFTER_EXPIRY_SECONDS)).await, 150);
}

#[tokio::test]
async fn a_hold_that_cannot_be_ended_stops_no_other_and_holds_its_minute_back() {
    let books = Harness::start().await;
    complete_up_to(&books, later(-60)).await;
    let (broken, sound) = (account("user_broken"), account("user_sound"));
    let hold = crashed_call(&books, &broken, 7).await;
    crashed_call(&books, &sound, 7).await;
    change(&books, &hold, "kind", "rubbish").await;
    let summary = run(&books, AFTER_EXPIRY_SECONDS).await;
    assert_eq!((summary.found, summary.expired, summary.failed), (2, 1, 1));
    assert_eq!(books.available_at(&sound, later(AFTER_EXPIRY_SECONDS)).await, 10);
    assert_eq!(completed(&books).await, later(20 * 60 - 60));

    change(&books, &hold, "kind", "hold").await;
    let summary = run(&books, AFTER_EXPIRY_SECONDS + 120).await;
    assert_eq!((summary.found, summary.expired, summary.failed), (1, 1, 0));
    assert_eq!(books.available_at(&broken, later(AFTER_EXPIRY_SECONDS)).await, 10);
    assert_eq!(completed(&books).await, later(AFTER_EXPIRY_SECONDS + 60));
}

#[tokio::test]
async fn a_hold_that_the_index_shows_late_is_found_within_the_hour() {
    for minutes_late in [1, 5, 15, 60] {
        let books = Harness::start().await;
        let user = account("user_1");
        crashed_call(&books, &user, 7).await;
        let seconds = AFTER_EXPIRY_SECONDS + minutes_late * 60;
        complete_up_to(&books, later(seconds - 120)).await;
        let summary = run(&books, seconds).await;
        assert_eq!((summary.found, summary.expired), (1, 1), "{minutes_late}");
        assert_eq!(books.available_at(&user, later(seconds)).await, 10);
    }
}

#[tokio::test]
async fn the_first_run_ever_begins_a_day_ago() {
    let books = Harness::start().await;
    let user = account("user_1");
    crashed_call(&books, &user, 7).await;
    let a_day_later = AFTER_EXPIRY_SECONDS + 24 * 3_600;
    assert_eq!(run(&books, a_day_later).await.expired, 1);
    assert_eq!(books.available_at(&user, later(a_day_later)).await, 10);
}

#[tokio::test]
async fn a_run_that_has_no_time_left_begins_nothing_and_keeps_no_progress() {
    let books = Harness::start().await;
    complete_up_to(&books, later(-60)).await;
    let user = account("user_1");
    crashed_call(&books, &user, 7).await;
    let soon = later(86_400) + SignedDuration::from_secs(5);
    let cut = handle(at(AFTER_EXPIRY_SECONDS), Deadline(Some(soon)), &function(&books)).await;
    let cut = cut.unwrap();
    assert_eq!((cut.minutes, cut.found, cut.minutes_behind), (0, 0, 21));
    assert_eq!(completed(&books).await, later(-60));
    assert_eq!(run(&books, AFTER_EXPIRY_SECONDS).await.expired, 1);
}

#[tokio::test]
async fn a_write_whose_reply_is_lost_gives_back_once() {
    let books = Harness::start().await;
    complete_up_to(&books, later(AFTER_EXPIRY_SECONDS - 120)).await;
    let user = account("user_1");
    crashed_call(&books, &user, 7).await;
    books.front.rules([Rule::of("TransactWriteItems", Fault::LostReply, 500)]);
    let mut seconds = AFTER_EXPIRY_SECONDS;
    while run(&books, seconds).await.failed > 0 {
        seconds += 60;
    }
    books.front.reset();
    assert_eq!(books.available_at(&user, later(seconds)).await, 10);
}

#[tokio::test]
async fn a_table_out_of_reach_fails_the_run() {
    let books = Harness::start().await;
    books.front.down(true);
    let event = at(AFTER_EXPIRY_SECONDS);
    assert!(handle(event, Deadline(None), &function(&books)).await.is_err());
}

#[tokio::test]
async fn a_minute_without_holds_costs_six_reads_and_one_write_per_shard_beside_its_progress() {
    let books = Harness::start().await;
    complete_up_to(&books, later(-120)).await;
    let summary = run(&books, 0).await;
    let idle = Summary { shards: SHARDS, minutes: 6 * u64::from(SHARDS), ..Summary::default() };
    assert_eq!(summary, idle);
    let count = |operation| books.operations().iter().filter(|seen| *seen == operation).count();
    let shards = usize::from(SHARDS);
    assert_eq!(
        (count("GetItem"), count("Query"), count("PutItem"), books.operations().len()),
        (shards, 6 * shards, shards, 8 * shards),
    );
}

#[test]
fn the_time_of_the_schedules_event_is_read() {
    let event = include_str!("../../events/expire-holds.json");
    let tick: Tick = serde_json::from_str(event).unwrap();
    assert_eq!(tick.time, Some(later(AFTER_EXPIRY_SECONDS)));
    let by_hand: Tick = serde_json::from_str("{}").unwrap();
    assert_eq!(by_hand.time, None);
}
