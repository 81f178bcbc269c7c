//! Use by feature and day: every hold once, on the day it was placed.

use std::collections::BTreeMap;

use audit_ledger::{Tick, handle};
use directory::{
    DayUse,
    audit::{FeatureUse, UsageProgress},
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use ledger::{
    AccountId,
    hold::{Ending, Hold},
};
use local::fault::{Fault, Rule};
use startup::Deadline;

use super::{function, hurried, run};
use crate::{
    directory::{at, directory},
    harness::{Harness, credits, end, hold_at},
};

/// When counting begins in these tests: half an hour before midnight.
const BEGIN: &str = "2026-11-19T23:30:00Z";
/// When everything of the 19th can be counted: three hours after the last minute in which a hold
/// of that day can expire.
const COMPLETE: &str = "2026-11-20T04:01:00Z";

/// What becomes of a call in these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Settled(i64),
    Released,
    Expired,
    ChargedLate(i64),
}

const ENDS: [End; 7] = [
    End::Settled(5),
    End::Settled(0),
    End::Released,
    End::Expired,
    End::ChargedLate(3),
    End::Settled(2),
    End::ChargedLate(5),
];

/// An account with credits for everything, and counting begun.
async fn begun() -> (Harness, AccountId) {
    let (books, user) = Harness::opened(10_000).await;
    let progress = UsageProgress { next_minute: at(BEGIN), first_day: day("2026-11-19") };
    assert!(directory(&books).begin_usage(&progress).await.unwrap());
    (books, user)
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

async fn place(books: &Harness, user: &AccountId, feature: &str, at: Timestamp) -> Hold {
    let mut hold = hold_at(user, 5, at);
    hold.terms.feature = feature.parse().unwrap();
    books.store.hold(&hold, credits(0)).await.unwrap();
    hold
}

async fn finish(books: &Harness, hold: &Hold, with: End) {
    let soon = hold.at + SignedDuration::from_secs(10);
    let settle = |charged| Ending::Settled { charged: credits(charged) };
    let expiry = end(Ending::Expired, hold.terms.expires_at);
    let ends = match with {
        End::Settled(charged) => vec![end(settle(charged), soon)],
        End::Released => vec![end(Ending::Released, soon)],
        End::Expired => vec![expiry],
        End::ChargedLate(charged) => {
            let late = hold.terms.expires_at + SignedDuration::from_mins(30);
            vec![expiry, end(settle(charged), late)]
        }
    };
    for end in ends {
        books.store.end(hold, &end).await.unwrap();
    }
}

/// Calls around midnight, of every fate; returns what each day's features were used for, counted
/// in the plainest way.
async fn calls(books: &Harness, user: &AccountId) -> BTreeMap<(Date, String), FeatureUse> {
    let mut expected = BTreeMap::new();
    for number in 0..56 {
        let minutes = i64::try_from(number).unwrap();
        let placed = at("2026-11-19T23:20:00Z") + SignedDuration::from_mins(minutes);
        let feature = ["ai_text_chat", "ai_image_generation"][number % 2];
        let hold = place(books, user, feature, placed).await;
        let fate = ENDS[number % ENDS.len()];
        finish(books, &hold, fate).await;
        let of = (day(&placed.to_string()[..10]), feature.to_owned());
        let sum: &mut FeatureUse = expected.entry(of).or_default();
        match fate {
            End::Settled(charged) | End::ChargedLate(charged) => {
                sum.calls += 1;
                sum.credits += charged.unsigned_abs();
            }
            End::Released => sum.released += 1,
            End::Expired => sum.expired += 1,
        }
    }
    expected
}

/// What is shown of both days.
async fn shown(books: &Harness) -> BTreeMap<(Date, String), FeatureUse> {
    let uses = directory(books).usage(day("2026-11-18"), day("2026-11-21")).await.unwrap();
    let uses = uses.into_iter().map(|used| {
        let DayUse { day, feature, calls, credits, released, expired } = used;
        ((day, feature), FeatureUse { calls, credits, released, expired })
    });
    uses.collect()
}

/// Those of `uses` that are of the 19th.
fn of_the_19th(uses: BTreeMap<(Date, String), FeatureUse>) -> BTreeMap<(Date, String), FeatureUse> {
    uses.into_iter().filter(|((of, _), _)| *of == day("2026-11-19")).collect()
}

#[tokio::test]
async fn use_is_what_the_calls_were_charged_late_ones_too_by_the_day_they_began() {
    let (books, user) = begun().await;
    let expected = calls(&books, &user).await;
    assert_eq!(expected.len(), 4, "two features on two days");
    let summary = run(&function(&books, at(COMPLETE)), at(COMPLETE)).await;
    assert_eq!((summary.holds, summary.minutes_behind, summary.failed), (56, 0, 0));
    assert_eq!(summary.minutes, 91);
    assert_eq!(shown(&books).await, of_the_19th(expected.clone()));
    // The 20th is complete a day later; only its first hour is walked here.
    let progress = directory(&books).usage_progress().await.unwrap().unwrap();
    let none = BTreeMap::new();
    let next = at("2026-11-21T01:00:00Z");
    assert!(directory(&books).add_usage(&progress, next, &none).await.unwrap());
    assert_eq!(shown(&books).await, expected);
    let one_day = directory(&books).usage(day("2026-11-20"), day("2026-11-20")).await.unwrap();
    assert_eq!(one_day.len(), 2);
    assert_eq!(books.available(&user).await, 10_000 - 8 * (5 + 3 + 2 + 5));
}

#[tokio::test]
async fn a_day_is_shown_once_all_of_its_holds_have_ended_and_been_counted() {
    let (books, user) = begun().await;
    let expected = calls(&books, &user).await;
    let a_minute_before = at(COMPLETE) - SignedDuration::from_mins(2);
    run(&function(&books, a_minute_before), a_minute_before).await;
    assert_eq!(shown(&books).await, BTreeMap::new());
    run(&function(&books, at(COMPLETE)), at(COMPLETE)).await;
    assert_eq!(shown(&books).await, of_the_19th(expected));
}

#[tokio::test]
async fn a_minute_is_counted_three_hours_after_it_and_not_before() {
    let (books, user) = begun().await;
    let hold = place(&books, &user, "ai_text_chat", at("2026-11-19T23:10:30Z")).await;
    finish(&books, &hold, End::Settled(1)).await;
    for (time, holds) in [("2026-11-20T02:30:59Z", 0), ("2026-11-20T02:31:00Z", 1)] {
        let summary = run(&function(&books, at(time)), at(time)).await;
        assert_eq!((summary.holds, summary.minutes), (holds, holds), "{time}");
    }
}

#[tokio::test]
async fn a_run_that_is_cut_and_runs_at_once_count_every_hold_once() {
    let (books, user) = begun().await;
    let expected = calls(&books, &user).await;
    let mut runs = 0;
    loop {
        let (one, two) = (hurried(&books, at(COMPLETE)), hurried(&books, at(COMPLETE)));
        tokio::join!(run(&one, at(COMPLETE)), run(&two, at(COMPLETE)));
        runs += 1;
        let progress = directory(&books).usage_progress().await.unwrap().unwrap();
        if progress.next_minute == at("2026-11-20T01:01:00Z") {
            break;
        }
    }
    assert!(runs > 5, "{runs}");
    assert_eq!(shown(&books).await, of_the_19th(expected));
}

#[tokio::test]
async fn of_two_runs_that_count_the_same_minutes_only_the_first_is_kept() {
    let (books, _) = begun().await;
    let directory = directory(&books);
    let progress = directory.usage_progress().await.unwrap().unwrap();
    let of = (day("2026-11-19"), "ai_text_chat".to_owned());
    let once = FeatureUse { calls: 1, credits: 5, released: 0, expired: 0 };
    let counted = BTreeMap::from([(of, once)]);
    for expected in [true, false] {
        let next = at("2026-11-20T01:00:00Z");
        assert_eq!(directory.add_usage(&progress, next, &counted).await.unwrap(), expected);
    }
    assert_eq!(shown(&books).await, counted);
}

#[tokio::test]
async fn lost_and_refused_requests_count_no_hold_twice() {
    let (books, user) = begun().await;
    let expected = calls(&books, &user).await;
    for fault in [Fault::LostReply, Fault::Conflict] {
        books.front.rules([Rule::of("TransactWriteItems", fault, 400)]);
        for _ in 0..3 {
            let tick = Tick { time: Some(at(COMPLETE)) };
            let _ = handle(tick, Deadline(None), &hurried(&books, at(COMPLETE))).await;
        }
    }
    books.front.reset();
    run(&function(&books, at(COMPLETE)), at(COMPLETE)).await;
    assert_eq!(shown(&books).await, of_the_19th(expected));
}

#[tokio::test]
async fn a_hold_that_has_not_ended_is_waited_for_and_then_counted_once() {
    let (books, user) = begun().await;
    let before = place(&books, &user, "ai_text_chat", at("2026-11-19T23:35:00Z")).await;
    finish(&books, &before, End::Settled(5)).await;
    let open = place(&books, &user, "ai_text_chat", at("2026-11-19T23:40:00Z")).await;
    let beside = place(&books, &user, "ai_text_chat", at("2026-11-19T23:40:10Z")).await;
    finish(&books, &beside, End::Settled(5)).await;
    for _ in 0..2 {
        let summary = run(&function(&books, at(COMPLETE)), at(COMPLETE)).await;
        assert_eq!((summary.failed, summary.minutes_behind), (1, 61));
        let progress = directory(&books).usage_progress().await.unwrap().unwrap();
        assert_eq!(progress.next_minute, at("2026-11-20T00:00:00Z"));
    }
    finish(&books, &open, End::Expired).await;
    let summary = run(&function(&books, at(COMPLETE)), at(COMPLETE)).await;
    assert_eq!((summary.holds, summary.failed, summary.minutes_behind), (2, 0, 0));
    let once = FeatureUse { calls: 2, credits: 10, released: 0, expired: 1 };
    let of = (day("2026-11-19"), "ai_text_chat".to_owned());
    assert_eq!(shown(&books).await, BTreeMap::from([(of, once)]));
}

#[tokio::test]
async fn counting_begins_with_yesterday_and_leaves_the_rest_of_the_day_before_out() {
    let (books, user) = Harness::opened(100).await;
    let directory = directory(&books);
    for placed in ["2026-11-18T23:50:00Z", "2026-11-19T00:00:00Z"] {
        let hold = place(&books, &user, "ai_text_chat", at(placed)).await;
        finish(&books, &hold, End::Settled(5)).await;
    }
    let first = at("2026-11-20T12:00:00Z");
    run(&hurried(&books, first), first).await;
    let mut progress = directory.usage_progress().await.unwrap().unwrap();
    assert_eq!(progress.first_day, day("2026-11-19"));
    assert!(progress.next_minute >= at("2026-11-19T00:00:00Z"));
    while progress.next_minute < at("2026-11-19T00:25:00Z") {
        run(&hurried(&books, first), first).await;
        progress = directory.usage_progress().await.unwrap().unwrap();
    }
    let none = BTreeMap::new();
    let next = at("2026-11-20T01:00:00Z");
    assert!(directory.add_usage(&progress, next, &none).await.unwrap());
    let once = FeatureUse { calls: 1, credits: 5, released: 0, expired: 0 };
    let of = (day("2026-11-19"), "ai_text_chat".to_owned());
    assert_eq!(shown(&books).await, BTreeMap::from([(of, once)]));
}
