//! A price book as someone wrote it, nothing of it believed yet.
//!
//! Whatever can be wrong with a price is told here, by the name at fault, so that a table, a file
//! and a request are judged alike.

use std::collections::BTreeMap;

use crate::{
    feature::Feature,
    price::{
        BookFault, InvalidPrice, InvalidPriceBook, LimitField, ModelPrice, Price, PriceBook,
        TokenPrice,
    },
};

/// The most characters of a model's name, as in the terms of a hold.
const MODEL_LENGTH_MAX: usize = 128;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// A number, by its digits.
    Number(String),
    /// A text.
    Text(String),
    /// Neither.
    Other,
}

impl From<i64> for Written {
    fn from(value: i64) -> Self {
        Self::Number(value.to_string())
    }
}

/// What was written of one model: `input`, `output`, `minimum`, `output_max`, `limit_field`.
pub type ModelDraft = BTreeMap<String, Written>;

/// A price book as it was written. [`PriceBookDraft::accept`] makes it one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBookDraft {
    /// Its version.
    pub version: u32,
    /// Credits per unit by the name of a feature.
    pub fixed: BTreeMap<String, Written>,
    /// What models cost by their tokens, by the name of a feature and of a model.
    pub tokens: BTreeMap<String, BTreeMap<String, ModelDraft>>,
    /// What is meant to cost nothing: `feature`, or `feature/model`. A zero that is not named here
    /// is a mistake, and so is a name here that costs something.
    pub free: Vec<String>,
}

impl PriceBookDraft {
    /// The book, refused whole by the first name at fault ([`InvalidPriceBook`]).
    pub fn accept(&self) -> Result<PriceBook, InvalidPriceBook> {
        let mut book = PriceBook { version: self.version, ..PriceBook::empty() };
        for (name, written) in &self.fixed {
            let at_fault = |fault| InvalidPriceBook { name: name.clone(), fault };
            let feature = name.parse().map_err(|source| at_fault(BookFault::Feature(source)))?;
            let price = price("price", Some(written)).map_err(at_fault)?;
            if price == Price::ZERO && !self.frees(name) {
                return Err(at_fault(BookFault::Zero { member: "price" }));
            }
            book.fixed.insert(feature, price);
        }
        for (name, models) in &self.tokens {
            let at_fault = |fault| InvalidPriceBook { name: name.clone(), fault };
            let feature: Feature =
                name.parse().map_err(|source| at_fault(BookFault::Feature(source)))?;
            if feature == Feature::AI_IMAGE_GENERATION {
                return Err(at_fault(BookFault::NoTokens));
            }
            let mut prices = BTreeMap::new();
            for (model, draft) in models {
                let price = self.model(&format!("{name}/{model}"), model, draft)?;
                prices.insert(model.clone(), price);
            }
            book.tokens.insert(feature, prices);
        }
        for name in &self.free {
            let fault = book.why_not_free(name);
            let at_fault = |fault| InvalidPriceBook { name: name.clone(), fault };
            fault.map_or(Ok(()), |fault| Err(at_fault(fault)))?;
        }
        Ok(book)
    }

    fn frees(&self, name: &str) -> bool {
        self.free.iter().any(|free| free == name)
    }

    /// The price of the model that errors and `free` call `name`.
    fn model(
        &self,
        name: &str,
        model: &str,
        draft: &ModelDraft,
    ) -> Result<ModelPrice, InvalidPriceBook> {
        let at_fault = |fault| InvalidPriceBook { name: name.to_owned(), fault };
        let length = model.chars().count();
        if length == 0 || length > MODEL_LENGTH_MAX || model.chars().any(char::is_control) {
            return Err(at_fault(BookFault::Model));
        }
        let known = ["input", "output", "minimum", "output_max", "limit_field"];
        if let Some(member) = draft.keys().find(|member| !known.contains(&member.as_str())) {
            return Err(at_fault(BookFault::UnknownMember { member: member.clone() }));
        }
        let rate = |member| {
            let price = price(member, draft.get(member)).map_err(at_fault)?;
            if price == Price::ZERO && !self.frees(name) {
                return Err(at_fault(BookFault::Zero { member }));
            }
            Ok(price)
        };
        let (input, output) = (rate("input")?, rate("output")?);
        let minimum = match draft.get("minimum") {
            None => Price::ZERO,
            written => price("minimum", written).map_err(at_fault)?,
        };
        Ok(ModelPrice {
            price: TokenPrice::new(input, output, minimum),
            output_max: output_max(draft.get("output_max")).map_err(at_fault)?,
            limit_field: limit_field(draft.get("limit_field")).map_err(at_fault)?,
        })
    }
}

fn price(member: &'static str, written: Option<&Written>) -> Result<Price, BookFault> {
    match written {
        None => Err(BookFault::Missing { member }),
        Some(Written::Text(_) | Written::Other) => Err(BookFault::NotANumber { member }),
        Some(Written::Number(digits)) => match digits.parse().map(Price::new) {
            Ok(price) => price.map_err(|source| BookFault::Price { member, source }),
            Err(_) => Err(out_of_bounds(member, digits)),
        },
    }
}

/// What a number is that no `i64` can be: too far from zero, or not whole.
fn out_of_bounds(member: &'static str, digits: &str) -> BookFault {
    let value = digits.to_owned();
    let (negative, rest) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
    let whole = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, negative) {
        (true, true) => {
            BookFault::Price { member, source: InvalidPrice::Negative { value: i64::MIN } }
        }
        (true, false) => {
            BookFault::Price { member, source: InvalidPrice::TooHigh { value: i64::MAX } }
        }
        (false, _) => BookFault::NotWhole { member, value },
    }
}

fn output_max(written: Option<&Written>) -> Result<u32, BookFault> {
    match written {
        None => Ok(ModelPrice::OUTPUT_MAX_DEFAULT),
        Some(Written::Number(digits)) => digits
            .parse()
            .ok()
            .filter(|most| (1..=ModelPrice::OUTPUT_MAX_LIMIT).contains(most))
            .ok_or_else(|| BookFault::OutputMax { value: digits.clone() }),
        Some(_) => Err(BookFault::NotANumber { member: "output_max" }),
    }
}

fn limit_field(written: Option<&Written>) -> Result<LimitField, BookFault> {
    match written {
        None => Ok(LimitField::default()),
        Some(Written::Text(name)) => LimitField::parse(name).ok_or(BookFault::LimitField),
        Some(_) => Err(BookFault::LimitField),
    }
}
