//! Runs steps on the bank and the model together and compares after every one.

use jiff::SignedDuration;
use ledger::{
    Credits, EntryId, Rejection,
    account::Account,
    balance::FreezeReason,
    bucket::{self, Bucket},
    command::{Action, Command, Grant, Reversal},
    decide::decide,
    entry::Kind,
    hold::{Ending, Hold},
};
use ulid::Ulid;

use crate::{
    bank::{Bank, credits},
    plain_model::{
        model::{End, Model, Payment},
        steps::{Cold, Hot, Step},
    },
    table::{Table, Written},
};

pub(crate) struct Run {
    pub(crate) bank: Bank,
    /// What time has taken, in all.
    pub(crate) forfeited: i64,
    model: Model,
    holds: Vec<Hold>,
    /// The bucket each payment granted.
    payments: Vec<Ulid>,
    sent: Vec<Sent>,
    /// What was granted with an expiry, in all: time can take no more than that.
    may_expire: i64,
}

#[derive(Clone)]
enum Sent {
    Hold(Hold),
    End(usize, Ending),
    Command(Command),
}

impl Run {
    pub(crate) fn begin() -> Self {
        Self {
            bank: Bank::opened(),
            forfeited: 0,
            model: Model::default(),
            holds: Vec::new(),
            payments: Vec::new(),
            sent: Vec::new(),
            may_expire: 0,
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        match step {
            Step::Hot(hot) => self.hot(hot),
            Step::Cold(cold) => self.cold(cold, &[]),
            Step::Stale(cold, meanwhile) => self.cold(cold, meanwhile),
            Step::Again(index) => self.again(*index),
            Step::Wait { minutes } => self.wait(*minutes),
        }
        self.compare();
    }

    /// Ends every call and lets the time pass in which one may be open.
    pub(crate) fn close(&mut self) {
        self.step(&Step::Wait { minutes: 30 });
        self.step(&Step::Cold(Cold::Expire));
    }

    fn wait(&mut self, minutes: i64) {
        self.bank.now = self.bank.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        for call in 0..self.holds.len() {
            let overdue = self.holds[call].terms.expires_at <= self.bank.now;
            if overdue && self.model.calls[call].end == End::Open {
                self.hot(&Hot::Expire(call));
            }
        }
    }

    fn hot(&mut self, hot: &Hot) {
        let before = self.bank.table.clone();
        if let Hot::Hold(amount) = *hot {
            let hold = self.bank.new_hold(credits(amount));
            let placed = self.bank.hold(&hold).is_ok();
            self.note_forfeits(&before);
            assert_eq!(placed, self.model.hold(amount), "{hot:?}");
            if placed {
                self.sent.push(Sent::Hold(hold.clone()));
                self.holds.push(hold);
            }
            return;
        }
        let (Hot::Settle(index, _) | Hot::Release(index) | Hot::Expire(index)) = *hot else {
            return;
        };
        let Some(call) = index.checked_rem(self.holds.len()) else {
            return;
        };
        let (ending, wanted) = match *hot {
            Hot::Settle(_, percent) => {
                let charged = self.model.calls[call].held * percent / 100;
                (Ending::Settled { charged: credits(charged) }, End::Settled(charged))
            }
            Hot::Release(_) => (Ending::Released, End::Released),
            _ => (Ending::Expired, End::Expired),
        };
        let ended = self.bank.end(&self.holds[call], ending).is_ok();
        self.note_forfeits(&before);
        assert_eq!(ended, self.model.end(call, wanted), "{hot:?}");
        if ended {
            self.sent.push(Sent::End(call, ending));
        }
    }

    /// Decides from what is read now, lets `meanwhile` happen, and commits if that is allowed;
    /// else decides and commits anew.
    fn cold(&mut self, cold: &Cold, meanwhile: &[Hot]) {
        let Some(cold) = self.resolved(cold) else {
            return;
        };
        let Some(action) = self.action(&cold) else {
            return;
        };
        let command = self.bank.command(action);
        let read = self.bank.table.account.clone();
        let decided = decide(&read, &command, self.bank.now);
        self.meanwhile(meanwhile);
        if decided.as_ref().is_ok_and(|change| change.is_empty(&read)) {
            // It was so already when it was read: there is nothing to commit, and the answer is
            // true of that moment whatever happened since.
            return;
        }
        let before = self.bank.table.clone();
        let written = decided.map(|change| self.bank.commit(&command, &read, &change));
        let done = match written {
            Ok(Written::Stale) | Err(_) => self.submit_anew(&command),
            Ok(Written::Done) => true,
            Ok(Written::Refused(Rejection::ReversalLimit { .. })) => false,
            other => unreachable!("{other:?}"),
        };
        let still_due = self.note_forfeits(&before);
        // What is refused leaves due expiries for later, but is refused by what they leave.
        self.model.available -= still_due;
        assert_eq!(done, self.in_the_model(&cold, &command), "{command:?}");
        self.model.available += still_due;
        if self.bank.table.find(EntryId::Own(command.id)).is_some() {
            self.sent.push(Sent::Command(command));
        }
    }

    /// What others do meanwhile, whose clocks are a little behind.
    fn meanwhile(&mut self, hot: &[Hot]) {
        let now = self.bank.now;
        self.bank.now = now.checked_sub(SignedDuration::from_mins(2)).unwrap();
        for hot in hot {
            self.hot(hot);
        }
        self.bank.now = now;
    }

    fn submit_anew(&mut self, command: &Command) -> bool {
        match self.bank.submit(command) {
            Ok(()) => true,
            Err(rejection) => {
                let expected = matches!(
                    rejection,
                    Rejection::InsufficientCredits { .. }
                        | Rejection::ReversalLimit { .. }
                        | Rejection::AmountNotPositive
                );
                assert!(expected, "{command:?}: {rejection}");
                false
            }
        }
    }

    /// `cold` with indexes of calls and payments that there are.
    fn resolved(&self, cold: &Cold) -> Option<Cold> {
        let mut cold = cold.clone();
        match &mut cold {
            Cold::Refund(index, _) => *index = index.checked_rem(self.holds.len())?,
            Cold::Reverse(index, _) => *index = index.checked_rem(self.payments.len())?,
            _ => {}
        }
        Some(cold)
    }

    fn action(&mut self, cold: &Cold) -> Option<Action> {
        Some(match *cold {
            Cold::Grant { source, amount, hours } => {
                let life = hours.map(SignedDuration::from_hours);
                let expires_at = life.map(|life| self.bank.now.checked_add(life).unwrap());
                let (key, amount) = (None, credits(amount));
                Action::Grant(Grant { key, source, amount, expires_at, note: None })
            }
            Cold::Adjust(adjustment) => Action::Adjust { adjustment, reason: None, key: None },
            Cold::Refund(index, amount) => {
                let hold = self.holds[index].id;
                let cost = self.bank.table.cost(hold)?;
                Action::Refund { hold, amount: Some(credits(amount)), cost, note: None, key: None }
            }
            Cold::Reverse(index, amount) => {
                let payment = &self.model.payments[index];
                if amount > payment.taken {
                    return None;
                }
                let reversal = Reversal {
                    key: format!("stripe:dp:{}", self.bank.name()).parse().unwrap(),
                    payment: format!("payment {index}"),
                    bucket: Some(self.payments[index]),
                    amount: credits(amount.abs()),
                    granted: credits(payment.granted),
                };
                let given = amount > 0;
                if given { Action::Reinstate(reversal) } else { Action::Clawback(reversal) }
            }
            Cold::Expire => Action::Expire,
            Cold::Freeze(true) => Action::Freeze(FreezeReason::Admin),
            Cold::Freeze(false) => Action::Unfreeze(FreezeReason::Admin),
        })
    }

    fn in_the_model(&mut self, cold: &Cold, command: &Command) -> bool {
        match *cold {
            Cold::Grant { amount, hours, .. } => {
                self.model.available += amount;
                self.model.payments.push(Payment { granted: amount, taken: 0 });
                self.payments.push(command.id);
                self.may_expire += hours.map_or(0, |_| amount);
                true
            }
            Cold::Adjust(adjustment) => self.model.adjust(adjustment),
            Cold::Refund(call, amount) => match command.action {
                Action::Refund { cost, .. } => self.model.refund(call, amount, cost.get()),
                _ => unreachable!("a refund is asked for by a refund"),
            },
            Cold::Reverse(index, amount) => {
                // A payment given again may go to a bucket that expires.
                self.may_expire += amount.max(0);
                self.model.reverse(index, amount)
            }
            Cold::Expire => true,
            Cold::Freeze(frozen) => {
                self.model.frozen = frozen;
                true
            }
        }
    }

    /// Sends something that went through once more: nothing may move but what is due.
    fn again(&mut self, index: usize) {
        let Some(index) = index.checked_rem(self.sent.len()) else {
            return;
        };
        let before = self.bank.table.clone();
        let answer = match self.sent[index].clone() {
            Sent::Hold(hold) => self.bank.hold(&hold),
            Sent::End(call, ending) => self.bank.end(&self.holds[call], ending),
            Sent::Command(command) => self.bank.submit(&command),
        };
        assert_eq!(answer, Ok(()), "what went through once is answered the same");
        assert_eq!(self.bank.table, before, "what went through once changes nothing more");
    }

    /// What was forfeited since `before` must be all that was due then, or nothing. Returns what
    /// is still due.
    fn note_forfeits(&mut self, before: &Table) -> i64 {
        let new = &self.bank.table.journal[before.journal.len()..];
        let expired = new.iter().filter(|entry| entry.cause.kind() == Kind::Expiry);
        let forfeited = -Credits::sum(expired.map(|entry| entry.amount)).unwrap().get();
        let shown = before.account.view(self.bank.now).unwrap().available;
        let (_, unplaced) = derived(&before.account);
        let due = before.account.balance.available.get() - shown.get() + unplaced.get();
        assert!(forfeited == 0 || forfeited == due, "{forfeited} forfeited, {due} due");
        self.forfeited += forfeited;
        self.model.available -= forfeited;
        assert!(self.forfeited <= self.may_expire, "time took what never expires");
        due - forfeited
    }

    fn compare(&self) {
        let account = &self.bank.table.account;
        let available = account.balance.available;
        assert_eq!(available.get(), self.model.available);
        assert!(available.get() >= 0 || self.model.may_owe, "a debt out of nowhere");
        assert_eq!(self.bank.table.violations(self.bank.now), []);
        assert_eq!(left(&account.buckets), account.marked_balance.or_zero(), "as marked");
        let (buckets, unplaced) = derived(account);
        let sum = left(&buckets).checked_add(unplaced).unwrap();
        assert_eq!(sum, available.or_zero(), "as derived");
        let due = buckets.iter().any(|bucket| bucket.is_due(self.bank.now));
        assert_eq!(account.balance.expiry_due(self.bank.now), due);
        let shown = account.view(self.bank.now).unwrap();
        let sum = left(&shown.buckets).checked_add(unplaced).unwrap();
        assert_eq!(sum, shown.available.or_zero(), "as shown");
        let expire = Bank::clone(&self.bank).command(Action::Expire);
        let after = decide(account, &expire, self.bank.now).unwrap().after;
        assert_eq!(left(&after.buckets), after.balance.available.or_zero(), "after expiry");
        assert_eq!(after.balance.available.get(), shown.available.get() - unplaced.get());
        assert!(!after.balance.expiry_due(self.bank.now), "due expiries are applied");
    }
}

fn derived(account: &Account) -> (Vec<Bucket>, Credits) {
    bucket::derive(&account.buckets, account.marked_balance, account.balance.available).unwrap()
}

/// The sum of what is left, each within what was granted.
fn left(buckets: &[Bucket]) -> Credits {
    for bucket in buckets {
        assert!(!bucket.left.is_negative() && bucket.left <= bucket.granted, "{bucket:?}");
    }
    Credits::sum(buckets.iter().map(|bucket| bucket.left)).unwrap()
}
