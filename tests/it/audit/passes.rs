//! A pass over the balances: cut and gone on with, two at once, counted as a recount would.

use std::collections::{BTreeMap, BTreeSet};

use audit_ledger::{AuditLedger, Thresholds, ThresholdsSource, Tick, handle};
use aws_sdk_dynamodb::types::AttributeValue;
use directory::{Band, Directory, Pass, Totals, audit::UsageProgress};
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountId, balance::FreezeReason, command::Action};
use local::fault::{Fault, Rule};
use startup::Deadline;

use super::{function, hurried, run};
use crate::{
    directory::{directory, facts, put, text},
    harness::{Harness, account, credits, later, now},
};

/// Balances of every kind, written as a table has them, beside rows of others.
async fn crowd(books: &Harness) {
    // Use has been counted, so that these tests count balances only.
    let (next_minute, first_day) = (later(2 * 86_400), "2026-11-22".parse().unwrap());
    let progress = UsageProgress { next_minute, first_day };
    directory(books).begin_usage(&progress).await.unwrap();
    let amounts = [0_i64, 1, 9, 10, 11, 99, 100, 9_999, 10_000, 1_000_000_000_000, -1, -250];
    for number in 0..40 {
        let (id, amount) = (format!("user_{number:02}"), amounts[number % amounts.len()]);
        let mut row = vec![
            ("pk", text(&format!("ACCOUNT#{id}"))),
            ("sk", text("BALANCE")),
            ("available", AttributeValue::N(amount.to_string())),
            ("next_expiry", AttributeValue::N("253402300799999".to_owned())),
            ("revision", AttributeValue::N("1".to_owned())),
        ];
        if number % 9 == 0 {
            row.push(("frozen", AttributeValue::Ss(vec!["dispute".to_owned()])));
        }
        put(books, &row).await;
        let facts = facts(&id, None, 1);
        directory(books).upsert_user(&facts, None, false).await.unwrap();
    }
    let user = account("user_real");
    books.open(&user, 70).await;
    let freeze = Action::Freeze(FreezeReason::Admin);
    books.submit(&user, freeze).await.unwrap();
}

/// What is in the table, counted in the plainest way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Recount {
    totals: Totals,
    steps: BTreeMap<i64, u64>,
    bands: BTreeMap<&'static str, BTreeSet<AccountId>>,
}

async fn recount(books: &Harness) -> Recount {
    let mut counted = Recount::default();
    for id in books.store.accounts().await.unwrap() {
        let Ok(Some(balance)) = books.store.balance(&id).await else {
            counted.totals.unreadable += 1;
            continue;
        };
        let amount = balance.available.get();
        counted.totals.accounts += 1;
        counted.totals.credits += amount.max(0).unsigned_abs();
        counted.totals.debt += amount.min(0).unsigned_abs();
        let digits = i64::try_from(amount.unsigned_abs().to_string().len()).unwrap();
        *counted.steps.entry(amount.signum() * digits).or_default() += 1;
        let mut bands = Vec::new();
        match amount {
            ..=-1 => bands.push("negative"),
            0 => bands.push("zero"),
            1..=10 => bands.push("low"),
            10_000.. => bands.push("high"),
            _ => {}
        }
        if !balance.frozen.is_empty() {
            counted.totals.frozen += 1;
            bands.push("frozen");
        }
        for band in bands {
            counted.bands.entry(band).or_default().insert(id.clone());
        }
    }
    counted
}

/// The accounts of a band, page by page; none may come twice.
async fn listed(directory: &Directory, pass: &Pass, band: Band, limit: u32) -> BTreeSet<AccountId> {
    let (mut accounts, mut after) = (BTreeSet::new(), None);
    loop {
        let page = directory.band(pass.id, band, limit, after).await.unwrap();
        assert!(page.accounts.len() <= usize::try_from(limit).unwrap());
        for account in page.accounts {
            assert!(accounts.insert(account.clone()), "{account} is listed twice");
        }
        match page.next {
            // As a client carries it.
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return accounts,
        }
    }
}

/// The pass of the test's day is through and says what the table says.
async fn check_pass(books: &Harness) {
    let directory = directory(books);
    let pass = directory.latest_pass().await.unwrap().expect("a pass is through");
    let expected = recount(books).await;
    assert_eq!(pass.totals, expected.totals);
    let steps = pass.distribution.iter().map(|step| {
        let (from, to) = (step.from.get(), step.to.get());
        let digits = from.unsigned_abs().min(to.unsigned_abs()).to_string().len();
        (from.signum() * i64::try_from(digits).unwrap(), step.accounts)
    });
    assert_eq!(steps.collect::<BTreeMap<_, _>>(), expected.steps);
    for band in Band::ALL {
        let wanted = expected.bands.get(band.as_str()).cloned().unwrap_or_default();
        let counted = pass.bands.get(&band).copied().unwrap_or_default();
        assert_eq!(counted, u64::try_from(wanted.len()).unwrap(), "{band:?}");
        for limit in [1, 3, 100] {
            assert_eq!(listed(&directory, &pass, band, limit).await, wanted, "{band:?} {limit}");
        }
    }
}

/// Runs until the pass is through, and returns how many runs it took.
async fn run_through(function: &AuditLedger, at: Timestamp) -> usize {
    let mut runs = 1;
    while !run(function, at).await.pass_finished {
        runs += 1;
    }
    runs
}

#[tokio::test]
async fn a_pass_over_many_pages_says_what_a_plain_recount_says() {
    let books = Harness::start().await;
    crowd(&books).await;
    let summary = run(&function(&books, now()), now()).await;
    assert!(summary.pass_finished && summary.pages > 10);
    assert_eq!((summary.accounts, summary.unreadable, summary.failed), (41, 0, 0));
    check_pass(&books).await;
}

#[tokio::test]
async fn a_run_that_is_cut_is_gone_on_with_where_it_was() {
    let books = Harness::start().await;
    crowd(&books).await;
    let directory = directory(&books);
    let first = run(&hurried(&books, now()), now()).await;
    assert!(!first.pass_finished && first.pages == 2);
    assert_eq!(directory.latest_pass().await.unwrap(), None, "it is not through");
    let begun = directory.newest_pass().await.unwrap().unwrap();
    assert_eq!((begun.step, begun.finished_at), (2, None));
    let mut runs = 0;
    while !run(&hurried(&books, now()), now()).await.pass_finished {
        runs += 1;
    }
    assert!(runs > 3);
    assert_eq!(directory.latest_pass().await.unwrap().unwrap().id, begun.id);
    check_pass(&books).await;
}

#[tokio::test]
async fn a_run_without_time_begins_nothing() {
    let books = Harness::start().await;
    crowd(&books).await;
    let function = function(&books, now());
    let soon = now() + SignedDuration::from_secs(5);
    let tick = Tick { time: Some(now()) };
    let cut = handle(tick, Deadline(Some(soon)), &function).await.unwrap();
    assert_eq!((cut.pages, cut.pass_finished), (0, false));
}

#[tokio::test]
async fn runs_at_once_count_nothing_twice() {
    let books = Harness::start().await;
    crowd(&books).await;
    let directory = directory(&books);
    while directory.latest_pass().await.unwrap().is_none() {
        let (one, two, three) =
            (hurried(&books, now()), hurried(&books, now()), function(&books, now()));
        tokio::join!(run(&one, now()), run(&two, now()), run(&three, now()));
    }
    check_pass(&books).await;
}

#[tokio::test]
async fn of_two_runs_that_read_one_page_only_the_first_is_counted_and_listed() {
    let books = Harness::start().await;
    crowd(&books).await;
    assert_eq!(run(&hurried(&books, now()), now()).await.pages, 2);
    let directory = directory(&books);
    let pass = directory.newest_pass().await.unwrap().unwrap();
    let next = Pass { step: 3, ..pass };
    for (user, expected) in [("user_first", true), ("user_second", false)] {
        let lists = BTreeMap::from([(Band::Zero, vec![account(user)])]);
        assert_eq!(directory.advance_pass(&next, &lists).await.unwrap(), expected);
    }
    let listed = listed(&directory, &next, Band::Zero, 100).await;
    assert!(listed.contains(&account("user_first")) && !listed.contains(&account("user_second")));
}

#[tokio::test]
async fn lost_and_refused_requests_change_no_number() {
    for fault in [Fault::LostReply, Fault::Conflict, Fault::Throttle, Fault::LostRequest] {
        let books = Harness::seeded(7).await;
        crowd(&books).await;
        books.front.rules([Rule::of("TransactWriteItems", fault, 300)]);
        let directory = directory(&books);
        let tick = Tick { time: Some(now()) };
        while directory.latest_pass().await.unwrap().is_none() {
            let _ = handle(tick, Deadline(None), &function(&books, now())).await;
        }
        books.front.reset();
        check_pass(&books).await;
    }
}

#[tokio::test]
async fn a_balance_that_cannot_be_read_is_named_and_is_no_zero() {
    let books = Harness::start().await;
    crowd(&books).await;
    let broken =
        [("pk", text("ACCOUNT#user_07")), ("sk", text("BALANCE")), ("available", text("nothing"))];
    put(&books, &broken).await;
    let summary = run(&function(&books, now()), now()).await;
    assert_eq!((summary.accounts, summary.unreadable, summary.failed), (40, 1, 0));
    assert!(summary.pass_finished);
    check_pass(&books).await;
    let pass = directory(&books).latest_pass().await.unwrap().unwrap();
    assert_eq!(pass.unreadable, ["ACCOUNT#user_07"]);
}

#[tokio::test]
async fn there_is_one_pass_a_day_and_one_from_before_is_finished_first() {
    let books = Harness::start().await;
    crowd(&books).await;
    let directory = directory(&books);
    assert!(!run(&hurried(&books, now()), now()).await.pass_finished);
    let tomorrow = later(86_400);
    let summary = run(&function(&books, tomorrow), tomorrow).await;
    assert!(summary.pass_finished);
    let first = directory.latest_pass().await.unwrap().unwrap();
    assert_eq!((first.day.to_string().as_str(), first.started_at), ("2026-11-20", now()));
    let summary = run(&hurried(&books, tomorrow), tomorrow).await;
    assert!(!summary.pass_finished && summary.pages > 0);
    assert_eq!(directory.latest_pass().await.unwrap().unwrap().id, first.id);
    run_through(&function(&books, tomorrow), tomorrow).await;
    let second = directory.latest_pass().await.unwrap().unwrap();
    assert_eq!(second.day.to_string(), "2026-11-21");
    check_pass(&books).await;
    let again = run(&function(&books, tomorrow), tomorrow).await;
    assert_eq!((again.pages, again.pass_finished), (0, true));
    let late_event = run(&function(&books, now()), now()).await;
    assert_eq!((late_event.pages, late_event.pass_finished), (0, true));
}

#[tokio::test]
async fn what_is_low_and_high_stays_the_same_for_a_whole_pass() {
    let books = Harness::start().await;
    crowd(&books).await;
    assert!(!run(&hurried(&books, now()), now()).await.pass_finished);
    let other = Thresholds { low: credits(0), high: credits(50) };
    let changed =
        AuditLedger { thresholds: ThresholdsSource::fixed(other), ..function(&books, now()) };
    run_through(&changed, now()).await;
    check_pass(&books).await;
    let pass = directory(&books).latest_pass().await.unwrap().unwrap();
    assert_eq!((pass.low, pass.high), (credits(10), credits(10_000)));
}

#[tokio::test]
async fn the_books_are_read_and_never_written() {
    let books = Harness::start().await;
    crowd(&books).await;
    let ledger = || async {
        let scan = books.client.scan().table_name(&books.names.ledger).send().await.unwrap();
        let mut rows: Vec<_> = scan.items().iter().map(|item| format!("{item:?}").len()).collect();
        rows.sort_unstable();
        (scan.items().len(), rows)
    };
    let before = ledger().await;
    let balances = recount(&books).await;
    books.front.reset();
    run(&function(&books, now()), now()).await;
    let writes = books.operations();
    assert!(writes.iter().all(|operation| {
        ["GetItem", "PutItem", "Query", "Scan", "TransactWriteItems"].contains(&operation.as_str())
    }));
    assert_eq!(ledger().await, before);
    assert_eq!(recount(&books).await, balances);
}

#[tokio::test]
async fn the_lists_of_a_pass_are_forgotten_after_some_days_and_the_pass_is_kept() {
    let books = Harness::start().await;
    crowd(&books).await;
    run(&function(&books, now()), now()).await;
    let mut lists = 0;
    let scan = books.client.scan().table_name(&books.names.state).send().await.unwrap();
    for item in scan.items() {
        let pk = item["pk"].as_s().unwrap();
        let ttl = item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse::<i64>().unwrap());
        if pk.starts_with("AUDIT_BAND#") {
            lists += 1;
            assert_eq!(ttl, Some(later(8 * 86_400).as_second()));
        } else {
            assert_eq!(ttl, None, "{pk}");
        }
    }
    assert!(lists > 5);
}
