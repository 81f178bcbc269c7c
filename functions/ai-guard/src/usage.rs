//! The tokens a provider reports, and the text it sends where it reports none. Nothing in here is
//! trusted: whatever is not a whole number of tokens is no report.

use std::fmt;

use ledger::price::Tokens;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{estimate::count, rewrite::Members};

#[cfg(test)]
mod tests;

/// The tokens that the value of a `usage` member reports; `None` where it is no usable report:
/// not an object, or without both numbers, or with one that is no whole number from 0. One that
/// is larger than any answer counts as the largest there is.
pub(crate) fn reported(usage: &str) -> Option<Tokens> {
    let members = Members::read(usage).ok()?;
    let tokens = |name| {
        let value = members.value(members.first(name)?);
        let is_whole = value.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| value.parse().unwrap_or(u32::MAX))
    };
    Some(Tokens { input: tokens("prompt_tokens")?, output: tokens("completion_tokens")? })
}

/// How many bytes of text the value of a `choices` member holds: what was said, thought, refused
/// or put into a tool call, without the names and marks around it. What cannot be read to its end
/// counts as far as it can.
pub(crate) fn text_bytes(choices: &str) -> u64 {
    let mut bytes = 0;
    let mut reader = serde_json::Deserializer::from_str(choices);
    let _ = Text { bytes: &mut bytes, place: Place::Choices }.deserialize(&mut reader);
    bytes
}

/// Members of a message, and of what is in it, that say nothing, or what another one says too.
const SILENT: [&str; 8] =
    ["role", "id", "type", "object", "index", "data", "signature", "reasoning_details"];

/// Where in the choices a value stands.
#[derive(Clone, Copy)]
enum Place {
    /// The list of them, or one.
    Choices,
    /// Inside a message, a piece of one, or a text.
    Said,
}

struct Text<'b> {
    bytes: &'b mut u64,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if matches!(self.place, Place::Said) {
            *self.bytes = self.bytes.saturating_add(count(text.len()));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { bytes, place } = self;
        while elements.next_element_seed(Text { bytes: &mut *bytes, place })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { bytes, place } = self;
        while let Some(says) = members.next_key_seed(Says(place))? {
            if says {
                members.next_value_seed(Text { bytes: &mut *bytes, place: Place::Said })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads a member's name and tells whether its value is part of what was said.
struct Says(Place);

impl<'de> DeserializeSeed<'de> for Says {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Says {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(match self.0 {
            Place::Choices => matches!(name, "message" | "delta" | "text"),
            Place::Said => !SILENT.contains(&name),
        })
    }
}
