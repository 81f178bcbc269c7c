//! `GET /api/credits/settings`: what each feature costs, and what each plan brings.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header::CACHE_CONTROL;
use http_api::{ApiError, Json, Query};
use ledger::{
    Credits,
    mode::Mode,
    price::{ModelPrice, PriceBook},
};
use serde::{Deserialize, Serialize};

use crate::{
    CreditsMe, PlanCredits, Settings, plans_unreadable, settings::plan_credits,
    signed_in::SignedIn, unreadable,
};

/// Prices change rarely, and a call is charged by the book in force whatever its caller was shown.
const CACHED: &str = "private, max-age=60";

/// The route takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParameters {}

/// The answer while credits count.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PriceList<'a> {
    feature_costs: BTreeMap<&'a str, Credits>,
    token_costs: BTreeMap<&'a str, BTreeMap<&'a str, TokenCosts>>,
    plan_credits: &'a PlanCredits,
    credits_enabled: bool,
    mode: &'static str,
    price_version: u32,
    signup_credits: Credits,
    low_balance: Credits,
}

/// What a model costs by its tokens.
#[derive(Serialize)]
struct TokenCosts {
    /// Credits per 1,000 tokens of the question.
    input: Credits,
    /// Credits per 1,000 tokens of the answer.
    output: Credits,
    /// The least a call costs.
    minimum: Credits,
}

/// The answer while credits are off: everything is free and no plan grants anything.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FreeList<'a> {
    feature_costs: BTreeMap<&'a str, Credits>,
    plan_credits: Option<()>,
    credits_enabled: bool,
}

pub(crate) async fn show(
    SignedIn { settings, .. }: SignedIn,
    State(function): State<Arc<CreditsMe>>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let cached = [(CACHE_CONTROL, CACHED)];
    let known = settings.prices.clone();
    if settings.mode == Mode::Off {
        return Ok((cached, Json(FreeList::of(&known.unwrap_or_default()))).into_response());
    }
    let prices = match known {
        Some(prices) => prices,
        None => function.store.price_book().await.map_err(unreadable)?.unwrap_or_default(),
    };
    let plans = match settings.plan_credits.clone() {
        Some(plans) => plans,
        None => {
            plan_credits(&function.directory).await.map_err(|error| plans_unreadable(&error))?
        }
    };
    Ok((cached, Json(PriceList::of(&prices, &plans, &settings))).into_response())
}

impl<'a> PriceList<'a> {
    fn of(prices: &'a PriceBook, plan_credits: &'a PlanCredits, settings: &Settings) -> Self {
        let costs = prices.fixed().map(|(feature, price)| (feature.as_str(), price.per_unit()));
        Self {
            feature_costs: costs.collect(),
            token_costs: token_costs(prices),
            plan_credits,
            credits_enabled: true,
            mode: settings.mode.as_str(),
            price_version: prices.version(),
            signup_credits: settings.signup,
            low_balance: settings.low_balance,
        }
    }
}

fn token_costs(prices: &PriceBook) -> BTreeMap<&str, BTreeMap<&str, TokenCosts>> {
    let mut features = BTreeMap::<_, BTreeMap<_, _>>::new();
    for (feature, model, ModelPrice { price, .. }) in prices.tokens() {
        let costs = TokenCosts {
            input: price.input().per_unit(),
            output: price.output().per_unit(),
            minimum: price.minimum().per_unit(),
        };
        features.entry(feature.as_str()).or_default().insert(model, costs);
    }
    features
}

impl<'a> FreeList<'a> {
    fn of(prices: &'a PriceBook) -> Self {
        let costs = prices.fixed().map(|(feature, _)| (feature.as_str(), Credits::ZERO));
        Self { feature_costs: costs.collect(), plan_credits: None, credits_enabled: false }
    }
}
