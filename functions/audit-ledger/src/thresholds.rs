//! What counts as a low and as a high balance.

use std::{collections::BTreeMap, sync::Arc};

use ledger::Credits;
use startup::{BoxError, Parameters};

/// At or below this many credits a balance is low, where no setting says otherwise.
const LOW_BALANCE: i64 = 10;
/// At or above this many credits a balance is high, where no setting says otherwise.
const HIGH_BALANCE: i64 = 10_000;

/// The two settings of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// At or below this a balance is low.
    pub low: Credits,
    /// At or above this a balance is high.
    pub high: Credits,
}

/// Where the thresholds come from.
#[derive(Clone, Debug)]
pub struct ThresholdsSource(Source);

#[derive(Clone, Debug)]
enum Source {
    Parameters(Parameters, Arc<[String; 2]>),
    Fixed(Thresholds),
}

impl Thresholds {
    /// From the values set, by name. A value that is no amount is as good as none, and logged: it
    /// must not keep the lists of every other band from being made.
    pub fn new(values: &BTreeMap<String, String>) -> Self {
        let read = |name: &str, default: i64| {
            let text = values.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
            let value = text.map(|text| text.parse().ok().and_then(amount));
            if value == Some(None) {
                tracing::error!(setting = name, "the setting is no amount, its default is used");
            }
            value.flatten().or_else(|| amount(default)).unwrap_or_default()
        };
        Self { low: read("LOW_BALANCE", LOW_BALANCE), high: read("HIGH_BALANCE", HIGH_BALANCE) }
    }
}

fn amount(value: i64) -> Option<Credits> {
    Credits::new(value).ok().filter(|credits| !credits.is_negative())
}

impl ThresholdsSource {
    /// The parameters `LOW_BALANCE` and `HIGH_BALANCE` under `path`.
    pub fn parameters(parameters: Parameters, path: &str) -> Self {
        let path = path.trim_end_matches('/');
        let names = ["LOW_BALANCE", "HIGH_BALANCE"].map(|name| format!("{path}/{name}"));
        Self(Source::Parameters(parameters, Arc::new(names)))
    }

    /// Always these.
    pub fn fixed(thresholds: Thresholds) -> Self {
        Self(Source::Fixed(thresholds))
    }

    pub(crate) async fn read(&self) -> Result<Thresholds, BoxError> {
        match &self.0 {
            Source::Fixed(thresholds) => Ok(*thresholds),
            Source::Parameters(parameters, names) => {
                let names = names.each_ref().map(String::as_str);
                Ok(Thresholds::new(&parameters.read(&names).await?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[(&str, &str)], low: i64, high: i64) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let read = Thresholds::new(&values.collect());
        assert_eq!((read.low.get(), read.high.get()), (low, high));
    }

    #[test]
    fn a_threshold_that_is_not_set_or_no_amount_is_the_default() {
        check(&[], 10, 10_000);
        check(&[("LOW_BALANCE", " 5 "), ("HIGH_BALANCE", "500")], 5, 500);
        check(&[("LOW_BALANCE", "0")], 0, 10_000);
        check(&[("LOW_BALANCE", ""), ("HIGH_BALANCE", "-1")], 10, 10_000);
        check(&[("LOW_BALANCE", "few"), ("HIGH_BALANCE", "1000000000001")], 10, 10_000);
    }
}
