//! Prices by the token. [`TokenPrice::cost`] is the only place where tokens become credits.

use crate::{Credits, credits::AmountTooLarge, price::Price};

/// Prices are per so many tokens.
const PRICED_TOKENS: u64 = 1_000;

/// Tokens of one call, as used or as foreseen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of what was asked.
    pub input: u32,
    /// Tokens of what was answered, over all choices.
    pub output: u32,
}

/// What a model costs: credits per 1,000 tokens of input and of output, and the least a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPrice {
    input: Price,
    output: Price,
    minimum: Price,
}

impl TokenPrice {
    /// `input` and `output` credits per 1,000 tokens, at least `minimum` credits per call.
    pub const fn new(input: Price, output: Price, minimum: Price) -> Self {
        Self { input, output, minimum }
    }

    /// What a call of so many tokens costs, in credits, a begun credit counting as one:
    /// max(minimum, ⌈(input × price + output × price) / 1,000⌉). [`AmountTooLarge`] where no amount
    /// can say it.
    pub fn cost(self, tokens: Tokens) -> Result<Credits, AmountTooLarge> {
        let thousandths = weight(tokens.input, self.input)
            .saturating_add(weight(tokens.output, self.output))
            .div_ceil(PRICED_TOKENS);
        let cost = i64::try_from(thousandths).map_err(|_| AmountTooLarge).and_then(Credits::new)?;
        Ok(cost.max(self.minimum.per_unit()))
    }

    /// The most tokens of output with which a call of `input` tokens costs no more than `budget`
    /// credits; `None` if not even one.
    pub fn output_within(self, input: u32, budget: Credits) -> Option<u32> {
        if self.minimum.per_unit() > budget {
            return None;
        }
        // A cost of at most `budget` whole credits is one of at most `budget` × 1,000 thousandths:
        // rounding up never crosses a whole number.
        let budget = u64::try_from(budget.get()).ok()?.checked_mul(PRICED_TOKENS)?;
        let left = budget.checked_sub(weight(input, self.input))?;
        let most = left.checked_div(weight(1, self.output)).unwrap_or(u64::MAX);
        Some(u32::try_from(most).unwrap_or(u32::MAX)).filter(|most| *most > 0)
    }

    /// Credits per 1,000 tokens of input.
    pub const fn input(self) -> Price {
        self.input
    }

    /// Credits per 1,000 tokens of output.
    pub const fn output(self) -> Price {
        self.output
    }

    /// The least a call costs, in credits.
    pub const fn minimum(self) -> Price {
        self.minimum
    }
}

/// Thousandths of a credit. At most 2^32 × 10^6, so that two of them are far from the end of a
/// `u64`.
fn weight(tokens: u32, price: Price) -> u64 {
    // INVARIANT: a price is never negative.
    let price = u64::try_from(price.per_unit().get()).unwrap_or_default();
    u64::from(tokens).saturating_mul(price)
}

/// The member of a request that limits the tokens of its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitField {
    /// `max_tokens`, which nearly every provider knows.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`, which some models know instead.
    MaxCompletionTokens,
}

impl LimitField {
    /// The member's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }

    /// The member of that name, if it is one of the two.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::MaxTokens, Self::MaxCompletionTokens].into_iter().find(|it| it.as_str() == name)
    }
}

/// What the price book says of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelPrice {
    /// What its tokens cost.
    pub price: TokenPrice,
    /// The most tokens of output of one choice, 1 ..= 10^6: what a call without a limit of its own
    /// is held for.
    pub output_max: u32,
    /// Which member sets that limit where the caller sent none.
    pub limit_field: LimitField,
}

impl ModelPrice {
    /// The `output_max` of a model whose price says none.
    pub const OUTPUT_MAX_DEFAULT: u32 = 4_096;
    /// The highest `output_max`: no model answers with a million tokens at once, and a mistyped
    /// one would hold a fortune.
    pub const OUTPUT_MAX_LIMIT: u32 = 1_000_000;
}
