//! How many tokens a request may take before anybody has counted them. No tokeniser: there is one
//! for each model, each takes megabytes of memory, and none is needed to be on the safe side.

use std::fmt;

use http::StatusCode;
use http_api::ApiError;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use place::Place;

mod place;
#[cfg(test)]
mod tests;

/// Natural text takes a token for every 3 to 5 bytes, in the scripts that tokenisers know least
/// one for every 2 to 3.
const BYTES_PER_TOKEN_LEAST: u64 = 2;

/// What a token of natural text has on average.
const BYTES_PER_TOKEN: u64 = 4;

/// What a message takes beside its text: its role and its two ends.
const TOKENS_PER_MESSAGE: u64 = 8;

/// What a picture in full detail takes, and the least that is expected of a sound or a file.
const TOKENS_PER_MEDIUM: u64 = 1_500;

/// The longest number, as it is written. No `f64` needs more than 24 characters; a reader that
/// keeps every digit of a longer one, as Python's does with whole numbers, finds thousands of
/// tokens where none would be counted here.
const NUMBER_BYTES_MAX: usize = 40;

/// What is written into the prompt of a request, in bytes and by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// All strings and names, and the numbers below the members of the request itself.
    bytes: u64,
    /// The strings that the model reads: none of the request's own settings.
    text: u64,
    messages: u64,
    /// The tokens of pictures, sounds and files.
    media: u64,
}

impl Prompt {
    /// Measures a request that is known to be JSON. What a reader may take for something else or
    /// not at all, such as half a character or a number of a thousand digits, is refused (400
    /// `malformed_json`): its tokens cannot be told.
    pub(crate) fn read(body: &str) -> Result<Self, ApiError> {
        let unclear = || {
            let detail = "the body has text or numbers that cannot be read, or is nested too deep";
            ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
        };
        if has_long_number(body) {
            return Err(unclear());
        }
        let mut prompt = Self::default();
        let mut reader = serde_json::Deserializer::from_str(body);
        let walk = Walk { prompt: &mut prompt, place: Place::Request };
        walk.deserialize(&mut reader).map_err(|_| unclear())?;
        Ok(prompt)
    }

    /// The most tokens it takes, as far as it is natural text. What is held is computed from it.
    pub(crate) fn at_most(self) -> u32 {
        let text = self.bytes.div_ceil(BYTES_PER_TOKEN_LEAST);
        let messages = self.messages.saturating_mul(TOKENS_PER_MESSAGE);
        clamped(text.saturating_add(messages).saturating_add(self.media))
    }

    /// The tokens of its text: what is charged where the provider does not count.
    pub(crate) fn counted(self) -> u32 {
        tokens_of_text(self.text)
    }

    fn add_string(&mut self, text: &str, place: Place) {
        let bytes = count(text.len());
        if let Place::Medium(medium) = place
            && is_encoded(text)
        {
            self.media = self.media.saturating_add(medium.tokens(bytes));
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if !matches!(place, Place::Request | Place::Member) {
            self.text = self.text.saturating_add(bytes);
        }
    }

    /// A number, a flag or nothing, of so many digits. Those of the request itself are settings.
    fn add_scalar(&mut self, digits: u32, place: Place) {
        if place != Place::Member {
            self.bytes = self.bytes.saturating_add(digits.into());
        }
    }
}

/// Whether JSON has a number above [`NUMBER_BYTES_MAX`].
fn has_long_number(json: &str) -> bool {
    let (mut in_string, mut is_escaped, mut length) = (false, false, 0_usize);
    for byte in json.bytes() {
        if in_string {
            in_string = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        in_string = byte == b'"';
        let in_number = matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E');
        length = if in_number { length.saturating_add(1) } else { 0 };
        if length > NUMBER_BYTES_MAX {
            return true;
        }
    }
    false
}

/// The tokens of so many bytes of text, as we count them.
pub(crate) fn tokens_of_text(bytes: u64) -> u32 {
    clamped(bytes.div_ceil(BYTES_PER_TOKEN))
}

fn clamped(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// A length in memory, which is a `u64` on every machine there is.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Whether a string is bytes written as text: base64, alone or in a `data:` address.
fn is_encoded(text: &str) -> bool {
    let data = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let data = data.map_or(text, |(_, data)| data);
    data.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// Goes through one value.
struct Walk<'p> {
    prompt: &'p mut Prompt,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.prompt.add_scalar(4, self.place);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.prompt.add_scalar(5, self.place);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0);
        self.prompt.add_scalar(digits.saturating_add(2), self.place);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        let digits = number.checked_ilog10().unwrap_or(0);
        self.prompt.add_scalar(digits.saturating_add(1), self.place);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        // More digits than these distinguish no number.
        self.prompt.add_scalar(17, self.place);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.prompt.add_string(text, self.place);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { prompt, place } = self;
        let place = place.of_element();
        while elements.next_element_seed(Walk { prompt: &mut *prompt, place })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self { prompt, place } = self;
        if matches!(place, Place::Message | Place::Entry) {
            prompt.messages = prompt.messages.saturating_add(1);
        }
        while let Some(inner) = members.next_key_seed(Name { prompt: &mut *prompt, place })? {
            if place == Place::Part && matches!(inner, Place::Medium(_)) {
                prompt.media = prompt.media.saturating_add(TOKENS_PER_MEDIUM);
            }
            members.next_value_seed(Walk { prompt: &mut *prompt, place: inner })?;
        }
        Ok(())
    }
}

/// Reads a member's name and tells where its value stands.
struct Name<'p> {
    prompt: &'p mut Prompt,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Place;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Place, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Place;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Place, E> {
        self.prompt.bytes = self.prompt.bytes.saturating_add(count(name.len()));
        Ok(self.place.of_member(name))
    }
}
