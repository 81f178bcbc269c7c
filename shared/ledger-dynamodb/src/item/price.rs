//! The price book as an item: `version`, `fixed`, `tokens` and `free`. What is wrong with a price
//! the ledger says; here only the shape is looked at.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::price::{ModelDraft, PriceBook, PriceBookDraft, Written};

use super::{Item, Reader};
use crate::{error::Unreadable, key};

/// The members a book may have. Any other is most likely one of these misspelt, and the prices in
/// it would silently not be in force.
const MEMBERS: [&str; 6] = [key::PK, key::SK, "version", "fixed", "tokens", "free"];

/// The book an item tells of, refused whole by the first name at fault.
pub(crate) fn read(item: &Item) -> Result<PriceBook, Unreadable> {
    let reader = Reader::new(item);
    if let Some(name) = item.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(reader.fault("version", format!("stands beside `{name}`, which is not known")));
    }
    let Some(AttributeValue::M(fixed)) = reader.raw("fixed") else {
        return Err(reader.fault("fixed", "is not a map"));
    };
    let draft = PriceBookDraft {
        version: reader.number("version")?,
        fixed: members(fixed),
        tokens: read_tokens(reader)?,
        free: read_free(reader)?,
    };
    draft.accept().map_err(|error| reader.fault("version", format!("is refused: {error}")))
}

type Models = BTreeMap<String, ModelDraft>;

fn read_tokens(reader: Reader<'_>) -> Result<BTreeMap<String, Models>, Unreadable> {
    let features = match reader.raw("tokens") {
        None => return Ok(BTreeMap::new()),
        Some(AttributeValue::M(features)) => features,
        Some(_) => return Err(reader.fault("tokens", "is not a map")),
    };
    let mut drafts = BTreeMap::new();
    for (feature, models) in features {
        let not_a_map = |name: &str| reader.fault("tokens", format!("has no map for `{name}`"));
        let AttributeValue::M(models) = models else {
            return Err(not_a_map(feature));
        };
        let mut prices = Models::new();
        for (model, price) in models {
            let AttributeValue::M(price) = price else {
                return Err(not_a_map(&format!("{feature}/{model}")));
            };
            prices.insert(model.clone(), members(price));
        }
        drafts.insert(feature.clone(), prices);
    }
    Ok(drafts)
}

/// The names in a list or a set of strings.
fn read_free(reader: Reader<'_>) -> Result<Vec<String>, Unreadable> {
    match reader.raw("free") {
        None => Ok(Vec::new()),
        Some(AttributeValue::Ss(names)) => Ok(names.clone()),
        Some(AttributeValue::L(names)) => names
            .iter()
            .map(|name| name.as_s().cloned())
            .collect::<Result<_, _>>()
            .map_err(|_| reader.fault("free", "holds something that is not a name")),
        Some(_) => Err(reader.fault("free", "is not a list of names")),
    }
}

fn members(map: &Item) -> BTreeMap<String, Written> {
    let written = |value: &AttributeValue| match value {
        AttributeValue::N(digits) => Written::Number(digits.clone()),
        AttributeValue::S(text) => Written::Text(text.clone()),
        _ => Written::Other,
    };
    map.iter().map(|(name, value)| (name.clone(), written(value))).collect()
}
