//! What the front does to which call: scripts first, then shares drawn from the seed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::call::Target;

/// What can happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `TransactionConflict`: as a reason of a cancelled transaction, in the place of the balance
    /// update, or as `TransactionConflictException` of a single write. A read cannot conflict.
    Conflict,
    /// `ThrottlingError` as a reason of a cancelled transaction, or
    /// `ProvisionedThroughputExceededException` of a single call.
    Throttle,
    /// HTTP 500 without having done anything.
    ServerError,
    /// The connection is cut before the call reaches the emulator.
    LostRequest,
    /// The emulator applies the call; the connection is cut instead of the answer.
    LostReply,
    /// The call reaches the emulator this much later.
    Delay(Duration),
    /// The connection is cut because the front is down.
    Refuse,
}

impl Fault {
    /// Whether AWS can do this to a call of that kind.
    fn can_happen_to(self, target: &Target) -> bool {
        self != Self::Conflict || target.is_write() || target.is_transaction()
    }
}

/// A share of calls that suffers a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    operation: Option<String>,
    fault: Fault,
    per_mille: u16,
}

impl Rule {
    /// `per_mille` of 1,000 calls of one operation, such as `PutItem`, suffer `fault`.
    pub fn of(operation: &str, fault: Fault, per_mille: u16) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::any(fault, per_mille) }
    }

    /// `per_mille` of 1,000 calls of whatever operation suffer `fault`.
    pub fn any(fault: Fault, per_mille: u16) -> Self {
        Self { operation: None, fault, per_mille }
    }

    fn is_for(&self, target: &Target) -> bool {
        self.operation.as_ref().is_none_or(|operation| *operation == target.operation)
            && self.fault.can_happen_to(target)
    }
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) down: bool,
    scripts: BTreeMap<String, VecDeque<Fault>>,
    rules: Vec<Rule>,
    random: u64,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self { down: false, scripts: BTreeMap::new(), rules: Vec::new(), random: seed }
    }

    pub(super) fn script(&mut self, count: usize, operation: &str, fault: Fault) {
        let script = self.scripts.entry(operation.to_owned()).or_default();
        script.extend(std::iter::repeat_n(fault, count));
    }

    pub(super) fn set_rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// Forgets everything but the place in the sequence of draws.
    pub(super) fn clear(&mut self) {
        self.down = false;
        self.scripts.clear();
        self.rules.clear();
    }

    /// What happens to this call. One number is drawn for every call that no script decides, so
    /// that shares of several rules exclude one another: 200 ‰ and 500 ‰ leave 300 ‰ alone.
    pub(super) fn draw(&mut self, target: &Target) -> Option<Fault> {
        if self.down {
            return Some(Fault::Refuse);
        }
        let scripted = self.scripts.get_mut(&target.operation).and_then(VecDeque::pop_front);
        if scripted.is_some() {
            return scripted;
        }
        let mut drawn = self.next_random() % 1_000;
        for rule in self.rules.iter().filter(|rule| rule.is_for(target)) {
            let share = u64::from(rule.per_mille);
            if drawn < share {
                return Some(rule.fault);
            }
            drawn = drawn.saturating_sub(share);
        }
        None
    }

    /// `SplitMix64`, so that a seed draws the same on every machine and in every version.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
