//! Entries in words their owner understands.

use ledger::{
    Credits,
    bucket::Source,
    entry::{Cause, Entry},
    feature::Feature,
    hold::{Ending, HoldTerms},
};

/// What happened, in one line of plain English.
pub(crate) fn words(entry: &Entry) -> String {
    let moved = if entry.amount.is_negative() { entry.amount.negated() } else { entry.amount };
    match &entry.cause {
        Cause::Hold(terms) => call(terms),
        Cause::Outcome { ending, .. } => outcome(*ending, moved),
        Cause::Charge { .. } => format!("Delivered late: {} charged", credits(moved)),
        Cause::Grant { source, .. } => grant(*source).to_owned(),
        Cause::Refund { .. } => format!("Refund: {} given back", credits(moved)),
        Cause::Adjustment { .. } if entry.amount.is_negative() => {
            format!("Balance adjusted: {} removed", credits(moved))
        }
        Cause::Adjustment { .. } => format!("Balance adjusted: {} added", credits(moved)),
        Cause::Expiry { .. } => format!("{} expired", credits(moved)),
        Cause::Clawback { .. } => format!("Payment reversed: {} taken back", credits(moved)),
        Cause::Reinstatement { .. } => format!("Payment restored: {} given again", credits(moved)),
    }
}

fn call(terms: &HoldTerms) -> String {
    let HoldTerms { feature, model, quantity, .. } = terms;
    // A back end that calls by itself need not name its model.
    let model =
        |word: &str| if model.is_empty() { String::new() } else { format!(" {word} {model}") };
    if *feature == Feature::AI_TEXT_CHAT {
        match quantity {
            1 => format!("Chat{}", model("with")),
            _ => format!("Chat{}, {quantity} answers", model("with")),
        }
    } else if *feature == Feature::AI_IMAGE_GENERATION {
        match quantity {
            1 => format!("Image{}", model("by")),
            _ => format!("{quantity} images{}", model("by")),
        }
    } else {
        let name = feature.as_str().replace('_', " ");
        match quantity {
            1 => format!("Use of {name}{}", model("with")),
            _ => format!("{quantity} × {name}{}", model("with")),
        }
    }
}

fn outcome(ending: Ending, given_back: Credits) -> String {
    let back = given_back.is_positive().then(|| format!("{} given back", credits(given_back)));
    let nothing = "nothing charged";
    match ending {
        Ending::Settled { charged } => {
            let charged = if charged.is_positive() {
                format!("{} charged", credits(charged))
            } else {
                nothing.to_owned()
            };
            match back {
                Some(back) => format!("Delivered: {charged}, {back}"),
                None => format!("Delivered: {charged}"),
            }
        }
        Ending::Released => format!("Not delivered: {}", back.as_deref().unwrap_or(nothing)),
        Ending::Expired => format!("Not finished in time: {}", back.as_deref().unwrap_or(nothing)),
    }
}

fn grant(source: Source) -> &'static str {
    match source {
        Source::Signup => "Welcome credits",
        Source::Plan => "Credits of your plan",
        Source::Pack => "Credits you bought",
        Source::Manual | Source::Adjustment | Source::Refund | Source::Restored => "Credits added",
    }
}

fn credits(amount: Credits) -> String {
    match amount.get() {
        1 => "1 credit".to_owned(),
        amount => format!("{amount} credits"),
    }
}

#[cfg(test)]
mod tests;
