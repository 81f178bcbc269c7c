//! The price book as an item: `version`, `fixed`, `tokens` and `free`. What is wrong with a price
//! the ledger says; here only the shape is looked at.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::price::{ModelDraft, ModelPrice, Price, PriceBook, PriceBookDraft, Written};

use super::{Item, Reader, number, text};
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

/// The members of the item of `book`, without its key. Every zero is declared: whoever made the
/// book had to declare it, and the book remembers no more than the price.
pub(crate) fn write(book: &PriceBook) -> Item {
    let mut free = Vec::new();
    let mut fixed = Item::new();
    for (feature, price) in book.fixed() {
        if price == Price::ZERO {
            free.push(feature.to_string());
        }
        fixed.insert(feature.to_string(), number(price.per_unit()));
    }
    let mut tokens: BTreeMap<String, Item> = BTreeMap::new();
    for (feature, model, price) in book.tokens() {
        if [price.price.input(), price.price.output()].contains(&Price::ZERO) {
            free.push(format!("{feature}/{model}"));
        }
        let models = tokens.entry(feature.to_string()).or_default();
        models.insert(model.to_owned(), AttributeValue::M(write_model(price)));
    }
    let tokens = tokens.into_iter().map(|(feature, models)| (feature, AttributeValue::M(models)));
    Item::from([
        ("version".to_owned(), number(book.version())),
        ("fixed".to_owned(), AttributeValue::M(fixed)),
        ("tokens".to_owned(), AttributeValue::M(tokens.collect())),
        ("free".to_owned(), AttributeValue::L(free.into_iter().map(text).collect())),
    ])
}

fn write_model(model: ModelPrice) -> Item {
    Item::from([
        ("input".to_owned(), number(model.price.input().per_unit())),
        ("output".to_owned(), number(model.price.output().per_unit())),
        ("minimum".to_owned(), number(model.price.minimum().per_unit())),
        ("output_max".to_owned(), number(model.output_max)),
        ("limit_field".to_owned(), text(model.limit_field.as_str())),
    ])
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
