//! What a hold pins of its price, and what its call is charged by it.

use crate::{
    Credits,
    price::{ModelPrice, Price, TokenPrice, Tokens},
};

/// The price a call began with, pinned to its hold: a new price book does not reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tariff {
    /// Credits per unit.
    Fixed(Price),
    /// Credits per token.
    Tokens(TokenPrice),
}

/// What a price book quotes for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// Credits per unit.
    Fixed(Price),
    /// Credits per token, and what limits them.
    Tokens(ModelPrice),
}

impl Quote {
    /// What a hold pins of it.
    pub const fn tariff(self) -> Tariff {
        match self {
            Self::Fixed(price) => Tariff::Fixed(price),
            Self::Tokens(model) => Tariff::Tokens(model.price),
        }
    }
}

/// What a call used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// Units delivered: images, completions.
    Units(u32),
    /// Tokens, by the provider's count or ours.
    Tokens(Tokens),
}

/// What a call costs, divided between who called and who operates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What the account pays, 0 ..= held.
    pub charged: Credits,
    /// What was used beyond the hold, which is the operator's. Never negative.
    pub beyond: Credits,
}

impl Tariff {
    /// What a call costs that was placed for `quantity` units and `held` credits and used `used`.
    ///
    /// Total, and 0 ≤ charged ≤ held whatever a provider or a back end reports. At a fixed price
    /// each unit delivered costs its price, and any token used means that all units were. At token
    /// prices units say only whether anything was delivered: none cost nothing, any the whole hold.
    pub fn charge(self, used: Used, quantity: u32, held: Credits) -> Charge {
        let held = held.or_zero();
        let cost = match (self, used) {
            (Self::Fixed(price), Used::Units(units)) => price.times(units),
            (Self::Fixed(_), Used::Tokens(tokens)) if tokens == Tokens::default() => {
                Ok(Credits::ZERO)
            }
            (Self::Fixed(price), Used::Tokens(_)) => price.times(quantity),
            (Self::Tokens(price), Used::Tokens(tokens)) => price.cost(tokens),
            (Self::Tokens(_), Used::Units(0)) => Ok(Credits::ZERO),
            (Self::Tokens(_), Used::Units(_)) => Ok(held),
        };
        // A cost that no amount can say is above every hold; the excess is counted as far as it
        // can be.
        let cost = cost.unwrap_or(Credits::MAX);
        let charged = cost.min(held);
        Charge { charged, beyond: cost.checked_sub(charged).unwrap_or_default() }
    }
}
