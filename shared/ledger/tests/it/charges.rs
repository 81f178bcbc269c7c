//! Whatever a provider or a back end reports, a charge stays within its hold and mints nothing.

use ledger::{
    Credits,
    bucket::Source,
    command::{Action, Grant},
    hold::Ending,
    price::{Charge, Price, Tariff, TokenPrice, Tokens, Used},
};
use proptest::prelude::*;

use crate::bank::{Bank, credits};

fn price() -> impl Strategy<Value = Price> {
    let value =
        prop_oneof![Just(0), Just(1), Just(999), Just(Price::MAX), 0..=Price::MAX, 1..20_i64];
    value.prop_map(|value| Price::new(value).unwrap())
}

/// Small counts, which meet in one credit, and all others.
fn count() -> impl Strategy<Value = u32> {
    prop_oneof![0..3_u32, 0..2_000_u32, any::<u32>(), Just(u32::MAX)]
}

fn tokens() -> impl Strategy<Value = Tokens> {
    (count(), count()).prop_map(|(input, output)| Tokens { input, output })
}

fn token_price() -> impl Strategy<Value = TokenPrice> {
    (price(), price(), price())
        .prop_map(|(input, output, least)| TokenPrice::new(input, output, least))
}

fn tariff() -> impl Strategy<Value = Tariff> {
    prop_oneof![price().prop_map(Tariff::Fixed), token_price().prop_map(Tariff::Tokens)]
}

fn used() -> impl Strategy<Value = Used> {
    prop_oneof![count().prop_map(Used::Units), tokens().prop_map(Used::Tokens)]
}

fn amount() -> impl Strategy<Value = Credits> {
    let most = Credits::MAX.get();
    prop_oneof![0..20_i64, -most..=most, Just(most)].prop_map(credits)
}

/// What was used costs by the book, in numbers that cannot overflow.
fn plain_cost(tariff: Tariff, used: Used, quantity: u32, held: Credits) -> i128 {
    let number = |price: Price| i128::from(price.per_unit().get());
    match (tariff, used) {
        (Tariff::Fixed(price), Used::Units(units)) => number(price) * i128::from(units),
        (Tariff::Fixed(_), Used::Tokens(Tokens { input: 0, output: 0 }))
        | (Tariff::Tokens(_), Used::Units(0)) => 0,
        (Tariff::Fixed(price), Used::Tokens(_)) => number(price) * i128::from(quantity),
        (Tariff::Tokens(_), Used::Units(_)) => i128::from(held.get().max(0)),
        (Tariff::Tokens(price), Used::Tokens(tokens)) => plain_token_cost(price, tokens),
    }
}

fn plain_token_cost(price: TokenPrice, tokens: Tokens) -> i128 {
    let number = |price: Price| i128::from(price.per_unit().get());
    let thousandths = number(price.input()) * i128::from(tokens.input)
        + number(price.output()) * i128::from(tokens.output);
    let whole = thousandths / 1_000 + i128::from(thousandths % 1_000 != 0);
    whole.max(number(price.minimum()))
}

fn total(charge: Charge) -> i128 {
    i128::from(charge.charged.get()) + i128::from(charge.beyond.get())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn a_charge_is_within_its_hold_and_with_what_is_beyond_it_the_cost(
        tariff in tariff(), used in used(), quantity in count(), held in amount(),
    ) {
        let charge = tariff.charge(used, quantity, held);
        prop_assert!(charge.charged >= Credits::ZERO && charge.beyond >= Credits::ZERO);
        prop_assert!(charge.charged <= held.or_zero());
        let cost = plain_cost(tariff, used, quantity, held);
        prop_assert_eq!(total(charge), cost.min(i128::from(Credits::MAX.get())));
        // What is beyond the hold is so only once the hold is used up.
        prop_assert!(charge.beyond == Credits::ZERO || charge.charged == held.or_zero());
    }

    #[test]
    fn who_uses_more_never_pays_less(
        tariff in tariff(), less in tokens(), more in tokens(), quantity in count(),
        held in amount(),
    ) {
        let more = Tokens {
            input: less.input.saturating_add(more.input),
            output: less.output.saturating_add(more.output),
        };
        let pairs = [
            (Used::Tokens(less), Used::Tokens(more)),
            (Used::Units(less.output), Used::Units(more.output)),
        ];
        for (less, more) in pairs {
            let less = tariff.charge(less, quantity, held);
            let more = tariff.charge(more, quantity, held);
            prop_assert!(less.charged <= more.charged && less.beyond <= more.beyond);
        }
    }

    #[test]
    fn tokens_cost_what_a_plain_reckoning_says(price in token_price(), tokens in tokens()) {
        let cost = plain_token_cost(price, tokens);
        let expected = i64::try_from(cost).ok().and_then(|cost| Credits::new(cost).ok());
        prop_assert_eq!(price.cost(tokens).ok(), expected);
    }

    #[test]
    fn the_output_within_a_budget_fits_and_one_token_more_does_not(
        price in token_price(), input in count(), budget in amount(),
    ) {
        let fits = |output| plain_token_cost(price, Tokens { input, output }) <= i128::from(budget.get());
        match price.output_within(input, budget) {
            None => prop_assert!(!fits(1)),
            Some(most) => {
                prop_assert!(most > 0 && fits(most));
                prop_assert!(most == u32::MAX || !fits(most + 1));
            }
        }
    }

    /// A call that was held at its worst case, or at anything else, and settled by whatever is
    /// reported, in time or late, any number of times.
    #[test]
    fn no_report_of_what_was_used_mints_a_credit(
        tariff in tariff(),
        held in prop_oneof![0..20_i64, 0..=1_000_000_i64],
        quantity in count(),
        late in any::<bool>(),
        reports in prop::collection::vec(used(), 1..4),
    ) {
        let mut bank = Bank::opened();
        let grant = Grant {
            key: None, source: Source::Pack, amount: credits(1_000_000), expires_at: None, note: None,
        };
        let grant = bank.command(Action::Grant(grant));
        bank.submit(&grant).unwrap();
        let mut hold = bank.new_hold(credits(held));
        (hold.terms.tariff, hold.terms.quantity) = (tariff, quantity);
        bank.hold(&hold).unwrap();
        if late {
            bank.end(&hold, Ending::Expired).unwrap();
        }
        let mut first = None;
        for used in reports {
            let charged = tariff.charge(used, quantity, hold.amount).charged;
            let paid = *first.get_or_insert(charged);
            bank.end(&hold, Ending::Settled { charged }).unwrap();
            let available = bank.table.account.balance.available.get();
            prop_assert_eq!(available, 1_000_000 - paid.get());
            prop_assert!((1_000_000 - held..=1_000_000).contains(&available));
        }
    }
}
