//! A message of the settle queue, version 1, read strictly. `ai-guard` writes it.
//!
//! | member | is |
//! |---|---|
//! | `version` | 1 |
//! | `account`, `hold` | which hold is to end |
//! | `amount` | the credits it holds |
//! | `ending` | `settled` or `released` |
//! | `charged` | the credits the call costs: 0 ..= `amount`, and 0 where it was released |
//! | `at` | when that was decided, RFC 3339 |
//! | `actor` | who decided it |
//! | `id` | the ULID of the request, and of its late charge should the hold have expired |

use jiff::Timestamp;
use ledger::{AccountId, Credits, HoldId, entry::Actor, hold::Ending};
use serde::Deserialize;
use ulid::Ulid;

/// The one version there is.
const VERSION: u64 = 1;

/// How a hold is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settle {
    pub(crate) account: AccountId,
    pub(crate) hold: HoldId,
    /// What the hold took.
    pub(crate) amount: Credits,
    /// Settled or released.
    pub(crate) ending: Ending,
    /// When that was decided.
    pub(crate) at: Timestamp,
    pub(crate) actor: Actor,
    /// The name of the request.
    pub(crate) id: Ulid,
}

/// A message that is none of ours. It says where the fault is and nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON at all, or cut off.
    #[error("it is not JSON from column {0} on")]
    NotJson(usize),
    /// A member is missing, unknown or of another type.
    #[error("its members are others, seen at column {0}")]
    Shape(usize),
    /// Written by another version of the guard.
    #[error("its version is {0}")]
    Version(u64),
    /// A member has a value it cannot have.
    #[error("its member `{0}` has a value it cannot have")]
    Member(&'static str),
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    #[serde(rename = "version")]
    _version: u64,
    account: String,
    hold: String,
    amount: i64,
    ending: String,
    charged: i64,
    at: String,
    actor: String,
    id: String,
}

impl Settle {
    /// Reads a message's body.
    pub(crate) fn parse(body: &str) -> Result<Self, Malformed> {
        // The version first: what another one has for members is not this one's fault.
        let Versioned { version } = serde_json::from_str(body).map_err(|e| fault(&e))?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let read: Version1 = serde_json::from_str(body).map_err(|e| fault(&e))?;
        let amount = credits(read.amount, "amount")?;
        let charged = credits(read.charged, "charged")?;
        let ending = match read.ending.as_str() {
            "settled" if charged <= amount => Ending::Settled { charged },
            "released" if charged == Credits::ZERO => Ending::Released,
            "settled" | "released" => return Err(Malformed::Member("charged")),
            _ => return Err(Malformed::Member("ending")),
        };
        // Only the canonical spelling counts, as for every name in the ledger.
        let HoldId(id) = member(&read.id, "id")?;
        Ok(Self {
            account: member(&read.account, "account")?,
            hold: member(&read.hold, "hold")?,
            amount,
            ending,
            at: member(&read.at, "at")?,
            actor: member(&read.actor, "actor")?,
            id,
        })
    }
}

fn member<T: std::str::FromStr>(text: &str, name: &'static str) -> Result<T, Malformed> {
    text.parse().map_err(|_| Malformed::Member(name))
}

fn credits(value: i64, name: &'static str) -> Result<Credits, Malformed> {
    let credits = Credits::new(value).ok().filter(|credits| !credits.is_negative());
    credits.ok_or(Malformed::Member(name))
}

/// The parser's own words may quote the message, which is not for logs.
fn fault(error: &serde_json::Error) -> Malformed {
    if error.is_data() {
        Malformed::Shape(error.column())
    } else {
        Malformed::NotJson(error.column())
    }
}

#[cfg(test)]
mod tests;
