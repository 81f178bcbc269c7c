//! A plan as an admin writes it, nothing of it believed yet.

use directory::Plan;
use http_api::ApiError;
use jiff::Timestamp;
use ledger::{Credits, command::RollOver};
use serde::Deserialize;

/// The most characters of a plan's id. It is part of URLs and of keys in answers.
const ID_LENGTH_MAX: usize = 64;
/// The most characters of a name: it stands in a price list.
const NAME_LENGTH_MAX: usize = 100;
/// The most characters of a description.
const DESCRIPTION_LENGTH_MAX: usize = 500;
/// The most plans or prices of one provider that one plan of ours stands for: monthly and yearly in
/// a few currencies. What needs more is most likely a mistake.
const CLAIMS_MAX: usize = 20;
/// The most characters of a provider's id or slug.
const CLAIM_LENGTH_MAX: usize = 128;

/// What a plan is to be. What is left out has its default.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WrittenPlan {
    pub(super) id: Option<String>,
    name: String,
    description: Option<String>,
    credits: Credits,
    #[serde(default)]
    roll_over: WrittenRollOver,
    roll_over_cap: Option<Credits>,
    #[serde(default)]
    clerk_plans: Vec<String>,
    #[serde(default)]
    stripe_prices: Vec<String>,
    #[serde(default = "yes")]
    public: bool,
    #[serde(default = "yes")]
    active: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenRollOver {
    #[default]
    None,
    Capped,
    All,
}

const fn yes() -> bool {
    true
}

impl WrittenPlan {
    /// The plan of that id at `revision`; 400 with the member at fault.
    pub(super) fn accept(
        self,
        id: &str,
        revision: u64,
        (at, by): (Timestamp, String),
    ) -> Result<Plan, ApiError> {
        if !is_id(id) {
            return Err(ApiError::invalid_field(
                "id",
                "`id` must be 1 to 64 lower-case letters, digits and hyphens",
            ));
        }
        if !self.credits.is_positive() {
            let detail = "`credits` must be a whole number, 1 to 1000000000000";
            return Err(ApiError::invalid_field("credits", detail));
        }
        let roll_over = self.roll_over()?;
        text("name", &self.name, NAME_LENGTH_MAX)?;
        if let Some(description) = &self.description {
            text("description", description, DESCRIPTION_LENGTH_MAX)?;
        }
        claims("clerkPlans", &self.clerk_plans)?;
        claims("stripePrices", &self.stripe_prices)?;
        Ok(Plan {
            id: id.to_owned(),
            name: self.name,
            description: self.description,
            credits: self.credits,
            roll_over,
            clerk_plans: self.clerk_plans,
            stripe_prices: self.stripe_prices,
            public: self.public,
            active: self.active,
            revision,
            updated_at: at,
            updated_by: by,
        })
    }

    fn roll_over(&self) -> Result<RollOver, ApiError> {
        let fault = |detail| Err(ApiError::invalid_field("rollOverCap", detail));
        match (self.roll_over, self.roll_over_cap) {
            (WrittenRollOver::None, None) => Ok(RollOver::None),
            (WrittenRollOver::All, None) => Ok(RollOver::All),
            (WrittenRollOver::Capped, Some(cap)) if cap.is_positive() => Ok(RollOver::Capped(cap)),
            (WrittenRollOver::Capped, Some(_)) => {
                fault("`rollOverCap` must be a whole number, 1 to 1000000000000")
            }
            (WrittenRollOver::Capped, None) => {
                fault("`rollOverCap` is missing: the most credits that are kept")
            }
            (_, Some(_)) => fault("`rollOverCap` belongs to `rollOver` `capped` only"),
        }
    }
}

/// Whether a text can be the id of a plan.
pub(super) fn is_id(text: &str) -> bool {
    let legal = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=ID_LENGTH_MAX).contains(&text.len()) && text.bytes().all(legal)
}

fn text(field: &str, text: &str, length_max: usize) -> Result<(), ApiError> {
    let length = text.chars().count();
    let blank = text.trim().is_empty();
    if blank || length > length_max || text.chars().any(char::is_control) {
        let detail = format!(
            "`{field}` must be 1 to {length_max} characters, not only blanks and none of them a \
             control character"
        );
        return Err(ApiError::invalid_field(field, detail));
    }
    Ok(())
}

/// What a provider calls the plan: ids and slugs, none of them twice.
fn claims(field: &str, names: &[String]) -> Result<(), ApiError> {
    if names.len() > CLAIMS_MAX {
        let detail = format!("`{field}` has more than {CLAIMS_MAX} names");
        return Err(ApiError::invalid_field(field, detail));
    }
    for (at, name) in names.iter().enumerate() {
        let place = format!("{field}[{at}]");
        let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(1..=CLAIM_LENGTH_MAX).contains(&name.len()) {
            let detail = format!("`{place}` must be 1 to {CLAIM_LENGTH_MAX} visible characters");
            return Err(ApiError::invalid_field(place, detail));
        }
        if names.iter().take(at).any(|other| other == name) {
            let detail = format!("`{place}` stands in the list already");
            return Err(ApiError::invalid_field(place, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
