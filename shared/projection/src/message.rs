//! A message of the retry queue that asks to show balances, version 1.
//!
//! | member | is |
//! |---|---|
//! | `version` | 1 |
//! | `kind` | `project` |
//! | `accounts` | whose balances to show, 1 to 50 |
//! | `since` | also those that are known to be shown, unless that was after this time. Left out where there is none |

use jiff::Timestamp;
use ledger::AccountId;
use serde::{Deserialize, Serialize};

/// The one version there is.
const VERSION: u64 = 1;

/// The kind in every such message.
const KIND: &str = "project";

/// The most accounts in one message: at the rate of the smallest Clerk instance, half of what a
/// worker has time for.
pub const ACCOUNTS_MAX: usize = 50;

/// Whose balances are to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The accounts, at most [`ACCOUNTS_MAX`] in what is sent.
    pub accounts: Vec<AccountId>,
    /// What was shown up to this time does not count as shown: a call that was given up then may
    /// still arrive at Clerk, behind a newer one. A time and not a yes or no, so that of many
    /// messages about one account the first that is done is enough.
    pub since: Option<Timestamp>,
}

/// A message that is none of ours. It says nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or its members are others.
    #[error("the message is no projection of version 1, seen at column {0}")]
    Shape(usize),
    /// A member has a value it cannot have.
    #[error("its member `{0}` has a value it cannot have")]
    Member(&'static str),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u64,
    kind: String,
    accounts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

impl Project {
    /// Shows these accounts unless it is known that they are shown.
    pub fn new(accounts: Vec<AccountId>) -> Self {
        Self { accounts, since: None }
    }

    /// Reads a message's body.
    pub fn parse(body: &str) -> Result<Self, Malformed> {
        let wire: Wire =
            serde_json::from_str(body).map_err(|error| Malformed::Shape(error.column()))?;
        if wire.version != VERSION {
            return Err(Malformed::Member("version"));
        }
        if wire.kind != KIND {
            return Err(Malformed::Member("kind"));
        }
        let accounts = wire.accounts.iter().map(|id| AccountId::parse(id));
        let accounts: Vec<_> =
            accounts.collect::<Result<_, _>>().map_err(|_| Malformed::Member("accounts"))?;
        if accounts.is_empty() {
            return Err(Malformed::Member("accounts"));
        }
        Ok(Self { accounts, since: wire.since })
    }

    /// The bodies that ask for this: one for every [`ACCOUNTS_MAX`] accounts.
    pub fn bodies(&self) -> Vec<String> {
        let body = |accounts: &[AccountId]| {
            let accounts = accounts.iter().map(ToString::to_string).collect();
            let (kind, since) = (KIND.to_owned(), self.since);
            let wire = Wire { version: VERSION, kind, accounts, since };
            // INVARIANT: plain strings and numbers always serialise.
            serde_json::to_string(&wire).unwrap_or_default()
        };
        self.accounts.chunks(ACCOUNTS_MAX).map(body).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(count: usize) -> Vec<AccountId> {
        (0..count).map(|n| AccountId::parse(&format!("user_{n}")).unwrap()).collect()
    }

    #[test]
    fn what_is_sent_is_read_back_fifty_accounts_at_a_time() {
        let since = Some("2026-11-20T12:00:00Z".parse().unwrap());
        let sent = Project { accounts: accounts(101), since };
        let read: Vec<Project> =
            sent.bodies().iter().map(|body| Project::parse(body).unwrap()).collect();
        assert_eq!(read.iter().map(|one| one.accounts.len()).collect::<Vec<_>>(), [50, 50, 1]);
        assert!(read.iter().all(|one| one.since == since));
        let all: Vec<_> = read.into_iter().flat_map(|one| one.accounts).collect();
        assert_eq!(all, sent.accounts);
    }

    #[test]
    fn the_usual_message_is_its_three_members() {
        let bodies = Project::new(accounts(2)).bodies();
        let expected = r#"{"version":1,"kind":"project","accounts":["user_0","user_1"]}"#;
        assert_eq!(bodies, [expected]);
    }

    #[test]
    fn a_message_that_is_none_says_where_and_not_what() {
        for (body, said) in [
            ("secret", "no projection of version 1, seen at column 1"),
            (r#"{"version":2,"kind":"project","accounts":["user_1"]}"#, "`version`"),
            (r#"{"version":1,"kind":"sync","accounts":["user_1"]}"#, "`kind`"),
            (r#"{"version":1,"kind":"project","accounts":[]}"#, "`accounts`"),
            (r#"{"version":1,"kind":"project","accounts":["secret"]}"#, "`accounts`"),
            (r#"{"version":1,"kind":"project","accounts":["user_1"],"secret":1}"#, "column"),
        ] {
            let error = Project::parse(body).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{body}: {error}");
        }
    }
}
