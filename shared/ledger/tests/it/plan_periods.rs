//! Random facts of plans, use and packs, held against a plain model of periods.

mod model;

use jiff::SignedDuration;
use ledger::{
    Credits,
    bucket::Source,
    command::{Action, Grant, PlanGrant, RollOver},
    entry::GrantKey,
    hold::Ending,
};
use proptest::{collection::vec, prelude::*, sample::subsequence};

use crate::{
    bank::{Bank, DAY_ZERO, credits},
    plan_periods::model::Model,
};

/// A plan's fact: which period, and what the plan gives. Its plan is named by what it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    period: i64,
    credits: i64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Fact(Fact),
    /// A call that costs so much, if there is so much.
    Use(i64),
    Pack(i64),
    /// So much set by hand.
    Adjust(i64),
    WaitHours(i64),
}

/// How long a period lasts, and how long its credits outlive it.
const PERIOD_HOURS: i64 = 30 * 24;
const GRACE_HOURS: i64 = 3 * 24;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn plan_grant(fact: Fact, roll_over: RollOver) -> PlanGrant {
    let start = DAY_ZERO.checked_add(hours(fact.period * PERIOD_HOURS)).unwrap();
    let end = start.checked_add(hours(PERIOD_HOURS + GRACE_HOURS)).unwrap();
    PlanGrant {
        key: GrantKey::plan("clerk:item", start, &format!("plan{}", fact.credits)).unwrap(),
        subscription: "clerk:item".to_owned(),
        period_start: start,
        credits: credits(fact.credits),
        expires_at: Some(end),
        roll_over,
    }
}

fn submit(bank: &mut Bank, action: Action) {
    let command = bank.command(action);
    bank.submit(&command).unwrap();
}

/// Does one step to the account and to the model, and compares them.
fn step(bank: &mut Bank, model: &mut Model, step: Step, roll_over: RollOver) {
    match step {
        Step::Fact(fact) => {
            submit(bank, Action::GrantPlan(plan_grant(fact, roll_over)));
            model.fact(fact.period, fact.credits, (bank.now, plan_end(fact.period)));
        }
        Step::Use(amount) => {
            // A hold runs due expiries, and so must the model.
            model.expire(bank.now);
            let hold = bank.new_hold(credits(amount));
            if bank.hold(&hold).is_ok() {
                bank.end(&hold, Ending::Settled { charged: credits(amount) }).unwrap();
                model.spend(amount);
            }
        }
        Step::Pack(amount) => {
            let (key, source, expires_at, note) = (None, Source::Pack, None, None);
            let amount_ = credits(amount);
            let grant = Grant { key, source, amount: amount_, expires_at, note };
            submit(bank, Action::Grant(grant));
            model.expire(bank.now);
            model.packs += amount;
        }
        Step::Adjust(target) => {
            let adjustment = ledger::command::Adjustment::To(credits(target));
            submit(bank, Action::Adjust { adjustment, reason: None, key: None });
            model.expire(bank.now);
            model.set(target);
        }
        Step::WaitHours(time) => bank.now = bank.now.checked_add(hours(time)).unwrap(),
    }
    let account = &bank.table.account;
    let view = account.view(bank.now).unwrap();
    let left = |plan: bool| {
        let of = view.buckets.iter().filter(|bucket| (bucket.source == Source::Plan) == plan);
        Credits::sum(of.map(|bucket| bucket.left)).unwrap().get()
    };
    let shown = model.shown(bank.now);
    assert_eq!((left(true), left(false)), shown, "{step:?} of {account:?}");
    assert_eq!(bank.table.violations(bank.now), [], "the books after {step:?}");
}

fn plan_end(period: i64) -> jiff::Timestamp {
    plan_grant(Fact { period, credits: 1 }, RollOver::None).expires_at.unwrap()
}

fn any_fact() -> impl Strategy<Value = Fact> {
    (0..4_i64, prop_oneof![Just(10), Just(100), Just(300)])
        .prop_map(|(period, credits)| Fact { period, credits })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any_fact().prop_map(Step::Fact),
        4 => (1..150_i64).prop_map(Step::Use),
        1 => (1..100_i64).prop_map(Step::Pack),
        1 => (0..200_i64).prop_map(Step::Adjust),
        2 => (1..PERIOD_HOURS).prop_map(Step::WaitHours),
    ]
}

fn any_roll_over() -> impl Strategy<Value = RollOver> {
    prop_oneof![
        Just(RollOver::None),
        (0..150_i64).prop_map(|cap| RollOver::Capped(credits(cap))),
        Just(RollOver::All),
    ]
}

/// What an account has after `facts` in this order, all told at `at` hours.
fn told(facts: &[Fact], roll_over: RollOver, at: i64) -> (i64, Vec<(Credits, Credits)>) {
    let mut bank = Bank::opened();
    bank.now = bank.now.checked_add(hours(at)).unwrap();
    for fact in facts {
        submit(&mut bank, Action::GrantPlan(plan_grant(*fact, roll_over)));
        assert_eq!(bank.table.violations(bank.now), []);
    }
    let account = &bank.table.account;
    let plans = account.buckets.iter().filter(|bucket| bucket.source == Source::Plan);
    let buckets = plans.map(|bucket| (bucket.granted, bucket.left)).collect();
    (account.balance.available.get(), buckets)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn periods_of_a_plan_are_what_the_plain_model_says(
        roll_over in any_roll_over(),
        steps in vec(any_step(), 1..40),
    ) {
        let (mut bank, mut model) = (Bank::opened(), Model::new(roll_over));
        for each in steps {
            step(&mut bank, &mut model, each, roll_over);
        }
        // What was told once moves nothing more, whatever the plan gives by now.
        let before = bank.table.clone();
        for mut plan in model.facts().map(|(period, credits)| {
            plan_grant(Fact { period, credits }, roll_over)
        }) {
            plan.credits = credits(1_000);
            submit(&mut bank, Action::GrantPlan(plan));
        }
        prop_assert_eq!(&bank.table, &before);
    }

    /// Upgrades and renewals arrive by webhook, by bulk sync and by hand, in any order and any
    /// number of times.
    #[test]
    fn the_order_of_the_facts_of_a_plan_does_not_matter(
        roll_over in any_roll_over(),
        at in 0..5 * PERIOD_HOURS,
        (facts, shuffled) in vec(any_fact(), 1..8)
            .prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle())),
        repeated in subsequence((0..8_usize).collect::<Vec<_>>(), 0..8),
    ) {
        let again = repeated.iter().filter_map(|index| facts.get(*index)).copied();
        let twice: Vec<_> = shuffled.iter().copied().chain(again).collect();
        prop_assert_eq!(told(&facts, roll_over, at), told(&twice, roll_over, at));
    }
}
