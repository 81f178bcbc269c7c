//! What a call is for: the thing that has a price.

use std::{borrow::Cow, fmt, str::FromStr};

/// A priced feature, such as `ai_text_chat`. 1 to 64 of `[a-z0-9_]`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature(Cow<'static, str>);

/// Not the name of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a feature is 1 to 64 lower-case letters, digits and underscores, a letter first")]
pub struct InvalidFeature;

impl Feature {
    /// One chat completion.
    pub const AI_TEXT_CHAT: Self = Self(Cow::Borrowed("ai_text_chat"));
    /// One generated image.
    pub const AI_IMAGE_GENERATION: Self = Self(Cow::Borrowed("ai_image_generation"));

    /// The name in price books, entries and logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Feature {
    type Err = InvalidFeature;

    fn from_str(text: &str) -> Result<Self, InvalidFeature> {
        let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if !starts || text.len() > 64 || !text.bytes().all(legal) {
            return Err(InvalidFeature);
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
