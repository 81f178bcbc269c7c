//! Prices: what a feature costs, and the book they are written in.

use std::collections::BTreeMap;

use crate::{
    Credits,
    credits::AmountTooLarge,
    feature::{Feature, InvalidFeature},
};

/// A fixed price in credits per unit of a feature, 0 ..= 10^6. Never negative: a negative price
/// would mint credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(Credits);

impl Price {
    /// The highest price of one unit. A call of the largest quantity (a `u32`) must not be able
    /// to leave the bounds of an amount unnoticed, and no model costs a million credits.
    pub const MAX: i64 = 1_000_000;

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

    /// What `quantity` units cost. The only multiplication of money there is.
    pub fn times(self, quantity: u32) -> Result<Credits, AmountTooLarge> {
        self.0.get().checked_mul(i64::from(quantity)).ok_or(AmountTooLarge).and_then(Credits::new)
    }

    /// Credits per unit.
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

/// Why a price book was refused. The book before it stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPriceBook {
    /// A feature's name is not one.
    #[error("feature `{name}`: {source}")]
    Feature {
        /// The name given.
        name: String,
        /// What is wrong with it.
        source: InvalidFeature,
    },
    /// A feature's price is not one.
    #[error("feature `{name}`: {source}")]
    Price {
        /// The feature.
        name: String,
        /// What is wrong with its price.
        source: InvalidPrice,
    },
}

/// A version of the prices. A hold remembers the version it was priced by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    version: u32,
    fixed: BTreeMap<Feature, Price>,
}

impl PriceBook {
    /// A book of `version` with fixed prices in credits per unit by feature name.
    /// Refused whole, by the name of the first feature at fault ([`InvalidPriceBook`]).
    pub fn new<'a>(
        version: u32,
        fixed: impl IntoIterator<Item = (&'a str, i64)>,
    ) -> Result<Self, InvalidPriceBook> {
        let mut book = Self { version, fixed: BTreeMap::new() };
        for (name, value) in fixed {
            let feature = name
                .parse()
                .map_err(|source| InvalidPriceBook::Feature { name: name.to_owned(), source })?;
            let price = Price::new(value)
                .map_err(|source| InvalidPriceBook::Price { name: name.to_owned(), source })?;
            book.fixed.insert(feature, price);
        }
        Ok(book)
    }

    /// The price of one unit of `feature`. `None` means no price is known, and a call with no
    /// known price must be refused: it is never free.
    pub fn price(&self, feature: &Feature) -> Option<Price> {
        self.fixed.get(feature).copied()
    }

    /// The version, pinned to each hold.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// All fixed prices by feature.
    pub fn fixed(&self) -> impl Iterator<Item = (&Feature, Price)> {
        self.fixed.iter().map(|(feature, price)| (feature, *price))
    }
}

impl Default for PriceBook {
    /// Version 1, in force until an operator writes another: a chat costs 1 credit, an image 5.
    fn default() -> Self {
        let one = Price(Credits::from(1));
        let five = Price(Credits::from(5));
        let fixed = [(Feature::AI_TEXT_CHAT, one), (Feature::AI_IMAGE_GENERATION, five)];
        Self { version: 1, fixed: BTreeMap::from(fixed) }
    }
}
