//! What back ends send: an order for a hold, and the measure of what was used. Read strictly,
//! because whoever writes it is to hear of a slip at once.

use bytes::Bytes;
use http::StatusCode;
use http_api::{ApiError, from_json};
use jiff::SignedDuration;
use ledger::{
    AccountId, Credits, Rejection,
    feature::Feature,
    hold::{Ending, Hold},
    price::{Charge, Tariff, Tokens, Used},
};
use serde::Deserialize;

use crate::{call::check_model, settings::HOLD_SECONDS_MAX};

/// The most units of a feature one hold may be for: far more than any provider gives at once.
const QUANTITY_MAX: u32 = 1_000;

/// What is to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) account: AccountId,
    pub(super) feature: Feature,
    /// Empty where none is named.
    pub(super) model: String,
    pub(super) quantity: u32,
    pub(super) estimate: Option<Tokens>,
    /// How long the hold is to stand, where the request says so.
    pub(super) hold_time: Option<SignedDuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrderBody {
    account: String,
    feature: String,
    model: Option<String>,
    quantity: Option<u32>,
    estimate: Option<Estimate>,
    hold_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Estimate {
    prompt_tokens: u32,
    max_tokens: u32,
}

impl Order {
    /// Reads `body`; 400 `malformed_json`, or `invalid_field` with its name.
    pub(super) fn parse(body: &Bytes) -> Result<Self, ApiError> {
        let body: OrderBody = from_json(body)?;
        let account = AccountId::parse(&body.account)
            .map_err(|error| ApiError::invalid_field("account", error.to_string()))?;
        let feature = body.feature.parse::<Feature>();
        let feature =
            feature.map_err(|error| ApiError::invalid_field("feature", error.to_string()))?;
        let model = body.model.unwrap_or_default();
        if !model.is_empty() {
            check_model(&model)?;
        }
        let quantity = body.quantity.unwrap_or(1);
        within("quantity", i64::from(quantity), i64::from(QUANTITY_MAX))?;
        let hold_time = body.hold_seconds.map(|seconds| {
            within("holdSeconds", seconds, HOLD_SECONDS_MAX)
                .map(|()| SignedDuration::from_secs(seconds))
        });
        let estimate = body
            .estimate
            .map(|estimate| Tokens { input: estimate.prompt_tokens, output: estimate.max_tokens });
        let hold_time = hold_time.transpose()?;
        Ok(Self { account, feature, model, quantity, estimate, hold_time })
    }
}

fn within(field: &str, value: i64, max: i64) -> Result<(), ApiError> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    let detail = format!("`{field}` must be a whole number from 1 to {max}");
    Err(ApiError::invalid_field(field, detail))
}

/// By what a call is charged. Exactly one of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// The provider's own report.
    Usage(Tokens),
    /// Units that were delivered, of a call at a fixed price.
    Quantity(u32),
    /// What the caller says that it costs.
    Credits(i64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasureBody {
    usage: Option<Usage>,
    quantity: Option<u32>,
    credits: Option<i64>,
}

/// The members of a provider's report that have a price, by either of their two usual names. It
/// comes as the provider sent it, so whatever else it has is not looked at.
#[derive(Deserialize)]
struct Usage {
    #[serde(alias = "input_tokens")]
    prompt_tokens: u32,
    /// An embedding has none.
    #[serde(alias = "output_tokens", default)]
    completion_tokens: u32,
}

impl Measure {
    /// Reads `body`; 400 `malformed_json` or `invalid_field`.
    pub(super) fn parse(body: &Bytes) -> Result<Self, ApiError> {
        let body: MeasureBody = from_json(body)?;
        match body {
            MeasureBody { usage: Some(usage), quantity: None, credits: None } => {
                let Usage { prompt_tokens, completion_tokens } = usage;
                Ok(Self::Usage(Tokens { input: prompt_tokens, output: completion_tokens }))
            }
            MeasureBody { usage: None, quantity: Some(units), credits: None } => {
                Ok(Self::Quantity(units))
            }
            MeasureBody { usage: None, quantity: None, credits: Some(credits) } => {
                Ok(Self::Credits(credits))
            }
            _ => {
                let detail = "the body must have one of `usage`, `quantity` and `credits`";
                Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_field", detail))
            }
        }
    }

    /// What a call under `hold` costs by this measure and by the prices that the hold was placed
    /// under; never more than was held. 400 `charge_outside_hold` for credits that are not within
    /// it, 400 `invalid_field` for units of what is sold by tokens.
    pub(super) fn charge(self, hold: &Hold) -> Result<Charge, ApiError> {
        let tariff = hold.terms.tariff;
        let used = match self {
            Self::Usage(tokens) => Used::Tokens(tokens),
            Self::Quantity(units) => {
                if matches!(tariff, Tariff::Tokens(_)) {
                    let detail = "this hold is priced by tokens: send `usage` or `credits`";
                    return Err(ApiError::invalid_field("quantity", detail));
                }
                Used::Units(units)
            }
            Self::Credits(credits) => {
                let charged = Credits::new(credits).map_err(Rejection::from)?;
                // The rule is the ledger's own; asked here, so that nothing is tried.
                hold.outcome(Ending::Settled { charged }, hold.at, hold.actor.clone())?;
                return Ok(Charge { charged, beyond: Credits::ZERO });
            }
        };
        Ok(tariff.charge(used, hold.terms.quantity, hold.amount))
    }
}
