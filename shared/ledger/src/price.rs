//! Prices: what a unit or a thousand tokens cost, what a hold pins of it, and the book they are
//! written in. Every multiplication of money is in this module.

mod book;
mod draft;
mod tariff;
mod tokens;

pub use book::{BookFault, InvalidPriceBook, PriceBook};
pub use draft::{ModelDraft, PriceBookDraft, Written};
pub use tariff::{Charge, Quote, Tariff, Used};
pub use tokens::{LimitField, ModelPrice, TokenPrice, Tokens};

use crate::{Credits, credits::AmountTooLarge};

/// A price in credits per unit of a feature, or per 1,000 tokens of a model, 0 ..= 10^6. Never
/// negative: a negative price would mint credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(Credits);

impl Price {
    /// The highest price of one unit. A call of the largest quantity (a `u32`) must not be able
    /// to leave the bounds of an amount unnoticed, and no model costs a million credits.
    pub const MAX: i64 = 1_000_000;
    /// No credits: where a price is nothing on purpose, or a call has no minimum.
    pub const ZERO: Self = Self(Credits::ZERO);

    /// `value` credits per unit; [`InvalidPrice`] below zero or above [`Price::MAX`].
    pub fn new(value: i64) -> Result<Self, InvalidPrice> {
        if value < 0 {
            return Err(InvalidPrice::Negative { value });
        }
        if value > Self::MAX {
            return Err(InvalidPrice::TooHigh { value });
        }
        Credits::new(value).map(Self).map_err(|_| InvalidPrice::TooHigh { value })
    }

    /// What `quantity` units cost; [`AmountTooLarge`] where no amount can say it.
    pub fn times(self, quantity: u32) -> Result<Credits, AmountTooLarge> {
        self.0.get().checked_mul(i64::from(quantity)).ok_or(AmountTooLarge).and_then(Credits::new)
    }

    /// Credits per unit, or per 1,000 tokens.
    pub const fn per_unit(self) -> Credits {
        self.0
    }
}

/// Why a number is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrice {
    /// It would pay the user for calling.
    #[error("price `{value}` is negative")]
    Negative {
        /// The number given, in credits.
        value: i64,
    },
    /// It is above [`Price::MAX`].
    #[error("price `{value}` is above the limit of {} credits", Price::MAX)]
    TooHigh {
        /// The number given, in credits.
        value: i64,
    },
}
