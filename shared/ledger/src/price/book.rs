//! The price book: a version of all prices, whole or not at all.

use std::collections::BTreeMap;

use crate::{
    Credits,
    feature::{Feature, InvalidFeature},
    price::{InvalidPrice, ModelPrice, Price, PriceBookDraft, Quote},
};

/// Why a price book was refused. The book before it stays in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {fault}")]
pub struct InvalidPriceBook {
    /// The name at fault: `feature`, or `feature/model`.
    pub name: String,
    /// What is wrong with it.
    pub fault: BookFault,
}

/// What is wrong with a name in a price book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// A feature's name is not one.
    #[error("{0}")]
    Feature(InvalidFeature),
    /// A model's name is not one.
    #[error("a model is 1 to 128 characters, none of them a control character")]
    Model,
    /// A price that has to be there is not.
    #[error("`{member}` is missing")]
    Missing {
        /// Which.
        member: &'static str,
    },
    /// A price or a limit is something else than a number.
    #[error("`{member}` is not a number")]
    NotANumber {
        /// Which.
        member: &'static str,
    },
    /// A price is a fraction.
    #[error("`{member}` is `{value}`, and a price is a whole number of credits")]
    NotWhole {
        /// Which.
        member: &'static str,
        /// The number given.
        value: String,
    },
    /// A number is no price.
    #[error("`{member}`: {source}")]
    Price {
        /// Which.
        member: &'static str,
        /// What is wrong with it.
        source: InvalidPrice,
    },
    /// A price of nothing that nobody declared.
    #[error("`{member}` is zero; what is meant to cost nothing is named in `free`")]
    Zero {
        /// Which.
        member: &'static str,
    },
    /// A name in `free` that costs something.
    #[error("`free` names it, and its price is not zero")]
    NotFree,
    /// A name in `free` that is not in the book.
    #[error("`free` names it, and it has no price")]
    FreeUnknown,
    /// A member nobody reads: most likely another one misspelt.
    #[error("member `{member}` is not known")]
    UnknownMember {
        /// Which.
        member: String,
    },
    /// An `output_max` outside its bounds.
    #[error("`output_max` is `{value}`, and must be from 1 to {}", ModelPrice::OUTPUT_MAX_LIMIT)]
    OutputMax {
        /// The number given.
        value: String,
    },
    /// A `limit_field` that is neither of the two.
    #[error("`limit_field` is neither `max_tokens` nor `max_completion_tokens`")]
    LimitField,
    /// Token prices for what has no tokens.
    #[error("images are priced by the image, not by tokens")]
    NoTokens,
}

/// A version of the prices. A hold remembers the version it was priced by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    pub(super) version: u32,
    pub(super) fixed: BTreeMap<Feature, Price>,
    pub(super) tokens: BTreeMap<Feature, BTreeMap<String, ModelPrice>>,
}

impl PriceBook {
    /// A book of `version` with fixed prices only, in credits per unit by feature name.
    /// Refused whole, by the name of the first feature at fault ([`InvalidPriceBook`]).
    pub fn new<'a>(
        version: u32,
        fixed: impl IntoIterator<Item = (&'a str, i64)>,
    ) -> Result<Self, InvalidPriceBook> {
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        PriceBookDraft { version, fixed: fixed.collect(), ..PriceBookDraft::default() }.accept()
    }

    pub(super) const fn empty() -> Self {
        Self { version: 0, fixed: BTreeMap::new(), tokens: BTreeMap::new() }
    }

    /// What a call of `model` for `feature` costs: the model's token price, else the feature's
    /// fixed price. `None` means no price is known, and a call with no known price must be
    /// refused: it is never free.
    ///
    /// A model that is asked for in another case, or with space around it, has the same token
    /// price: there are providers that take it for the same, and a dear model must not be had at
    /// the fixed price by writing it otherwise.
    pub fn quote(&self, feature: &Feature, model: &str) -> Option<Quote> {
        let by_tokens = self.tokens.get(feature).and_then(|models| {
            let is_same = |name: &str| name.trim().eq_ignore_ascii_case(model.trim());
            let alike = || models.iter().find(|(name, _)| is_same(name)).map(|(_, price)| price);
            models.get(model).or_else(alike)
        });
        by_tokens.copied().map(Quote::Tokens).or_else(|| self.price(feature).map(Quote::Fixed))
    }

    /// The fixed price of one unit of `feature`, if it has one.
    pub fn price(&self, feature: &Feature) -> Option<Price> {
        self.fixed.get(feature).copied()
    }

    /// Whether a call of `model` for `feature` is priced, and at nothing whatever it uses.
    pub fn is_free(&self, feature: &Feature, model: &str) -> bool {
        match self.quote(feature, model) {
            None => false,
            Some(Quote::Fixed(price)) => price == Price::ZERO,
            Some(Quote::Tokens(ModelPrice { price, .. })) => {
                [price.input(), price.output(), price.minimum()] == [Price::ZERO; 3]
            }
        }
    }

    /// The version, pinned to each hold.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// All fixed prices by feature.
    pub fn fixed(&self) -> impl Iterator<Item = (&Feature, Price)> {
        self.fixed.iter().map(|(feature, price)| (feature, *price))
    }

    /// All token prices by feature and model.
    pub fn tokens(&self) -> impl Iterator<Item = (&Feature, &str, ModelPrice)> {
        self.tokens.iter().flat_map(|(feature, models)| {
            models.iter().map(move |(model, price)| (feature, model.as_str(), *price))
        })
    }

    /// What contradicts that `free` names `name`; `None` if it has a zero that is so declared.
    pub(super) fn why_not_free(&self, name: &str) -> Option<BookFault> {
        // A feature's name has no slash; a model's may have some.
        let zero = match name.split_once('/') {
            None => {
                let price = name.parse().ok().and_then(|feature| self.price(&feature));
                price.map(|price| price == Price::ZERO)
            }
            Some((feature, model)) => {
                let models = feature.parse().ok().and_then(|it: Feature| self.tokens.get(&it));
                let price = models.and_then(|models| models.get(model)).map(|it| it.price);
                price.map(|price| [price.input(), price.output()].contains(&Price::ZERO))
            }
        };
        match zero {
            None => Some(BookFault::FreeUnknown),
            Some(false) => Some(BookFault::NotFree),
            Some(true) => None,
        }
    }
}

impl Default for PriceBook {
    /// Version 1, in force until an operator writes another: a chat costs 1 credit, an image 5.
    fn default() -> Self {
        let one = Price(Credits::from(1));
        let five = Price(Credits::from(5));
        let fixed = [(Feature::AI_TEXT_CHAT, one), (Feature::AI_IMAGE_GENERATION, five)];
        Self { version: 1, fixed: BTreeMap::from(fixed), ..Self::empty() }
    }
}
