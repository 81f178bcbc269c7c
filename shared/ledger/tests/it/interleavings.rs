//! Every interleaving of a few concurrent requests on one small account.
//!
//! A request is a small program whose every step is one read or one transaction, as the store
//! runs it. The search starts them together and takes, from every state reached, every next step
//! any of them can make. Every state must keep the books whole, so a request may also stop for
//! ever after any step; and when nobody has a step left, what each was answered must be what the
//! table says.

mod programs;
mod search;

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::SignedDuration;
use ledger::{
    Credits, Rejection,
    bucket::Source,
    command::{Action, Adjustment, Grant, Reversal},
    entry::GrantKey,
    hold::{Ending, Hold},
};

use crate::{
    bank::{Bank, DAY_ZERO, credits},
    interleavings::{
        programs::{Answer, Program, Request},
        search::every_interleaving,
    },
    table::Table,
    words::plan_grant,
};

const MINUTES: fn(i64) -> SignedDuration = SignedDuration::from_mins;

/// An account with a pack of `amount`.
fn pack_of(amount: i64) -> Bank {
    let mut bank = Bank::opened();
    grant(&mut bank, Source::Pack, amount, None);
    bank
}

fn grant(bank: &mut Bank, source: Source, amount: i64, minutes: Option<i64>) {
    let grant = bank.command(granting(source, amount, minutes));
    bank.submit(&grant).unwrap();
}

fn granting(source: Source, amount: i64, minutes: Option<i64>) -> Action {
    let expires_at = minutes.map(|minutes| DAY_ZERO.checked_add(MINUTES(minutes)).unwrap());
    let amount = credits(amount);
    Action::Grant(Grant { key: None, source, amount, expires_at, note: None })
}

fn placed(bank: &mut Bank, amount: i64) -> Hold {
    let hold = bank.new_hold(credits(amount));
    bank.hold(&hold).unwrap();
    hold
}

fn settle(hold: &Hold, charged: i64) -> Request {
    Request::End(hold.clone(), Ending::Settled { charged: credits(charged) })
}

fn release(hold: &Hold) -> Request {
    Request::End(hold.clone(), Ending::Released)
}

fn expire(hold: &Hold) -> Request {
    Request::End(hold.clone(), Ending::Expired)
}

fn hold(bank: &mut Bank, amount: i64) -> Request {
    Request::Hold(bank.new_hold(credits(amount)))
}

fn cold(bank: &mut Bank, action: Action) -> Request {
    Request::Cold(bank.command(action))
}

/// Runs all interleavings and checks `at_the_end` of each; at least `least` must have been run.
fn all_of(
    bank: &mut Bank,
    requests: Vec<Request>,
    least: u64,
    mut at_the_end: impl FnMut(&Table, &[Answer]),
) {
    let programs: Vec<_> =
        requests.into_iter().map(|request| Program::new(bank, request)).collect();
    let ran = every_interleaving(bank, &programs, &mut at_the_end);
    assert!(ran >= least, "only {ran} interleavings");
}

fn available(table: &Table) -> i64 {
    table.account.balance.available.get()
}

#[test]
fn two_concurrent_holds_never_spend_the_same_last_credit() {
    let mut bank = pack_of(5);
    let requests = vec![hold(&mut bank, 5), hold(&mut bank, 5), hold(&mut bank, 3)];
    all_of(&mut bank, requests, 6, |table, answers| {
        let placed = answers.iter().filter(|answer| **answer == Answer::Done).count();
        assert_eq!(placed, 1);
        assert!(available(table) == 0 || available(table) == 2);
    });
}

#[test]
fn the_search_finds_a_check_then_deduct() {
    let mut bank = pack_of(5);
    let request = |bank: &mut Bank| Request::CheckThenDeduct(bank.new_hold(credits(5)));
    let requests = vec![request(&mut bank), request(&mut bank)];
    let search = AssertUnwindSafe(|| all_of(&mut bank, requests, 1, |_, _| {}));
    assert!(catch_unwind(search).is_err(), "the last credits were spent twice, unnoticed");
}

#[test]
fn of_settle_release_and_expiry_exactly_one_ends_the_hold() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 5);
    let requests = vec![settle(&held, 2), release(&held), expire(&held)];
    all_of(&mut bank, requests, 6, |table, answers| {
        let cost = table.cost(held.id).unwrap();
        assert_eq!(available(table), 5 - cost.get());
        let settled = answers[0] == Answer::Costs(credits(2));
        assert_eq!(cost.get(), if settled { 2 } else { 0 }, "charged as answered");
        let released_first = matches!(answers[0], Answer::Refused(Rejection::HoldEnded { .. }));
        assert!(settled || released_first);
    });
}

#[test]
fn a_sweeper_and_a_late_settle_never_both_win() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 5);
    let requests = vec![settle(&held, 2), settle(&held, 2), expire(&held), expire(&held)];
    all_of(&mut bank, requests, 24, |table, answers| {
        assert_eq!(available(table), 3, "delivered is charged, once, however late");
        assert_eq!(answers[0], Answer::Costs(credits(2)));
        assert_eq!(answers[1], Answer::Costs(credits(2)));
    });
}

#[test]
fn a_late_charge_and_new_holds_keep_the_books_whole() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 5);
    let requests = vec![settle(&held, 4), expire(&held), hold(&mut bank, 5), hold(&mut bank, 1)];
    all_of(&mut bank, requests, 24, |table, _| {
        assert_eq!(table.cost(held.id), Some(credits(4)));
        assert!(available(table) >= -4, "below zero by at most the late charge");
    });
}

#[test]
fn a_hold_sent_twice_is_one_hold_whoever_ends_it_meanwhile() {
    let mut bank = pack_of(5);
    let held = bank.new_hold(credits(3));
    let twice = Request::Hold(held.clone());
    let requests = vec![twice.clone(), twice, release(&held), hold(&mut bank, 5)];
    all_of(&mut bank, requests, 24, |table, answers| {
        let ended = table.ending(held.id).is_some();
        assert_eq!(ended, answers[2] == Answer::Costs(Credits::ZERO));
        let open = table.find(held.id.entry()).is_some() && !ended;
        let other = answers[3] == Answer::Done;
        assert_eq!(available(table), 5 - i64::from(open) * 3 - i64::from(other) * 5);
    });
}

#[test]
fn a_cold_write_decided_on_an_old_read_loses_nothing() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 5);
    let pack = cold(&mut bank, granting(Source::Pack, 7, None));
    let plan = cold(&mut bank, granting(Source::Plan, 2, Some(60)));
    let requests = vec![pack, plan, settle(&held, 1), hold(&mut bank, 6)];
    all_of(&mut bank, requests, 100, |table, answers| {
        assert_eq!((&answers[0], &answers[1]), (&Answer::Done, &Answer::Done));
        let other = answers[3] == Answer::Done;
        assert_eq!(available(table), 5 + 7 + 2 - 1 - i64::from(other) * 6);
    });
}

#[test]
fn an_expiry_forfeits_once_whoever_runs_it() {
    let mut bank = pack_of(5);
    grant(&mut bank, Source::Plan, 10, Some(10));
    let held = placed(&mut bank, 4);
    bank.now = bank.now.checked_add(MINUTES(10)).unwrap();
    let job = cold(&mut bank, Action::Expire);
    let requests = vec![job, release(&held), hold(&mut bank, 5)];
    all_of(&mut bank, requests, 100, |table, answers| {
        let forfeited = table.journal.iter().filter(|entry| entry.amount == credits(-6));
        assert_eq!(forfeited.count(), 1);
        assert_eq!(answers[1], Answer::Costs(Credits::ZERO));
        assert_eq!(answers[2], Answer::Done, "the pack pays, expired credits never");
        assert_eq!(available(table), 4, "what came back found its place");
        let view = table.account.view(DAY_ZERO.checked_add(MINUTES(11)).unwrap()).unwrap();
        assert_eq!(view.available.get(), 4);
    });
}

#[test]
fn an_adjustment_says_the_amount_the_balance_moved() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 3);
    let to_20 = Action::Adjust { adjustment: Adjustment::To(credits(20)), reason: None, key: None };
    let down = Action::Adjust { adjustment: Adjustment::By(credits(-2)), reason: None, key: None };
    let requests = vec![cold(&mut bank, to_20), cold(&mut bank, down), release(&held)];
    all_of(&mut bank, requests, 40, |table, answers| {
        assert_eq!(answers[0], Answer::Done);
        assert_eq!(answers[1], Answer::Done, "there are always 2");
        assert!([18, 20, 21, 23].contains(&available(table)), "{}", available(table));
    });
}

#[test]
fn concurrent_refunds_of_one_call_never_exceed_what_it_cost() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 4);
    bank.end(&held, Ending::Settled { charged: credits(4) }).unwrap();
    let refund = |bank: &mut Bank, amount| {
        let (call, cost, amount) = (held.id, credits(4), credits(amount));
        cold(bank, Action::Refund { hold: call, amount: Some(amount), cost, note: None, key: None })
    };
    let requests = vec![refund(&mut bank, 3), refund(&mut bank, 3), refund(&mut bank, 1)];
    all_of(&mut bank, requests, 90, |table, answers| {
        let refunded = answers.iter().filter(|answer| **answer == Answer::Done).count();
        assert_eq!((refunded, available(table)), (2, 5), "3 and 1, whoever comes first");
    });
}

#[test]
fn a_refund_and_a_dispute_of_one_payment_take_it_back_once() {
    let mut bank = pack_of(5);
    let held = placed(&mut bank, 4);
    let clawback = |bank: &mut Bank, key: &str| {
        let reversal = Reversal {
            key: key.parse().unwrap(),
            payment: "payment".to_owned(),
            bucket: None,
            amount: credits(5),
            granted: credits(5),
        };
        cold(bank, Action::Clawback(reversal))
    };
    let refund = clawback(&mut bank, "stripe:re:1");
    let requests = vec![refund.clone(), refund, clawback(&mut bank, "stripe:dp:1"), release(&held)];
    all_of(&mut bank, requests, 100, |table, _| {
        assert_eq!(available(table), 0);
        assert_eq!(table.taken.get("payment"), Some(&credits(5)));
    });
}

#[test]
fn an_account_opened_by_several_calls_at_once_has_one_sign_up_grant() {
    let mut bank = Bank::unopened();
    let open = |bank: &mut Bank| cold(bank, Action::Open { signup: credits(10) });
    let requests = vec![open(&mut bank), open(&mut bank), open(&mut bank)];
    all_of(&mut bank, requests, 60, |table, answers| {
        assert_eq!(available(table), 10);
        assert!(answers.contains(&Answer::Done));
    });
}

fn period(bank: &mut Bank, plan: &str, amount: &str, start: &str) -> Request {
    let rest = ["until", if start == "0d" { "33d" } else { "63d" }];
    cold(bank, Action::GrantPlan(plan_grant(start, plan, amount, &rest)))
}

#[test]
fn facts_of_one_period_raise_it_to_the_dearest_plan_whoever_comes_first() {
    let mut bank = pack_of(5);
    let basic = period(&mut bank, "basic", "10", "0d");
    let again = period(&mut bank, "basic", "10", "0d");
    let pro = period(&mut bank, "pro", "30", "0d");
    let requests = vec![basic, again, pro, hold(&mut bank, 3)];
    all_of(&mut bank, requests, 500, |table, answers| {
        assert!(answers.iter().all(|answer| *answer == Answer::Done));
        assert_eq!(available(table), 5 + 30 - 3);
        assert_eq!(table.account.buckets.len(), 2);
    });
}

#[test]
fn a_renewal_and_a_late_fact_under_use_leave_packs_and_the_new_period_whole() {
    let mut bank = pack_of(5);
    let plan = period(&mut bank, "basic", "10", "0d");
    if let Request::Cold(command) = plan {
        bank.submit(&command).unwrap();
    }
    let held = placed(&mut bank, 4);
    let renewal = period(&mut bank, "basic", "10", "30d");
    let late = period(&mut bank, "pro", "30", "0d");
    let requests = vec![renewal, late, settle(&held, 3)];
    all_of(&mut bank, requests, 40, |table, answers| {
        assert!(answers[..2].iter().all(|answer| *answer == Answer::Done));
        assert_eq!(answers[2], Answer::Costs(credits(3)));
        let view = table.account.view(DAY_ZERO.checked_add(MINUTES(2)).unwrap()).unwrap();
        let left = |source| {
            let of = view.buckets.iter().filter(|bucket| bucket.source == source);
            Credits::sum(of.map(|bucket| bucket.left)).unwrap().get()
        };
        // What the call gives back finds the place of the period it was taken from.
        assert_eq!((left(Source::Pack), left(Source::Plan)), (5, 10));
        assert!((0..=1).contains(&left(Source::Restored)));
        assert_eq!(available(table), 15 + left(Source::Restored));
    });
}

#[test]
fn an_adjustment_under_a_key_sent_twice_moves_once() {
    let mut bank = pack_of(5);
    let keyed = |bank: &mut Bank, adjustment| {
        let key = GrantKey::adjustment(&bank.table.account.id, "k").ok();
        cold(bank, Action::Adjust { adjustment, reason: None, key })
    };
    let by = Adjustment::By(credits(-2));
    let requests = vec![
        keyed(&mut bank, by),
        keyed(&mut bank, by),
        keyed(&mut bank, Adjustment::By(credits(7))),
        hold(&mut bank, 1),
    ];
    all_of(&mut bank, requests, 400, |table, answers| {
        let conflict = Answer::Refused(Rejection::GrantKeyConflict);
        let other = answers[2] == Answer::Done;
        assert_eq!(answers[0] == Answer::Done, !other);
        assert_eq!(answers[0], answers[1]);
        assert!(answers[..3].contains(&conflict));
        assert_eq!(available(table), if other { 5 + 7 - 1 } else { 5 - 2 - 1 });
    });
}
