//! Requests as small programs: each step is one read or one transaction, with what the store does
//! on its answer.

use jiff::Timestamp;
use ledger::{
    Credits, Rejection,
    account::Account,
    command::{Action, Command},
    decide::{decide, decide_knowing},
    hold::{Ending, Hold, Judgement},
    period::Known,
};

use crate::{
    bank::{Bank, late_charge},
    table::{Table, Written},
};

/// A request under way.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) request: Request,
    /// An expiry to run on the way; and its id names a late charge.
    expiry: Command,
    next: Next,
    read: Option<Account>,
    known: Known,
    attempts: u8,
    pub(crate) answer: Option<Answer>,
}

#[derive(Clone)]
pub(crate) enum Request {
    Hold(Hold),
    End(Hold, Ending),
    Cold(Command),
    /// What nobody may write: looks whether there is enough, then takes it.
    CheckThenDeduct(Hold),
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    /// The call has ended and costs this.
    Costs(Credits),
    Refused(Rejection),
}

/// The next step.
#[derive(Clone, Copy)]
enum Next {
    Read,
    Write,
    ReadForExpiry,
    RunExpiry,
    ChargeLate,
}

/// How often a cold command decides anew before it answers `busy`.
const ATTEMPTS_MAX: u8 = 4;

impl Program {
    pub(crate) fn new(bank: &mut Bank, request: Request) -> Self {
        let next = match request {
            Request::Hold(_) | Request::End(..) => Next::Write,
            Request::Cold(_) | Request::CheckThenDeduct(_) => Next::Read,
        };
        let expiry = bank.command(Action::Expire);
        Self {
            request,
            expiry,
            next,
            read: None,
            known: Known::default(),
            attempts: 0,
            answer: None,
        }
    }

    pub(crate) fn step(&mut self, table: &mut Table, now: Timestamp) {
        match self.next {
            Next::Read => {
                self.read = Some(table.account.clone());
                if let Request::Cold(command) = &self.request {
                    self.known = table.known(&command.action);
                    // A fact that is done is found by the read, before anything is decided.
                    self.answer = table.done_before(command).map(answered);
                }
                self.next = Next::Write;
            }
            Next::Write => self.write(table, now),
            Next::ReadForExpiry => {
                self.read = Some(table.account.clone());
                self.next = Next::RunExpiry;
            }
            Next::RunExpiry => self.run_expiry(table, now),
            Next::ChargeLate => self.charge_late(table, now),
        }
    }

    fn write(&mut self, table: &mut Table, now: Timestamp) {
        match self.request.clone() {
            Request::Hold(hold) => match table.put_hold(&hold, now) {
                Written::ExpiryDue => self.next = Next::ReadForExpiry,
                written => self.answer = Some(answered(written)),
            },
            Request::End(hold, ending) => self.end(table, &hold, ending, now),
            Request::Cold(command) => self.commit(table, &command, now),
            Request::CheckThenDeduct(hold) => {
                let seen = self.read.take().unwrap().balance.available;
                self.answer = Some(if seen < hold.amount {
                    let (required, available) = (hold.amount, seen);
                    Answer::Refused(Rejection::InsufficientCredits { required, available })
                } else {
                    let left = seen.checked_sub(hold.amount).unwrap();
                    table.account.balance.available = left;
                    table.journal.push(hold.entry());
                    Answer::Done
                });
            }
        }
    }

    fn end(&mut self, table: &mut Table, hold: &Hold, ending: Ending, now: Timestamp) {
        let outcome = hold.outcome(ending, now, crate::bank::actor()).unwrap();
        self.answer = match table.put_outcome(hold, outcome, now) {
            Written::Done => Some(Answer::Costs(ending.charged())),
            Written::ExpiryDue => {
                self.next = Next::ReadForExpiry;
                None
            }
            Written::Ended(found) => match ending.judge(found) {
                Ok(Judgement::Same) => Some(Answer::Costs(found.charged())),
                Ok(Judgement::ExpiredBefore) => {
                    self.next = Next::ChargeLate;
                    None
                }
                Err(rejection) => Some(Answer::Refused(rejection)),
            },
            written => Some(answered(written)),
        };
    }

    fn charge_late(&mut self, table: &mut Table, now: Timestamp) {
        let Request::End(hold, ending) = &self.request else {
            unreachable!("only an end is charged late");
        };
        let charge = late_charge(hold, self.expiry.id, ending.charged(), now);
        match table.put_charge(hold.id, charge, now) {
            Written::ExpiryDue => self.next = Next::ReadForExpiry,
            _ => self.answer = Some(Answer::Costs(ending.charged())),
        }
    }

    fn run_expiry(&mut self, table: &mut Table, now: Timestamp) {
        self.attempts += 1;
        assert!(self.attempts <= 2 * ATTEMPTS_MAX, "expiry has run and is still due");
        let read = self.read.take().unwrap();
        let change = decide(&read, &self.expiry, now).unwrap();
        let stale = !change.is_empty(&read)
            && table.commit(&self.expiry, read.balance.revision, &change) == Written::Stale;
        self.next = if stale { Next::ReadForExpiry } else { Next::Write };
    }

    fn commit(&mut self, table: &mut Table, command: &Command, now: Timestamp) {
        let read = self.read.take().unwrap();
        let written = match decide_knowing(&read, &self.known, command, now) {
            Ok(change) if change.is_empty(&read) => Written::Done,
            Ok(change) => table.commit(command, read.balance.revision, &change),
            Err(rejection) => Written::Refused(rejection),
        };
        self.attempts += 1;
        if written == Written::Stale && self.attempts < ATTEMPTS_MAX {
            self.next = Next::Read;
        } else {
            self.answer = Some(answered(written));
        }
    }
}

fn answered(written: Written) -> Answer {
    match written {
        Written::Done | Written::Before => Answer::Done,
        Written::Refused(rejection) => Answer::Refused(rejection),
        Written::Stale => Answer::Refused(Rejection::Busy),
        other => unreachable!("{other:?} is no answer"),
    }
}
