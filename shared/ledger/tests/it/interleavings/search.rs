//! The search over every order in which the programs' steps can happen.

use jiff::Timestamp;
use ledger::{Credits, EntryId, Rejection, entry::Cause};

use crate::{
    bank::Bank,
    interleavings::programs::{Answer, Program, Request},
    table::Table,
};

/// Runs every interleaving of `programs` and calls `at_the_end` wherever nobody has a step left.
/// Returns how many interleavings there are.
pub(crate) fn every_interleaving(
    bank: &Bank,
    programs: &[Program],
    at_the_end: &mut dyn FnMut(&Table, &[Answer]),
) -> u64 {
    explore(&bank.table, programs, bank.now, at_the_end)
}

fn explore(
    table: &Table,
    programs: &[Program],
    now: Timestamp,
    at_the_end: &mut dyn FnMut(&Table, &[Answer]),
) -> u64 {
    books_are_whole(table, now);
    let mut interleavings = 0;
    for index in 0..programs.len() {
        if programs[index].answer.is_some() {
            continue;
        }
        let (mut table, mut programs) = (table.clone(), programs.to_vec());
        programs[index].step(&mut table, now);
        interleavings += explore(&table, &programs, now, at_the_end);
    }
    if interleavings == 0 {
        answers_are_true(table, programs);
        let answers: Vec<_> =
            programs.iter().filter_map(|program| program.answer.clone()).collect();
        at_the_end(table, &answers);
        return 1;
    }
    interleavings
}

/// What must be so after every single step, because it may be the last one of a request.
fn books_are_whole(table: &Table, now: Timestamp) {
    assert_eq!(table.violations(now), []);
    let mut ids: Vec<_> = table.journal.iter().map(|entry| entry.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), table.journal.len(), "an entry was put twice");
    assert_eq!(table.account.balance.available, accounted(table), "credits came or went");
}

/// What is available as the sum of what happened: moved in and out, less what runs, less what
/// calls cost.
fn accounted(table: &Table) -> Credits {
    let mut sum = Credits::ZERO;
    for entry in &table.journal {
        let part = match &entry.cause {
            Cause::Hold(_) => {
                let EntryId::Own(id) = entry.id else { unreachable!("a hold has its own name") };
                let hold = ledger::HoldId(id);
                table.cost(hold).map_or(entry.amount, Credits::negated)
            }
            Cause::Outcome { .. } | Cause::Charge { .. } => continue,
            _ => entry.amount,
        };
        sum = sum.checked_add(part).unwrap();
    }
    sum
}

/// Whoever was told something was told what the table says.
fn answers_are_true(table: &Table, programs: &[Program]) {
    for program in programs {
        let answer = program.answer.as_ref().unwrap();
        match (&program.request, answer) {
            (Request::Hold(hold) | Request::CheckThenDeduct(hold), answer) => {
                let placed = table.find(hold.id.entry()).is_some();
                let sent_twice = programs.iter().filter(|other| other.is_for(hold)).count() > 1;
                assert!(placed == (*answer == Answer::Done) || sent_twice, "{answer:?}");
            }
            (Request::End(hold, _), Answer::Costs(cost)) => {
                assert!(table.ending(hold.id).is_some(), "ended without an outcome");
                // A release that came before a late charge was told what was so then.
                let told = Some(*cost);
                assert!(table.cost(hold.id) == told || table.late.contains(&hold.id));
            }
            (Request::End(hold, _), Answer::Refused(Rejection::HoldEnded { .. })) => {
                assert!(table.ending(hold.id).is_some(), "refused, and nothing has ended it");
            }
            (Request::Cold(command), Answer::Refused(rejection)) => {
                let put = table.find(EntryId::Own(command.id));
                assert_eq!(put, None, "refused with {rejection}, and yet there is its entry");
            }
            // An end that came before its hold leaves it to the expiry job.
            (Request::End(..), Answer::Refused(Rejection::NoHold))
            | (Request::Cold(_), Answer::Done) => {}
            (_, answer) => unreachable!("{answer:?} answers another question"),
        }
    }
}

impl Program {
    fn is_for(&self, hold: &ledger::hold::Hold) -> bool {
        matches!(&self.request, Request::Hold(other) if other.id == hold.id)
    }
}
