//! Periods of one subscription as a person would keep them on paper: numbers, no buckets, no
//! entries. Packs and what was set by hand are one number; a plan's credits are used first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ledger::command::RollOver;

#[derive(Debug)]
pub(crate) struct Model {
    roll_over: RollOver,
    /// What does not expire.
    pub(crate) packs: i64,
    told: BTreeSet<(i64, i64)>,
    granted: BTreeMap<i64, i64>,
    newest: Option<Newest>,
}

#[derive(Clone, Copy, Debug)]
struct Newest {
    period: i64,
    left: i64,
    carried: i64,
    end: Timestamp,
}

impl Model {
    pub(crate) fn new(roll_over: RollOver) -> Self {
        let (told, granted) = (BTreeSet::new(), BTreeMap::new());
        Self { roll_over, packs: 0, told, granted, newest: None }
    }

    pub(crate) fn facts(&self) -> impl Iterator<Item = (i64, i64)> {
        self.told.iter().copied()
    }

    /// A fact told at `now` of a period whose credits end at `end`.
    pub(crate) fn fact(&mut self, period: i64, credits: i64, (now, end): (Timestamp, Timestamp)) {
        // What is done changes nothing, not even what is due.
        if !self.told.insert((period, credits)) {
            return;
        }
        self.expire(now);
        if end <= now {
            return;
        }
        let granted = self.granted.entry(period).or_default();
        let raise = (credits - *granted).max(0);
        match &mut self.newest {
            Some(newest) if newest.period > period => {
                // The newest period cannot be over while one before it is not.
                let kept = kept(self.roll_over, raise, newest.carried);
                newest.carried += kept;
                newest.left += kept;
                *granted += kept;
            }
            Some(newest) if newest.period == period => {
                newest.left += raise;
                *granted += raise;
            }
            former => {
                let carried = former.map_or(0, |former| kept(self.roll_over, former.left, 0));
                *former = Some(Newest { period, left: raise + carried, carried, end });
                *granted += raise;
            }
        }
    }

    pub(crate) fn spend(&mut self, amount: i64) {
        let of_plan = self.newest.as_mut().map_or(0, |newest| {
            let taken = newest.left.min(amount);
            newest.left -= taken;
            taken
        });
        self.packs -= amount - of_plan;
    }

    pub(crate) fn set(&mut self, target: i64) {
        let available = self.packs + self.newest.map_or(0, |newest| newest.left);
        if target > available {
            self.packs += target - available;
        } else {
            self.spend(available - target);
        }
    }

    pub(crate) fn expire(&mut self, now: Timestamp) {
        if let Some(newest) = self.newest.as_mut().filter(|newest| newest.end <= now) {
            newest.left = 0;
        }
    }

    /// What is left of the plan's credits, and of all others.
    pub(crate) fn shown(&self, now: Timestamp) -> (i64, i64) {
        let newest = self.newest.filter(|newest| newest.end > now);
        (newest.map_or(0, |newest| newest.left), self.packs)
    }
}

fn kept(roll_over: RollOver, rest: i64, carried: i64) -> i64 {
    match roll_over {
        RollOver::None => 0,
        RollOver::Capped(cap) => rest.min(cap.get() - carried).max(0),
        RollOver::All => rest,
    }
}
