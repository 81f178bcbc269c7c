//! Whether an answer, or a piece of one, holds anything the caller asked for. Read without
//! keeping it: a picture is megabytes of text, and the function's memory is small.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

#[cfg(test)]
mod tests;

/// What an answer of the provider, or one event of it, holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Content {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    data: Option<Vec<Picture>>,
    // An event of a streamed picture has it at the top.
    #[serde(default)]
    b64_json: Filled,
    #[serde(default)]
    url: Filled,
}

/// One choice of a chat: in an event, whole, or in the wire format before it.
#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Said>,
    #[serde(default)]
    message: Option<Said>,
    #[serde(default)]
    text: Filled,
}

#[derive(Debug, Deserialize)]
struct Picture {
    #[serde(default)]
    b64_json: Filled,
    #[serde(default)]
    url: Filled,
}

impl Content {
    /// Reads a JSON object; an error is all there is to say of anything else.
    pub(crate) fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        // Reading into a struct would take a list of its fields as well.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err(serde::de::Error::custom("not an object"));
        }
        serde_json::from_slice(json)
    }

    /// Whether the provider reports an error in place of an answer.
    pub(crate) fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// The choices of a whole chat: how many there are, and how many of them hold anything.
    pub(crate) fn choices(&self) -> Units {
        Units::count(self.choices.as_deref(), Choice::is_filled)
    }

    /// The pictures of a whole answer: how many there are, and how many of them hold anything.
    pub(crate) fn pictures(&self) -> Units {
        Units::count(self.data.as_deref(), Picture::is_filled)
    }

    /// Whether one event of a stream holds anything.
    pub(crate) fn is_filled(&self) -> bool {
        let event_picture = Picture { b64_json: self.b64_json, url: self.url };
        event_picture.is_filled() || self.choices().filled > 0 || self.pictures().filled > 0
    }
}

/// How many units an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) present: usize,
    pub(crate) filled: u32,
}

impl Units {
    fn count<T>(units: Option<&[T]>, is_filled: impl Fn(&T) -> bool) -> Self {
        let units = units.unwrap_or_default();
        let filled = units.iter().filter(|unit| is_filled(unit)).count();
        Self { present: units.len(), filled: u32::try_from(filled).unwrap_or(u32::MAX) }
    }
}

impl Choice {
    fn is_filled(&self) -> bool {
        let said = [self.delta, self.message].into_iter().flatten().any(|Said(said)| said);
        said || self.text.0
    }
}

impl Picture {
    fn is_filled(&self) -> bool {
        self.b64_json.0 || self.url.0
    }
}

/// Whether a message, or a piece of one, has any filled member but its role: text, a tool call, a
/// refusal, a sound.
#[derive(Clone, Copy, Debug)]
struct Said(bool);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Said;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
                let mut said = false;
                while let Some(name) = map.next_key::<String>()? {
                    let Filled(filled) = map.next_value()?;
                    said |= filled && name != "role";
                }
                Ok(Said(said))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Whether a value is a text, a list or an object with anything in it. Numbers and flags are
/// about the answer, never the answer.
#[derive(Clone, Copy, Debug, Default)]
struct Filled(bool);

impl<'de> Deserialize<'de> for Filled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Filled;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Filled, E> {
        Ok(Filled(false))
    }

    fn visit_str<E>(self, text: &str) -> Result<Filled, E> {
        Ok(Filled(!text.is_empty()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Filled, A::Error> {
        let mut filled = false;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            filled = true;
        }
        Ok(Filled(filled))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Filled, A::Error> {
        let mut filled = false;
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            filled = true;
        }
        Ok(Filled(filled))
    }
}
