//! What can happen to an account, in sizes that meet each other often.

use ledger::{bucket::Source, command::Adjustment};
use proptest::{collection::vec, option, prelude::*};

use crate::bank::credits;

/// One thing that happens. Indexes are taken modulo what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Hot(Hot),
    Cold(Cold),
    /// Decided from the state read, committed only after all this has happened.
    Stale(Cold, Vec<Hot>),
    /// A request that went through is sent once more.
    Again(usize),
    /// Time passes, then the expiry job ends what is overdue.
    Wait {
        minutes: i64,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Hot {
    Hold(i64),
    /// Settle for a share in percent of what was held.
    Settle(usize, i64),
    Release(usize),
    Expire(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Cold {
    Grant {
        source: Source,
        amount: i64,
        hours: Option<i64>,
    },
    Adjust(Adjustment),
    Refund(usize, i64),
    /// Below zero: a claw-back; above zero: a reinstatement of at most what was taken.
    Reverse(usize, i64),
    Expire,
    Freeze(bool),
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let source = prop_oneof![Just(Source::Plan), Just(Source::Pack), Just(Source::Manual)];
    let hours = option::weighted(0.6, prop_oneof![Just(1), Just(24), Just(72), 2..400_i64]);
    let grant = (source, 1..20_i64, hours).prop_map(|(source, amount, hours)| Cold::Grant {
        source,
        amount,
        hours,
    });
    step(prop_oneof![4 => grant, 6 => any_other_cold()])
}

/// As [`any_step`], but nothing ever granted expires.
pub(crate) fn pack_step() -> impl Strategy<Value = Step> {
    let source = Source::Pack;
    let pack = (1..20_i64).prop_map(move |amount| Cold::Grant { source, amount, hours: None });
    step(prop_oneof![5 => pack, 5 => any_other_cold()])
}

fn step(cold: impl Strategy<Value = Cold> + Clone + 'static) -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![Just(0), Just(5), Just(19), Just(61), Just(1_500), Just(10_081)];
    prop_oneof![
        8 => hot().prop_map(Step::Hot),
        5 => cold.clone().prop_map(Step::Cold),
        3 => (cold, vec(hot(), 1..4)).prop_map(|(cold, hot)| Step::Stale(cold, hot)),
        1 => any::<usize>().prop_map(Step::Again),
        3 => minutes.prop_map(|minutes| Step::Wait { minutes }),
    ]
}

fn hot() -> impl Strategy<Value = Hot> + Clone {
    prop_oneof![
        5 => (0..13_i64).prop_map(Hot::Hold),
        3 => (any::<usize>(), prop_oneof![Just(100), Just(0), 0..101_i64])
            .prop_map(|(call, percent)| Hot::Settle(call, percent)),
        2 => any::<usize>().prop_map(Hot::Release),
        1 => any::<usize>().prop_map(Hot::Expire),
    ]
}

fn any_other_cold() -> impl Strategy<Value = Cold> + Clone {
    prop_oneof![
        1 => (0..20_i64).prop_map(|to| Cold::Adjust(Adjustment::To(credits(to)))),
        1 => (-12..12_i64).prop_map(|by| Cold::Adjust(Adjustment::By(credits(by)))),
        1 => (-12..3_i64).prop_map(|by| Cold::Adjust(Adjustment::ByAtMost(credits(by)))),
        2 => (any::<usize>(), 0..8_i64).prop_map(|(call, amount)| Cold::Refund(call, amount)),
        2 => (any::<usize>(), -15..15_i64).prop_map(|(pay, amount)| Cold::Reverse(pay, amount)),
        1 => Just(Cold::Expire),
        1 => prop_oneof![1 => Just(true), 3 => Just(false)].prop_map(Cold::Freeze),
    ]
}
