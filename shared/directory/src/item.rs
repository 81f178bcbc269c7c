//! Between rows and items. Reading is strict: what is not understood is an error.

use std::{collections::HashMap, fmt::Display};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::DirectoryError, key};

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn text(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number attribute.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A key, or the start of an item.
pub(crate) fn keyed(pk: impl Display, sk: impl Display) -> Item {
    Item::from([(key::PK.to_owned(), text(pk)), (key::SK.to_owned(), text(sk))])
}

/// The item of `row` under this key.
pub(crate) fn write(pk: &str, sk: &str, row: &impl Serialize) -> Result<Item, DirectoryError> {
    let written: Item =
        serde_dynamo::to_item(row).map_err(|error| DirectoryError::corrupt(pk, error))?;
    let mut item = keyed(pk, sk);
    item.extend(written);
    Ok(item)
}

/// The row in an item. Attributes it does not know are left alone: a later version's.
pub(crate) fn read<T: DeserializeOwned>(item: Item) -> Result<T, DirectoryError> {
    let pk = match item.get(key::PK) {
        Some(AttributeValue::S(pk)) => pk.clone(),
        _ => "?".to_owned(),
    };
    serde_dynamo::from_item(item).map_err(|error| DirectoryError::corrupt(&pk, error))
}

/// Many items, as [`read`] does.
pub(crate) fn read_all<T: DeserializeOwned>(
    items: impl IntoIterator<Item = Item>,
) -> Result<Vec<T>, DirectoryError> {
    items.into_iter().map(read).collect()
}

/// A value that is kept as the text it is written as.
pub(crate) mod as_text {
    use std::{borrow::Cow, fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }

    /// The same where there may be none.
    pub(crate) mod optional {
        use super::{Cow, Deserialize, Deserializer, Display, Error, FromStr, Serializer};

        #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
        pub(crate) fn serialize<T: Display, S: Serializer>(
            value: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
        where
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        {
            let text = Option::<Cow<str>>::deserialize(deserializer)?;
            text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
        }
    }
}
