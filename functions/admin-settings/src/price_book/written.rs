//! A price book in JSON, with the members it has in the table.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use ledger::{
    Credits,
    price::{ModelPrice, Price, PriceBook, PriceBookDraft, Written},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

/// A book as an admin wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenBook {
    /// The version it was made from, so that an answer can be edited and sent back as it is.
    pub(super) version: Option<u32>,
    fixed: Names<Amount>,
    #[serde(default)]
    tokens: Names<Names<Names<Amount>>>,
    #[serde(default)]
    free: Vec<String>,
}

impl WrittenBook {
    /// The same as the draft of a book of `version`.
    pub(super) fn into_draft(self, version: u32) -> PriceBookDraft {
        let model = |Names(members): Names<Amount>| plain(members);
        let models = |Names(models): Names<Names<Amount>>| {
            models.into_iter().map(|(name, price)| (name, model(price))).collect()
        };
        let tokens = self.tokens.0.into_iter().map(|(name, of)| (name, models(of))).collect();
        PriceBookDraft { version, fixed: plain(self.fixed.0), tokens, free: self.free }
    }
}

fn plain(members: BTreeMap<String, Amount>) -> BTreeMap<String, Written> {
    members.into_iter().map(|(name, Amount(written))| (name, written)).collect()
}

/// A value whose digits are kept as they were written: a fraction is refused, never rounded.
struct Amount(Written);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Number(number) => Written::Number(number.to_string()),
            Value::String(text) => Written::Text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Written::Other,
        }))
    }
}

/// An object in which no name stands twice: of two prices of one feature, one would silently not
/// be in force.
struct Names<V>(BTreeMap<String, V>);

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Names<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Once(PhantomData)).map(Self)
    }
}

struct Once<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Once<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((name, value)) = members.next_entry::<String, V>()? {
            if found.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice in it"));
            }
        }
        Ok(found)
    }
}

/// A book as it is shown.
#[derive(Serialize)]
pub(super) struct ShownBook<'a> {
    version: u32,
    fixed: BTreeMap<&'a str, Credits>,
    tokens: BTreeMap<&'a str, BTreeMap<&'a str, ShownModel>>,
    free: Vec<String>,
}

#[derive(Serialize)]
struct ShownModel {
    input: Credits,
    output: Credits,
    minimum: Credits,
    output_max: u32,
    limit_field: &'static str,
}

impl<'a> ShownBook<'a> {
    pub(super) fn of(book: &'a PriceBook) -> Self {
        let mut shown = Self {
            version: book.version(),
            fixed: BTreeMap::new(),
            tokens: BTreeMap::new(),
            free: Vec::new(),
        };
        for (feature, price) in book.fixed() {
            if price == Price::ZERO {
                shown.free.push(feature.to_string());
            }
            shown.fixed.insert(feature.as_str(), price.per_unit());
        }
        for (feature, model, price) in book.tokens() {
            let shown_model = ShownModel::of(&price);
            if [shown_model.input, shown_model.output].contains(&Credits::ZERO) {
                shown.free.push(format!("{feature}/{model}"));
            }
            shown.tokens.entry(feature.as_str()).or_default().insert(model, shown_model);
        }
        shown
    }
}

impl ShownModel {
    fn of(ModelPrice { price, output_max, limit_field }: &ModelPrice) -> Self {
        Self {
            input: price.input().per_unit(),
            output: price.output().per_unit(),
            minimum: price.minimum().per_unit(),
            output_max: *output_max,
            limit_field: limit_field.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger::price::{BookFault, InvalidPriceBook};
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Result<PriceBook, InvalidPriceBook>, String> {
        let written: WrittenBook = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(written.into_draft(7).accept())
    }

    #[test]
    fn a_book_that_is_shown_can_be_sent_back_as_it_is() {
        let text = json!({
            "version": 6,
            "fixed": {"ai_image_generation": 5, "ai_text_chat": 0},
            "tokens": {"ai_text_chat": {
                "gpt-4o": {"input": 3, "output": 12, "minimum": 1, "output_max": 4096,
                    "limit_field": "max_tokens"},
                "local": {"input": 0, "output": 2, "minimum": 0, "output_max": 9,
                    "limit_field": "max_completion_tokens"},
            }},
            "free": ["ai_text_chat", "ai_text_chat/local"],
        });
        let book = read(&text.to_string()).unwrap().unwrap();
        let shown = serde_json::to_value(ShownBook::of(&book)).unwrap();
        let mut expected = text;
        expected["version"] = json!(7);
        assert_eq!(shown, expected);
        assert_eq!(read(&shown.to_string()).unwrap().unwrap(), book);
    }

    #[test]
    fn a_fraction_is_refused_and_not_rounded() {
        for digits in ["1.5", "1.0", "1e3", "0.9999999999999999999"] {
            let error = read(&format!(r#"{{"fixed": {{"ai_text_chat": {digits}}}}}"#));
            let error = error.unwrap().unwrap_err();
            assert_eq!(error.name, "ai_text_chat");
            assert!(matches!(error.fault, BookFault::NotWhole { .. }), "{digits} {error}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        for value in ["\"1\"", "null", "true", "[1]", "{}"] {
            let error = read(&format!(r#"{{"fixed": {{"ai_text_chat": {value}}}}}"#));
            let expected = BookFault::NotANumber { member: "price" };
            assert_eq!(error.unwrap().unwrap_err().fault, expected, "{value}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused() {
        for text in [
            r#"{"fixed": {"ai_text_chat": 1, "ai_text_chat": 2}}"#,
            r#"{"fixed": {}, "tokens": {"a": {"m": {"input": 1, "input": 2, "output": 1}}}}"#,
        ] {
            assert!(read(text).unwrap_err().contains("twice"), "{text}");
        }
    }

    #[test]
    fn an_unknown_member_is_refused() {
        let error = read(r#"{"fixed": {}, "fixd": {}}"#).unwrap_err();
        assert!(error.contains("`fixd`"), "{error}");
        assert!(read("{}").unwrap_err().contains("`fixed`"));
    }
}
