//! The price book as an item: `version`, and `fixed` with a number of credits per feature.

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::price::PriceBook;

use super::{Item, Reader};
use crate::error::Unreadable;

/// The book an item tells of. A price that is missing its number, negative, not whole or too high
/// refuses the whole book, by the name of its feature.
pub(crate) fn read(item: &Item) -> Result<PriceBook, Unreadable> {
    let reader = Reader::new(item);
    let Some(AttributeValue::M(fixed)) = reader.raw("fixed") else {
        return Err(reader.fault("fixed", "is not a map"));
    };
    let mut prices = Vec::with_capacity(fixed.len());
    for (name, value) in fixed {
        let AttributeValue::N(digits) = value else {
            return Err(reader.fault("fixed", format!("has no number for `{name}`")));
        };
        let credits: i64 = digits
            .parse()
            .map_err(|_| reader.fault("fixed", format!("has `{digits}` for `{name}`")))?;
        prices.push((name.as_str(), credits));
    }
    PriceBook::new(reader.number("version")?, prices)
        .map_err(|error| reader.fault("fixed", format!("is refused: {error}")))
}
