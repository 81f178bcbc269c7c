//! What must always hold of an account's books, checked on what is stored.
//!
//! Used by the property tests, by `verify` and by the daily audit. A violation is reported and
//! never repaired by guessing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Credits, EntryId, HoldId,
    account::Account,
    bucket,
    entry::{Cause, Entry, GrantKey, Kind},
    hold::{Ending, HoldTerms},
    price::Tariff,
};

/// How long after its expiry a hold may be open before that is a violation: the expiry job ends
/// what has expired every minute, so up to 60 seconds to its next run, and half a minute for that
/// run to begin and to come to this hold.
pub const EXPIRY_GRACE: SignedDuration = SignedDuration::from_secs(90);

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The balance is not the sum of the entries.
    #[error("the balance is {available} and its entries sum to {sum}")]
    Sum {
        /// The stored balance.
        available: Credits,
        /// What the entries add up to.
        sum: Credits,
    },
    /// One entry taken in twice.
    #[error("entry {0} is there twice")]
    EntryTwice(EntryId),
    /// An amount has the wrong sign for its kind, or the sum left the bounds.
    #[error("entry {0} has an amount its kind cannot have")]
    Amount(EntryId),
    /// A hold of something else than its own price comes to.
    #[error("hold {0} is not what its price and quantity come to")]
    HoldAmount(HoldId),
    /// An outcome, charge or refund whose hold is not there.
    #[error("entry {0} belongs to a hold that does not exist")]
    NoHold(EntryId),
    /// An outcome that gives back something else than held − charged.
    #[error("outcome {0} does not give back what was held less what was charged")]
    OutcomeAmount(EntryId),
    /// More than one outcome for one hold.
    #[error("hold {0} has two outcomes")]
    TwoOutcomes(HoldId),
    /// A hold that should have ended.
    #[error("hold {0} is open past its expiry")]
    HoldOpen(HoldId),
    /// A late charge without an expired outcome, two of them, or one above what was held.
    #[error("late charge {0} is not of a hold that expired, once, within what was held")]
    LateCharge(EntryId),
    /// More given back for a call than it cost, or more given again for a payment than was taken.
    #[error("what was given or taken back of `{0}` exceeds its limit")]
    Reversal(String),
    /// One economic fact in two entries.
    #[error("grant key `{0}` was used twice")]
    FactTwice(GrantKey),
    /// A debt that no claw-back or late charge explains.
    #[error("the balance is {0} and no claw-back or late charge explains it")]
    UnexplainedDebt(Credits),
    /// The buckets do not add up to the balance.
    #[error("{left} credits are left in buckets and the balance is {available}")]
    Buckets {
        /// Sum over the buckets, due ones applied.
        left: Credits,
        /// The stored balance.
        available: Credits,
    },
}

/// One call as its entries tell it, in whatever order they come: the clocks of two functions may
/// differ by more than the time between two entries.
#[derive(Default)]
struct Call {
    hold: Option<(Credits, Timestamp)>,
    outcome: Option<(EntryId, Credits, Ending)>,
    late: Option<(EntryId, Credits)>,
    refund: Option<(EntryId, Credits)>,
}

impl Call {
    fn cost(&self) -> Credits {
        match (self.outcome, self.late) {
            (Some(_), Some((_, late))) => late,
            (Some((_, _, ending)), None) => ending.charged(),
            (None, _) => Credits::ZERO,
        }
    }

    /// What is wrong with the call, all its entries taken together.
    fn judge(&self, id: HoldId, now: Timestamp, violations: &mut Vec<Violation>) {
        let outcome = self.outcome.map(|(entry, _, _)| entry);
        let late = self.late.map(|(entry, _)| entry);
        let refund = self.refund.map(|(entry, _)| entry);
        let Some((held, expires_at)) = self.hold else {
            let orphans = [outcome, late, refund].into_iter().flatten();
            violations.extend(orphans.map(Violation::NoHold));
            return;
        };
        match self.outcome {
            None if now.duration_since(expires_at) > EXPIRY_GRACE => {
                violations.push(Violation::HoldOpen(id));
            }
            Some((entry, given_back, ending))
                if entry != EntryId::Outcome(id)
                    || held.checked_sub(ending.charged()) != Ok(given_back) =>
            {
                violations.push(Violation::OutcomeAmount(entry));
            }
            _ => {}
        }
        if let Some((entry, charged)) = self.late {
            let expired = self.outcome.is_some_and(|(_, _, ending)| ending == Ending::Expired);
            if !expired || charged > held {
                violations.push(Violation::LateCharge(entry));
            }
        }
        if self.refund.is_some_and(|(_, refunded)| refunded > self.cost()) {
            violations.push(Violation::Reversal(id.to_string()));
        }
    }
}

/// Reads an account's entries, in any order, and then judges them.
#[derive(Default)]
pub struct Audit {
    sum: Credits,
    count: u64,
    calls: BTreeMap<HoldId, Call>,
    facts: BTreeSet<GrantKey>,
    /// What was taken back of each payment and not given again.
    reversed: BTreeMap<String, Credits>,
    may_owe: bool,
    violations: Vec<Violation>,
}

impl Audit {
    /// Takes in one entry.
    pub fn add(&mut self, entry: &Entry) {
        self.count = self.count.saturating_add(1);
        match self.sum.checked_add(entry.amount) {
            Ok(sum) => self.sum = sum,
            Err(_) => self.violations.push(Violation::Amount(entry.id)),
        }
        if !sign_fits(entry) {
            self.violations.push(Violation::Amount(entry.id));
        }
        match &entry.cause {
            Cause::Hold(terms) => self.hold(entry, terms),
            Cause::Outcome { hold, ending } => self.outcome(entry, *hold, *ending),
            Cause::Charge { hold } => self.charge(entry, *hold),
            Cause::Refund { hold, .. } => self.refund(entry, *hold),
            Cause::Grant { key: Some(key), .. } => self.fact(key),
            Cause::Reinstatement { key, payment } => {
                self.fact(key);
                self.reverse(payment, entry.amount);
            }
            Cause::Clawback { key, payment } => {
                self.may_owe = true;
                self.fact(key);
                self.reverse(payment, entry.amount);
            }
            Cause::Grant { key: None, .. } | Cause::Adjustment { .. } | Cause::Expiry { .. } => {}
        }
    }

    /// How many entries were taken in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What they sum to.
    pub fn sum(&self) -> Credits {
        self.sum
    }

    /// Every rule that does not hold of the entries taken in and the `account` state at `now`.
    pub fn finish(mut self, account: &Account, now: Timestamp) -> Vec<Violation> {
        let available = account.balance.available;
        if available != self.sum {
            self.violations.push(Violation::Sum { available, sum: self.sum });
        }
        if available.is_negative() && !self.may_owe {
            self.violations.push(Violation::UnexplainedDebt(available));
        }
        for (id, call) in &self.calls {
            call.judge(*id, now, &mut self.violations);
        }
        let given_too_often = self.reversed.iter().filter(|(_, sum)| sum.is_positive());
        self.violations.extend(given_too_often.map(|(p, _)| Violation::Reversal(p.clone())));
        let derived = bucket::derive(&account.buckets, account.marked_balance, available);
        let left = derived.and_then(|(buckets, unplaced)| {
            let left = Credits::sum(buckets.iter().map(|bucket| bucket.left))?;
            left.checked_add(unplaced)
        });
        let left = left.unwrap_or_default();
        if left != available.or_zero() {
            self.violations.push(Violation::Buckets { left, available });
        }
        self.violations
    }

    fn hold(&mut self, entry: &Entry, terms: &HoldTerms) {
        let EntryId::Own(ulid) = entry.id else {
            self.violations.push(Violation::Amount(entry.id));
            return;
        };
        let held = entry.amount.negated();
        if !amount_fits(terms, held) {
            self.violations.push(Violation::HoldAmount(HoldId(ulid)));
        }
        let placed = (held, terms.expires_at);
        if self.call(HoldId(ulid)).hold.replace(placed).is_some() {
            self.violations.push(Violation::EntryTwice(entry.id));
        }
    }

    fn outcome(&mut self, entry: &Entry, hold: HoldId, ending: Ending) {
        let outcome = (entry.id, entry.amount, ending);
        if self.call(hold).outcome.replace(outcome).is_some() {
            self.violations.push(Violation::TwoOutcomes(hold));
        }
    }

    fn charge(&mut self, entry: &Entry, hold: HoldId) {
        self.may_owe = true;
        let late = (entry.id, entry.amount.negated());
        if self.call(hold).late.replace(late).is_some() {
            self.violations.push(Violation::LateCharge(entry.id));
        }
    }

    fn refund(&mut self, entry: &Entry, hold: HoldId) {
        let call = self.call(hold);
        let before = call.refund.map_or(Credits::ZERO, |(_, refunded)| refunded);
        let refunded = before.checked_add(entry.amount).unwrap_or(Credits::MAX);
        call.refund = Some((entry.id, refunded));
    }

    fn call(&mut self, hold: HoldId) -> &mut Call {
        self.calls.entry(hold).or_default()
    }

    fn reverse(&mut self, payment: &str, amount: Credits) {
        let sum = self.reversed.entry(payment.to_owned()).or_default();
        *sum = sum.checked_add(amount).unwrap_or(Credits::MAX);
    }

    fn fact(&mut self, key: &GrantKey) {
        if !self.facts.insert(key.clone()) {
            self.violations.push(Violation::FactTwice(key.clone()));
        }
    }
}

/// Whether the amount goes the way its kind can go.
fn sign_fits(entry: &Entry) -> bool {
    match entry.cause.kind() {
        Kind::Hold | Kind::Charge => !entry.amount.is_positive(),
        Kind::Outcome => !entry.amount.is_negative(),
        Kind::Grant | Kind::Refund | Kind::Reinstatement => entry.amount.is_positive(),
        Kind::Expiry | Kind::Clawback => entry.amount.is_negative(),
        Kind::Adjustment => entry.amount != Credits::ZERO,
    }
}

/// Whether what was held is what the terms come to: at a fixed price exactly, at token prices,
/// whose tokens nobody knows any more, at least the minimum.
fn amount_fits(terms: &HoldTerms, held: Credits) -> bool {
    match terms.tariff {
        Tariff::Fixed(price) => price.times(terms.quantity) == Ok(held),
        Tariff::Tokens(price) => held >= price.minimum().per_unit(),
    }
}
