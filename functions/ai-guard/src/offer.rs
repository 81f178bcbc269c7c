//! What a call is offered at: its price, the most it can cost, and the request that keeps it
//! within that.

use bytes::Bytes;
use http::StatusCode;
use http_api::ApiError;
use ledger::{
    Credits, Rejection,
    credits::AmountTooLarge,
    price::{ModelPrice, PriceBook, Quote, Tariff, Tokens},
};

use crate::{
    call::{Call, Endpoint},
    estimate::Prompt,
    limit::{self, Asked},
    meter::Meter,
    rewrite::Members,
};

#[cfg(test)]
mod tests;

/// A call with its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What its hold pins.
    pub(crate) tariff: Tariff,
    /// The price book's version.
    pub(crate) price_version: u32,
    /// Units of the feature, choices.
    pub(crate) quantity: u32,
    /// What is to be known under a token price; none under a fixed one.
    tokens: Option<TokenOffer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TokenOffer {
    model: ModelPrice,
    prompt: Prompt,
    asked: Asked,
    /// The most tokens of each choice that the provider is allowed.
    output: u32,
}

impl Offer {
    /// Prices `call` by `book`: 500 `price_missing` where it has no price, and under a token price
    /// 400 `invalid_field` or `malformed_json` where the request does not say clearly how long its
    /// answer may become.
    pub(crate) fn read(call: &Call, book: &PriceBook) -> Result<Self, ApiError> {
        let feature = call.endpoint.feature();
        let quote = book.quote(&feature, &call.model).ok_or_else(|| price_missing(call))?;
        let tokens = match (quote, call.endpoint) {
            (Quote::Fixed(_), _) => None,
            (Quote::Tokens(model), Endpoint::Chat) => Some(TokenOffer::read(call, model)?),
            // A picture has no tokens that could be counted.
            (Quote::Tokens(_), Endpoint::Image) => return Err(price_missing(call)),
        };
        let (tariff, price_version) = (quote.tariff(), book.version());
        Ok(Self { tariff, price_version, quantity: call.quantity, tokens })
    }

    /// The most it can cost, which is what is held.
    pub(crate) fn amount(&self) -> Result<Credits, AmountTooLarge> {
        match (self.tariff, &self.tokens) {
            (Tariff::Fixed(price), _) => price.times(self.quantity),
            (Tariff::Tokens(price), tokens) => {
                let tokens = tokens.map(|tokens| tokens.at_most(tokens.output, self.quantity));
                price.cost(tokens.unwrap_or(Tokens { input: 0, output: 0 }))
            }
        }
    }

    /// The same call with as much output as `available` credits pay for, less than before. Where
    /// they do not pay for the prompt and one token of each choice, the refusal says what would.
    pub(crate) fn lowered(self, available: Credits) -> Result<Self, Rejection> {
        let Some(tokens) = self.tokens else {
            return Err(Rejection::InsufficientCredits { required: self.amount()?, available });
        };
        let price = tokens.model.price;
        let all = price.output_within(tokens.prompt.at_most(), available).unwrap_or(0);
        let each = all.checked_div(self.quantity).unwrap_or(0);
        let output = each.min(tokens.output.saturating_sub(1));
        if output == 0 {
            let required = price.cost(tokens.at_most(1, self.quantity))?;
            return Err(Rejection::InsufficientCredits { required, available });
        }
        Ok(Self { tokens: Some(TokenOffer { output, ..tokens }), ..self })
    }

    /// What the provider is sent: under a fixed price the caller's own bytes, under a token price
    /// the same within its limit, with usage asked for.
    pub(crate) fn request(&self, body: &Bytes) -> Bytes {
        let Some(TokenOffer { asked, output, model, .. }) = &self.tokens else {
            return body.clone();
        };
        asked.limited(body, *output, model.limit_field)
    }

    /// What the provider is sent where the call is only measured: nothing is limited.
    pub(crate) fn measured_request(&self, body: &Bytes) -> Bytes {
        self.tokens.as_ref().map_or_else(|| body.clone(), |tokens| tokens.asked.unlimited(body))
    }

    /// What counts its tokens, where it is priced by them.
    pub(crate) fn meter(&self) -> Option<Meter> {
        let tokens = self.tokens.as_ref()?;
        Some(Meter::new(tokens.prompt.counted(), tokens.asked.hides_usage()))
    }
}

impl TokenOffer {
    fn read(call: &Call, model: ModelPrice) -> Result<Self, ApiError> {
        let not_json = || {
            let detail = "the body is not valid JSON";
            ApiError::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
        };
        let text = limit::text(&call.body).ok_or_else(not_json)?;
        let members = Members::read(text).map_err(|_| not_json())?;
        let asked = Asked::read(&members, call.stream)?;
        let output = asked.output(model.output_max);
        Ok(Self { model, prompt: Prompt::read(text)?, asked, output })
    }

    /// The most tokens of a call with `output` tokens for each of `choices`.
    fn at_most(&self, output: u32, choices: u32) -> Tokens {
        Tokens { input: self.prompt.at_most(), output: output.saturating_mul(choices) }
    }
}

/// A call without a price is never free by accident.
pub(crate) fn price_missing(call: &Call) -> ApiError {
    let feature = call.endpoint.feature();
    tracing::error!(feature = feature.as_str(), "the price book has no price for this feature");
    let detail = format!("there is no price for `{feature}`; nothing was charged");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "price_missing", detail)
}
