//! What the audit must find when books are tampered with, each by its name.

use ledger::{
    Credits,
    entry::{Cause, Entry},
    hold::Ending,
    price::{Price, Tariff, TokenPrice},
};

use crate::{bank::credits, table::Table, words::Story};

/// Tells the story, tampers with the table, and compares what the audit finds.
#[track_caller]
fn check(story: &str, tamper: impl Fn(&mut Table), expected: &[&str]) {
    let mut told = Story::begin();
    for step in story.split(", ") {
        told.tell(step).unwrap();
    }
    let bank = &mut told.bank;
    assert_eq!(bank.table.violations(bank.now), [], "before it was tampered with");
    tamper(&mut bank.table);
    let found: Vec<_> = bank
        .table
        .violations(bank.now)
        .iter()
        .map(|violation| without_names(&violation.to_string()))
        .collect();
    assert_eq!(found, expected, "{story}");
}

/// ULIDs are left out.
fn without_names(text: &str) -> String {
    let is_name = |word: &&str| {
        word.trim_matches('`').chars().take(26).all(char::is_alphanumeric) && word.len() >= 26
    };
    text.split(' ').filter(|word| !is_name(word)).collect::<Vec<_>>().join(" ")
}

/// Moves the entry at `index` by `by`, and the balance with it, so that the sum is right.
fn move_entry(table: &mut Table, index: usize, by: i64) {
    let by = credits(by);
    let entry = &mut table.journal[index];
    entry.amount = entry.amount.checked_add(by).unwrap();
    let account = &mut table.account;
    account.balance.available = account.balance.available.checked_add(by).unwrap();
}

fn doubled(table: &mut Table, index: usize) -> Entry {
    let entry = table.journal[index].clone();
    table.journal.push(entry.clone());
    entry
}

#[test]
fn the_balance_is_the_sum_of_the_entries() {
    check(
        "pack 10, hold 4 as a",
        |table| table.account.balance.available = credits(7),
        &["the balance is 7 and its entries sum to 6"],
    );
    check("pack 10, hold 0 as a", |table| drop(doubled(table, 1)), &["entry is there twice"]);
}

#[test]
fn a_hold_has_one_outcome_and_it_gives_back_what_was_not_charged() {
    let ended = "pack 10, hold 6 as a, settle a at 4";
    check(
        ended,
        |table| move_entry(table, 2, -1),
        &["outcome does not give back what was held less what was charged"],
    );
    check(
        "pack 10, hold 6 as a, settle a at 6",
        |table| drop(doubled(table, 2)),
        &["hold has two outcomes"],
    );
    check(
        "pack 10, hold 0 as a, settle a at 0",
        |table| drop(table.journal.remove(1)),
        &["entry belongs to a hold that does not exist"],
    );
}

#[test]
fn a_hold_is_what_its_price_and_quantity_come_to() {
    let wrong = "hold is not what its price and quantity come to";
    let price = |value| Price::new(value).unwrap();
    let tokens = |minimum| Tariff::Tokens(TokenPrice::new(price(9), price(9), price(minimum)));
    let rows: [(_, _, &[_]); 6] = [
        (Tariff::Fixed(price(3)), 2, &[]),
        (Tariff::Fixed(price(3)), 1, &[wrong]),
        (Tariff::Fixed(price(2)), 2, &[wrong]),
        (Tariff::Fixed(price(1_000_000)), u32::MAX, &[wrong]),
        (tokens(6), 1, &[]),
        (tokens(7), 1, &[wrong]),
    ];
    for (tariff, quantity, expected) in rows {
        let tamper = |table: &mut Table| {
            if let Cause::Hold(terms) = &mut table.journal[1].cause {
                (terms.tariff, terms.quantity) = (tariff, quantity);
            }
        };
        check("pack 10, hold 6 as a, settle a at 4", tamper, expected);
    }
}

#[test]
fn a_hold_may_be_open_for_ninety_seconds_past_its_expiry() {
    let nothing = |_: &mut Table| {};
    check("pack 10, hold 6 as a, wait 1290s", nothing, &[]);
    let mut story = Story::begin();
    for step in ["pack 10", "hold 6 as a", "wait 1291s"] {
        story.tell(step).unwrap();
    }
    let found = story.bank.table.violations(story.bank.now);
    let [violation] = &found[..] else { unreachable!("{found:?}") };
    assert_eq!(without_names(&violation.to_string()), "hold is open past its expiry");
}

#[test]
fn a_late_charge_needs_an_expired_hold_and_stays_within_it() {
    let wrong = "late charge is not of a hold that expired, once, within what was held";
    let late = "pack 10, hold 6 as a, expire a, settle a at 4";
    check(late, |table| move_entry(table, 3, -3), &[wrong]);
    check(
        late,
        |table| {
            // Released instead of expired: the same movement, but then nothing may be charged.
            if let Cause::Outcome { ending, .. } = &mut table.journal[2].cause {
                *ending = Ending::Released;
            }
        },
        &[wrong],
    );
    check(
        "pack 10, hold 6 as a, expire a, settle a at 0",
        |table| drop(doubled(table, 3)),
        &[wrong],
    );
}

#[test]
fn refunds_of_a_call_add_up_to_no_more_than_it_cost() {
    let wrong = "what was given or taken back of exceeds its limit";
    let refunded = "pack 20, hold 6 as a, settle a at 4, refund 2 of a, refund 2 of a, adjust by 5";
    check(refunded, |table| move_entry(table, 4, 1), &[wrong]);
}

#[test]
fn what_is_given_again_of_a_payment_was_taken_back_before() {
    let wrong = "what was given or taken back of `p` exceeds its limit";
    let returned = "pack 50 as p, claw back 5 of p, reinstate 5 of p, adjust by 5";
    check(
        returned,
        |table| {
            move_entry(table, 2, 1);
            table.account.buckets[0].left = credits(56);
            table.account.buckets[0].granted = credits(56);
            table.account.buckets.truncate(1);
            table.account.marked_balance = credits(56);
        },
        &[wrong],
    );
}

#[test]
fn a_fact_counts_once() {
    check(
        "pack 10 as p, hold 1 as a, adjust by -5",
        |table| {
            let mut twice = doubled(table, 0);
            twice.amount = credits(5);
            table.journal.pop();
            // In place of the adjustment, under another name, with the same sum.
            let adjusted = table.journal.pop().unwrap();
            twice.id = adjusted.id;
            table.journal.push(twice);
            table.account.balance.available = credits(14);
            table.account.marked_balance = credits(14);
            table.account.buckets[0].left = credits(14);
        },
        &["grant key `manual:p` was used twice"],
    );
}

#[test]
fn a_debt_has_a_claw_back_or_a_late_charge_behind_it() {
    check(
        "pack 10, adjust by -10",
        |table| move_entry(table, 1, -1),
        &["the balance is -1 and no claw-back or late charge explains it"],
    );
}

#[test]
fn every_kind_moves_credits_the_way_it_can() {
    let wrong = "entry has an amount its kind cannot have";
    let turned = |index: usize| {
        move |table: &mut Table| {
            let amount = table.journal[index].amount;
            move_entry(table, index, -2 * amount.get());
            // The buckets are not what is looked at here.
            let available = table.account.balance.available.or_zero();
            table.account.buckets[0].left = available;
            table.account.marked_balance = available;
            table.account.buckets.truncate(1);
        }
    };
    check("pack 50, pack 5", turned(1), &[wrong]);
    check("plan 5 until 1d, pack 50, wait 1d, run expiry", turned(2), &[wrong]);
    let given = "what was given or taken back of `p` exceeds its limit";
    check("pack 50 as p, claw back 5 of p", turned(1), &[wrong, given]);
    check("pack 50 as p, claw back 5 of p, reinstate 5 of p", turned(2), &[wrong]);
    check("pack 50, hold 5 as a, settle a at 5, refund 5 of a", turned(3), &[wrong]);
    check(
        "pack 50, adjust by 5",
        |table| {
            move_entry(table, 1, -5);
            table.account.buckets[0].left = Credits::ZERO;
            table.account.marked_balance = table.account.balance.available;
        },
        &[wrong],
    );
}

#[test]
fn the_buckets_add_up_to_the_balance() {
    check(
        "plan 10 until 9d, pack 10, hold 4 as a",
        |table| table.account.buckets[1].left = credits(9),
        &["15 credits are left in buckets and the balance is 16"],
    );
}

#[test]
fn the_order_of_entries_does_not_matter_to_the_audit() {
    let mut story = Story::begin();
    for step in "pack 10, hold 6 as a, expire a, settle a at 4, refund 1 of a".split(", ") {
        story.tell(step).unwrap();
    }
    let table = &mut story.bank.table;
    table.journal.reverse();
    let mut audit = ledger::invariant::Audit::default();
    for entry in &table.journal {
        audit.add(entry);
    }
    assert_eq!((audit.count(), audit.sum()), (5, credits(7)));
    assert_eq!(audit.finish(&table.account, story.bank.now), []);
}
