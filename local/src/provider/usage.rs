//! Tokens: how many an answer may take, how many it took, and how a model says so.
//!
//! One word is one token. A prompt has the words of all its messages, an answer the words of all
//! its choices.

use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::reply::Reply;

/// How many words `stand-in-greedy` goes on beyond its limit.
const GREED: usize = 10;

/// The most words `stand-in-greedy` says, so that an enormous limit costs no enormous memory.
const GREEDY_MAX: usize = 20_000;

/// The most tokens one choice may take; none where the request does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(Option<usize>);

/// What one choice says under its limit.
#[derive(Debug)]
pub(crate) struct Said {
    /// One streamed chunk per element.
    pub(crate) words: Vec<String>,
    pub(crate) tokens: usize,
    pub(crate) finish_reason: &'static str,
}

impl Limit {
    /// Reads `max_completion_tokens`, or else `max_tokens`; else the refusal.
    pub(crate) fn parse(body: &Value) -> Result<Self, Reply> {
        let mut limit = None;
        for name in ["max_tokens", "max_completion_tokens"] {
            if let Some(value) = body.get(name).filter(|value| !value.is_null()) {
                let tokens = value.as_u64().filter(|tokens| *tokens > 0).ok_or_else(|| {
                    let message = format!("Invalid '{name}': expected an integer of at least 1.");
                    Reply::invalid(name, &message)
                })?;
                limit = Some(usize::try_from(tokens).unwrap_or(usize::MAX));
            }
        }
        Ok(Self(limit))
    }

    /// The words up to the limit; a greedy model says more than it was allowed instead.
    pub(crate) fn cut(self, behaviour: Behaviour, mut words: Vec<String>) -> Said {
        let Self(limit) = self;
        let mut finish_reason = "stop";
        if behaviour == Behaviour::Greedy {
            let wanted = limit.map_or(0, |limit| limit.saturating_add(GREED).min(GREEDY_MAX));
            let more = wanted.saturating_sub(words.len());
            let tokens = words.len().saturating_add(more);
            // In one chunk: word by word, a large limit would take as long as it is large.
            words.extend((more > 0).then(|| " more".repeat(more)));
            return Said { words, tokens, finish_reason };
        }
        if let Some(limit) = limit.filter(|limit| *limit < words.len()) {
            words.truncate(limit);
            finish_reason = "length";
        }
        Said { tokens: words.len(), words, finish_reason }
    }
}

/// The token counts of one answer, as its model reports them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Usage {
    prompt: Value,
    completion: Value,
    total: Value,
}

impl Usage {
    /// None for a model that never says.
    pub(crate) fn of(
        behaviour: Behaviour,
        prompt: &str,
        prompt_tokens: usize,
        completion_tokens: usize,
    ) -> Option<Self> {
        let honest = Self {
            prompt: prompt_tokens.into(),
            completion: completion_tokens.into(),
            total: prompt_tokens.saturating_add(completion_tokens).into(),
        };
        let first_word = prompt.split_whitespace().next().unwrap_or_default();
        match behaviour {
            Behaviour::NoUsage => None,
            Behaviour::OddUsage => Some(odd(first_word).unwrap_or(honest)),
            _ => Some(honest),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"prompt_tokens": self.prompt, "completion_tokens": self.completion,
               "total_tokens": self.total})
    }
}

/// Counts that are none: by `negative`, `fractional`, `huge`, `text` or `null`.
fn odd(word: &str) -> Option<Usage> {
    let (prompt, completion) = match word {
        "negative" => (json!(-3), json!(-5)),
        "fractional" => (json!(3.5), json!(5.25)),
        // The first is the largest of 64 bits, the second is larger than that.
        "huge" => (json!(u64::MAX), json!(1e30)),
        "text" => (json!("3"), json!("five")),
        "null" => (Value::Null, Value::Null),
        _ => return None,
    };
    Some(Usage { total: completion.clone(), prompt, completion })
}
