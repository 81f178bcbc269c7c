//! Between items and the ledger's types. Reading is as strict as writing: what is not understood
//! is an error, never a zero.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use ledger::{AccountId, Credits};

use crate::{
    error::{StoreError, Unreadable},
    key,
};

pub(crate) mod account;
pub(crate) mod claim;
pub(crate) mod entry;
pub(crate) mod fact;
pub(crate) mod period;
pub(crate) mod price;

/// An item as the SDK has it: attributes by their names.
pub type Item = HashMap<String, AttributeValue>;

/// What stands in `next_expiry` for "never", so that one comparison decides: the year 9999.
const NEVER: i64 = 253_402_300_799_999;

/// A string attribute.
pub(crate) fn text(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number attribute.
pub(crate) fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A moment, in milliseconds since 1970.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

/// An expiry, in milliseconds since 1970, with a far year for never.
pub(crate) fn expiry(at: Option<Timestamp>) -> AttributeValue {
    number(at.map_or(NEVER, Timestamp::as_millisecond))
}

/// An item with its key.
pub(crate) fn keyed(pk: impl Display, sk: impl Display) -> Item {
    Item::from([(key::PK.to_owned(), text(pk)), (key::SK.to_owned(), text(sk))])
}

/// Reads the attributes of one item and says which is at fault.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    item: &'a Item,
    name: &'a str,
}

impl<'a> Reader<'a> {
    /// A reader of `item`, known by its sort key.
    pub(crate) fn new(item: &'a Item) -> Self {
        let name = match item.get(key::SK) {
            Some(AttributeValue::S(sk)) => sk,
            _ => "?",
        };
        Self { item, name }
    }

    /// The item's name in errors: its sort key.
    pub(crate) fn name(&self) -> &'a str {
        self.name
    }

    /// The error that `attribute` has `problem`.
    pub(crate) fn fault(&self, attribute: &'static str, problem: impl Display) -> Unreadable {
        Unreadable { item: self.name.to_owned(), attribute, problem: problem.to_string() }
    }

    /// A string that must be there.
    pub(crate) fn text(&self, attribute: &'static str) -> Result<&'a str, Unreadable> {
        self.optional_text(attribute)?.ok_or_else(|| self.fault(attribute, "is missing"))
    }

    /// A string that may be absent.
    pub(crate) fn optional_text(
        &self,
        attribute: &'static str,
    ) -> Result<Option<&'a str>, Unreadable> {
        match self.item.get(attribute) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(attribute, "is not a string")),
        }
    }

    /// A string that must parse as `T`.
    pub(crate) fn parsed<T>(&self, attribute: &'static str) -> Result<T, Unreadable>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(attribute)?;
        text.parse().map_err(|error| self.fault(attribute, format!("is wrong: {error}")))
    }

    /// A string that must parse as `T` where it is there.
    pub(crate) fn optional_parsed<T>(
        &self,
        attribute: &'static str,
    ) -> Result<Option<T>, Unreadable>
    where
        T: FromStr<Err: Display>,
    {
        if self.item.contains_key(attribute) { self.parsed(attribute).map(Some) } else { Ok(None) }
    }

    /// A whole number that must be there.
    pub(crate) fn number<T>(&self, attribute: &'static str) -> Result<T, Unreadable>
    where
        T: FromStr<Err: Display>,
    {
        match self.item.get(attribute) {
            None => Err(self.fault(attribute, "is missing")),
            Some(AttributeValue::N(digits)) => {
                digits.parse().map_err(|error| self.fault(attribute, format!("is wrong: {error}")))
            }
            Some(_) => Err(self.fault(attribute, "is not a number")),
        }
    }

    /// An amount that must be there and within bounds.
    pub(crate) fn credits(&self, attribute: &'static str) -> Result<Credits, Unreadable> {
        let value: i64 = self.number(attribute)?;
        Credits::new(value).map_err(|error| self.fault(attribute, format!("is wrong: {error}")))
    }

    /// A moment that must be there.
    pub(crate) fn time(&self, attribute: &'static str) -> Result<Timestamp, Unreadable> {
        let millis: i64 = self.number(attribute)?;
        Timestamp::from_millisecond(millis)
            .map_err(|error| self.fault(attribute, format!("is wrong: {error}")))
    }

    /// A moment that may be absent, or far away for never.
    pub(crate) fn expiry(&self, attribute: &'static str) -> Result<Option<Timestamp>, Unreadable> {
        if !self.item.contains_key(attribute) || self.number::<i64>(attribute)? >= NEVER {
            return Ok(None);
        }
        self.time(attribute).map(Some)
    }

    /// The attribute as it is.
    pub(crate) fn raw(&self, attribute: &str) -> Option<&'a AttributeValue> {
        self.item.get(attribute)
    }
}

/// The fault of an item in the partition of `account`.
pub(crate) fn corrupt(account: &AccountId) -> impl FnOnce(Unreadable) -> StoreError {
    let account = account.to_string();
    move |source| StoreError::Corrupt { account, source }
}
