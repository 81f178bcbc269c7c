//! A caller's request, read as far as every call has to be and no further; what only a token price
//! needs is read in `limit`. The body itself goes to the provider as it came, so what is read here
//! must be what the provider reads: a field that two readers could understand differently is
//! refused.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http_api::{ApiError, from_json};
use ledger::feature::Feature;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{rewrite::is_read_as, settings::Models};

#[cfg(test)]
mod tests;

/// The longest model name, as entries of the ledger keep it.
const MODEL_CHARS_MAX: usize = 128;

/// What is asked of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Chat completions.
    Chat,
    /// Generated images.
    Image,
}

impl Endpoint {
    /// What it is priced as.
    pub(crate) const fn feature(self) -> Feature {
        match self {
            Self::Chat => Feature::AI_TEXT_CHAT,
            Self::Image => Feature::AI_IMAGE_GENERATION,
        }
    }

    /// Its path below the provider's base URL.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Image => "/images/generations",
        }
    }

    /// The most units one call may ask for: the limits of the wire format itself.
    const fn quantity_max(self) -> u32 {
        match self {
            Self::Chat => 128,
            Self::Image => 10,
        }
    }
}

/// A request that was found well formed.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    pub(crate) model: String,
    /// Units of the feature: `n`, or 1.
    pub(crate) quantity: u32,
    /// Whether the answer is wanted as server-sent events.
    pub(crate) stream: bool,
    /// The request as it came.
    pub(crate) body: Bytes,
}

impl Call {
    /// Reads `body`; 400 `malformed_json`, `invalid_field` or `model_not_allowed`.
    pub(crate) fn parse(
        endpoint: Endpoint,
        body: Bytes,
        models: &Models,
    ) -> Result<Self, ApiError> {
        let outline: Outline = from_json(&body)?;
        if let Some(name) = outline.ambiguous {
            return Err(ambiguous(name));
        }
        let model = model(outline.model.as_deref())?;
        if !models.allow(&model) {
            let detail = "the model is not among those this service allows";
            let error = ApiError::new(StatusCode::BAD_REQUEST, "model_not_allowed", detail);
            return Err(error.field("model"));
        }
        let quantity = quantity(outline.n.as_deref(), endpoint.quantity_max())?;
        let stream = stream(outline.stream.as_deref())?;
        Ok(Self { endpoint, model, quantity, stream, body })
    }
}

/// A field that two readers could understand differently (400 `invalid_field`).
pub(crate) fn ambiguous(name: &'static str) -> ApiError {
    ApiError::invalid_field(name, format!("`{name}` must be given once and spelled so"))
}

fn model(raw: Option<&RawValue>) -> Result<String, ApiError> {
    let wrong = |detail: &str| ApiError::invalid_field("model", detail);
    let raw = raw.ok_or_else(|| wrong("`model` is missing"))?;
    let model: String =
        serde_json::from_str(raw.get()).map_err(|_| wrong("`model` must be a string"))?;
    check_model(&model).map(|()| model)
}

/// Whether entries of the ledger can keep a model of this name; 400 `invalid_field`.
pub(crate) fn check_model(model: &str) -> Result<(), ApiError> {
    let length = model.chars().count();
    if length == 0 || length > MODEL_CHARS_MAX || model.chars().any(char::is_control) {
        let limit = format!("1 to {MODEL_CHARS_MAX} characters, none of them a control character");
        return Err(ApiError::invalid_field("model", format!("`model` must have {limit}")));
    }
    Ok(())
}

fn quantity(raw: Option<&RawValue>, max: u32) -> Result<u32, ApiError> {
    let Some(raw) = raw else { return Ok(1) };
    let n = serde_json::from_str::<Option<u32>>(raw.get()).ok().map(|n| n.unwrap_or(1));
    n.filter(|n| (1..=max).contains(n)).ok_or_else(|| {
        ApiError::invalid_field("n", format!("`n` must be a whole number from 1 to {max}"))
    })
}

fn stream(raw: Option<&RawValue>) -> Result<bool, ApiError> {
    let Some(raw) = raw else { return Ok(false) };
    let stream = serde_json::from_str::<Option<bool>>(raw.get());
    stream.map(Option::unwrap_or_default).map_err(|_| {
        ApiError::invalid_field("stream", "`stream` must be `true` or `false`".to_owned())
    })
}

/// The three fields that decide about price and delivery, unread. Everything else is skipped.
#[derive(Default)]
struct Outline {
    model: Option<Box<RawValue>>,
    n: Option<Box<RawValue>>,
    stream: Option<Box<RawValue>>,
    /// The first of the three that is there twice, or spelled in another case: some readers take
    /// the first of two fields and some the last, and some do not look at the case of names, so
    /// the provider might read another number than the one that is priced here.
    ambiguous: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline = Outline::default();
        while let Some(key) = map.next_key::<String>()? {
            let slots = [
                ("model", &mut outline.model),
                ("n", &mut outline.n),
                ("stream", &mut outline.stream),
            ];
            let slot = slots.into_iter().find(|(name, _)| is_read_as(&key, name));
            match slot {
                Some((name, slot)) if slot.is_none() && key == name => {
                    *slot = Some(map.next_value()?);
                }
                Some((name, _)) => {
                    outline.ambiguous.get_or_insert(name);
                    map.next_value::<IgnoredAny>()?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(outline)
    }
}
