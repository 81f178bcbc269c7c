//! The plain model: one number, and how each call ended. No buckets, no conditions, no revisions.

use ledger::command::Adjustment;

/// What a product person would keep on a sheet of paper.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) available: i64,
    pub(crate) frozen: bool,
    /// Whether a claw-back or a late charge has happened: else no debt can be.
    pub(crate) may_owe: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) payments: Vec<Payment>,
}

pub(crate) struct Call {
    pub(crate) held: i64,
    pub(crate) end: End,
    pub(crate) refunded: i64,
}

pub(crate) struct Payment {
    pub(crate) granted: i64,
    pub(crate) taken: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Open,
    Settled(i64),
    Released,
    Expired,
    ChargedLate(i64),
}

impl Model {
    pub(crate) fn hold(&mut self, amount: i64) -> bool {
        let placed = !self.frozen && self.available >= amount;
        if placed {
            self.available -= amount;
            self.calls.push(Call { held: amount, end: End::Open, refunded: 0 });
        }
        placed
    }

    pub(crate) fn end(&mut self, call: usize, wanted: End) -> bool {
        let call = &mut self.calls[call];
        let (end, movement) = match (call.end, wanted) {
            (End::Open, End::Settled(charged)) => (wanted, call.held - charged),
            (End::Open, _) => (wanted, call.held),
            (End::Expired, End::Settled(charged)) => (End::ChargedLate(charged), -charged),
            (End::Settled(_), End::Released) | (End::Released, End::Settled(_)) => return false,
            (end, _) => (end, 0),
        };
        self.may_owe |= matches!(end, End::ChargedLate(_));
        call.end = end;
        self.available += movement;
        true
    }

    pub(crate) fn adjust(&mut self, adjustment: Adjustment) -> bool {
        let by = match adjustment {
            Adjustment::To(target) => target.get() - self.available,
            Adjustment::By(by) => by.get(),
            Adjustment::ByAtMost(by) => by.get().max(-self.available.max(0)),
        };
        let refused = matches!(adjustment, Adjustment::By(_)) && by < 0 && self.available + by < 0;
        self.available += if refused { 0 } else { by };
        !refused
    }

    /// `cost` is what was known when the refund was asked for; it only ever grows.
    pub(crate) fn refund(&mut self, call: usize, amount: i64, cost: i64) -> bool {
        let call = &mut self.calls[call];
        let cost_now = match call.end {
            End::Settled(charged) | End::ChargedLate(charged) => charged,
            End::Open | End::Released | End::Expired => 0,
        };
        assert!(cost <= cost_now);
        let within = amount > 0 && call.refunded + amount <= cost;
        call.refunded += if within { amount } else { 0 };
        self.available += if within { amount } else { 0 };
        within
    }

    /// Below zero: taken back. Above zero: given again.
    pub(crate) fn reverse(&mut self, payment: usize, amount: i64) -> bool {
        let payment = &mut self.payments[payment];
        let within = amount != 0 && payment.taken - amount <= payment.granted;
        payment.taken -= if within { amount } else { 0 };
        self.available += if within { amount } else { 0 };
        self.may_owe |= within && amount < 0;
        within
    }
}
