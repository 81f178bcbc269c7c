//! Dollars as whole numbers, and what an operation costs at given prices.

use std::fmt;
use std::str::FromStr;

use super::operations::Operation;

/// Digits after the point that are kept.
const DIGITS: usize = 10;

/// The memory of every function in `template.yaml`, in MB.
const MEMORY_MB: u64 = 128;

/// Dollars, in parts of ten thousand millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dollars(u64);

impl FromStr for Dollars {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no number of dollars with at most {DIGITS} decimals");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > DIGITS || !digits(whole) || !digits(decimals) {
            return Err(wrong());
        }
        format!("{whole}{decimals:0<DIGITS$}").parse().map(Self).map_err(|_| wrong())
    }
}

impl Dollars {
    pub(crate) fn times(self, number: u64) -> Self {
        Self(self.0.saturating_mul(number))
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// To the cent, rounded to the nearest; as it was given where a precision asks for more.
impl fmt::Display for Dollars {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if formatter.alternate() {
            let text = format!("{:011}", self.0);
            let (whole, decimals) = text.split_at(text.len().saturating_sub(DIGITS));
            return write!(formatter, "{whole}.{:0<2}", decimals.trim_end_matches('0'));
        }
        let cents = self.0.saturating_add(50_000_000) / 100_000_000;
        write!(formatter, "{}.{:02}", cents / 100, cents % 100)
    }
}

/// What is paid for.
#[derive(Clone, Debug)]
pub(crate) struct Prices {
    /// A million write units.
    pub(crate) write: Dollars,
    /// A million read units.
    pub(crate) read: Dollars,
    /// A million invocations.
    pub(crate) request: Dollars,
    /// A second with a gigabyte.
    pub(crate) gb_second: Dollars,
    /// A million requests to a queue.
    pub(crate) queue: Dollars,
    /// How long a call waits for its provider.
    pub(crate) provider_ms: u64,
    /// How long an invocation takes beside that.
    pub(crate) own_ms: u64,
}

/// What a million of an operation cost.
pub(crate) struct Costs {
    pub(crate) tables: Dollars,
    pub(crate) functions: Dollars,
    pub(crate) queue: Dollars,
    pub(crate) all: Dollars,
}

impl Prices {
    pub(crate) fn of(&self, operation: &Operation) -> Costs {
        let Operation { counted, invocations, asks_provider, queue_requests, .. } = operation;
        // Reads are counted in halves, so twice too many.
        let reads = Dollars(self.read.times(counted.read_halves).0 / 2);
        let tables = self.write.times(counted.write).plus(reads);
        let waits = if *asks_provider { self.provider_ms } else { 0 };
        let ms = self.own_ms.saturating_add(waits).saturating_mul(*invocations);
        // A million times so many milliseconds, of so many parts of a gigabyte.
        let gigabyte_seconds = ms.saturating_mul(1_000).saturating_mul(MEMORY_MB) / 1_024;
        let functions =
            self.request.times(*invocations).plus(self.gb_second.times(gigabyte_seconds));
        let queue = self.queue.times(*queue_requests);
        Costs { tables, functions, queue, all: tables.plus(functions).plus(queue) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::counting::Counted;

    #[test]
    fn a_price_is_read_and_shown_to_the_last_digit() {
        for price in ["0.625", "0.0000133334", "12.00", "1.5"] {
            let shown = format!("{:#}", price.parse::<Dollars>().unwrap());
            assert_eq!(shown.trim_end_matches('0'), price.trim_end_matches('0'));
        }
        for wrong in ["", ".5", "-1", "1e3", "0.00000000001", "1,5"] {
            assert!(wrong.parse::<Dollars>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_million_operations_cost_their_units_and_their_time() {
        let price = |text: &str| text.parse().unwrap();
        let prices = Prices {
            write: price("0.625"),
            read: price("0.125"),
            request: price("0.20"),
            gb_second: price("0.0000133334"),
            queue: price("0.40"),
            provider_ms: 980,
            own_ms: 20,
        };
        let operation = Operation {
            name: "a call",
            counted: Counted { requests: 3, write: 6, read_halves: 1 },
            invocations: 1,
            asks_provider: true,
            queue_requests: 0,
        };
        let Costs { tables, functions, queue, all } = prices.of(&operation);
        // 6 writes and half a read; 125,000 GB-seconds and a million requests.
        assert_eq!([tables, functions, queue].map(|it| it.to_string()), ["3.81", "1.87", "0.00"]);
        assert_eq!(all.to_string(), "5.68");
    }
}
