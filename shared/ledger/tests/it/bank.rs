//! What the store does with the table, step by step, for one account and a clock that is moved by
//! hand: holds run due expiries and try again, late settles are charged, cold commands retry.

use jiff::{SignedDuration, Timestamp};
use ledger::{
    AccountId, Credits, EntryId, HoldId, Rejection,
    account::Account,
    change::Change,
    command::{Action, Command},
    decide::decide_knowing,
    entry::{Actor, Cause, Entry},
    feature::Feature,
    hold::{Ending, Hold, HoldTerms, Judgement},
    price::{Price, Tariff},
};
use ulid::Ulid;

use crate::table::{Table, Written};

/// When every story begins.
pub(crate) const DAY_ZERO: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// How long a hold lives.
pub(crate) const HOLD_LIFE: SignedDuration = SignedDuration::from_mins(20);

/// One account, a clock and a source of names.
#[derive(Clone, Debug)]
pub(crate) struct Bank {
    pub(crate) table: Table,
    pub(crate) now: Timestamp,
    names: u32,
}

pub(crate) fn credits(amount: i64) -> Credits {
    Credits::new(amount).unwrap()
}

pub(crate) fn actor() -> Actor {
    Actor::System("test".to_owned())
}

impl Bank {
    /// An account that nobody has opened.
    pub(crate) fn unopened() -> Self {
        let account = Account::unopened(AccountId::parse("user_1").unwrap());
        Self { table: Table::new(account), now: DAY_ZERO, names: 0 }
    }

    /// An account opened with nothing.
    pub(crate) fn opened() -> Self {
        let mut bank = Self::unopened();
        let open = bank.command(Action::Open { signup: Credits::ZERO });
        bank.submit(&open).unwrap();
        bank
    }

    /// A new name, later than every name before it. Room is left for what a command puts first.
    pub(crate) fn name(&mut self) -> Ulid {
        self.names += 1;
        let millisecond = u64::try_from(self.now.as_millisecond()).unwrap();
        Ulid::from_parts(millisecond, u128::from(self.names) << 32)
    }

    pub(crate) fn command(&mut self, action: Action) -> Command {
        Command { id: self.name(), actor: actor(), action }
    }

    /// A hold of so many credits at a fixed price: of one unit, or of as many as there are millions
    /// where one unit cannot cost that much.
    pub(crate) fn new_hold(&mut self, amount: Credits) -> Hold {
        let quantity = (amount.get() / Price::MAX).max(1);
        let price = Price::new(amount.get() / quantity).unwrap();
        Hold {
            id: HoldId(self.name()),
            account: self.table.account.id.clone(),
            amount,
            at: self.now,
            actor: actor(),
            terms: HoldTerms {
                feature: Feature::AI_TEXT_CHAT,
                model: "model".to_owned(),
                quantity: quantity.try_into().unwrap(),
                price_version: 1,
                tariff: Tariff::Fixed(price),
                expires_at: self.now.checked_add(HOLD_LIFE).unwrap(),
            },
        }
    }

    /// Decides and commits, with nobody in between. An entry of the command's name means that it
    /// is done, even where it would be refused by now.
    pub(crate) fn submit(&mut self, command: &Command) -> Result<(), Rejection> {
        if self.table.find(EntryId::Own(command.id)).is_some() {
            return Ok(());
        }
        match self.table.done_before(command) {
            Some(Written::Refused(rejection)) => return Err(rejection),
            Some(_) => return Ok(()),
            None => {}
        }
        let read = self.table.account.clone();
        let known = self.table.known(&command.action);
        let change = decide_knowing(&read, &known, command, self.now)?;
        match self.commit(command, &read, &change) {
            Written::Done | Written::Before => Ok(()),
            Written::Refused(rejection) => Err(rejection),
            other => unreachable!("nobody else writes, yet {other:?}"),
        }
    }

    /// Commits what was decided from what was `read`, unless there is nothing to commit.
    pub(crate) fn commit(&mut self, command: &Command, read: &Account, change: &Change) -> Written {
        if change.is_empty(read) {
            return Written::Done;
        }
        self.table.commit(command, read.balance.revision, change)
    }

    pub(crate) fn run_expiry(&mut self) {
        let expire = self.command(Action::Expire);
        self.submit(&expire).unwrap();
    }

    pub(crate) fn hold(&mut self, hold: &Hold) -> Result<(), Rejection> {
        match self.after_expiry(|table, now| table.put_hold(hold, now)) {
            Written::Done | Written::Before => Ok(()),
            Written::Refused(rejection) => Err(rejection),
            other => unreachable!("a hold is placed or refused, not {other:?}"),
        }
    }

    /// Ends a hold; a settle that comes too late is charged late, once.
    pub(crate) fn end(&mut self, hold: &Hold, ending: Ending) -> Result<(), Rejection> {
        let outcome = hold.outcome(ending, self.now, actor())?;
        match self.after_expiry(|table, now| table.put_outcome(hold, outcome.clone(), now)) {
            Written::Done => Ok(()),
            Written::Refused(rejection) => Err(rejection),
            Written::Ended(found) => match ending.judge(found)? {
                Judgement::Same => Ok(()),
                Judgement::ExpiredBefore => {
                    self.charge_late(hold, ending.charged());
                    Ok(())
                }
            },
            other => unreachable!("an outcome is written, found or refused, not {other:?}"),
        }
    }

    fn charge_late(&mut self, hold: &Hold, charged: Credits) {
        let charge = late_charge(hold, self.name(), charged, self.now);
        let written =
            self.after_expiry(|table, now| table.put_charge(hold.id, charge.clone(), now));
        assert!(matches!(written, Written::Done | Written::Before), "{written:?}");
    }

    fn after_expiry(&mut self, write: impl Fn(&mut Table, Timestamp) -> Written) -> Written {
        let first = write(&mut self.table, self.now);
        if first != Written::ExpiryDue {
            return first;
        }
        self.run_expiry();
        write(&mut self.table, self.now)
    }
}

/// The entry of a call delivered after its hold had expired.
pub(crate) fn late_charge(hold: &Hold, id: Ulid, charged: Credits, at: Timestamp) -> Entry {
    Entry {
        id: EntryId::Own(id),
        account: hold.account.clone(),
        amount: charged.min(hold.amount).negated(),
        at,
        actor: actor(),
        cause: Cause::Charge { hold: hold.id },
    }
}
