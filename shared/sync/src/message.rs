//! A message of the retry queue that asks for a step of a run, version 1.
//!
//! | member | is |
//! |---|---|
//! | `version` | 1 |
//! | `kind` | `sync` |
//! | `run` | the run's id |
//! | `step` | the step, from 1 |

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The one version there is.
const VERSION: u64 = 1;

/// The kind in every such message.
const KIND: &str = "sync";

/// Which step of which run is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The run.
    pub run: Ulid,
    /// The step, from 1.
    pub step: u32,
}

/// A message that is none of ours. It says nothing of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or its members are others.
    #[error("the message is no sync step of version 1, seen at column {0}")]
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
    run: String,
    step: u32,
}

impl Message {
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
        if wire.step == 0 {
            return Err(Malformed::Member("step"));
        }
        let run = Ulid::from_string(&wire.run).map_err(|_| Malformed::Member("run"))?;
        Ok(Self { run, step: wire.step })
    }

    /// The body that asks for this.
    pub fn body(&self) -> String {
        let (run, kind) = (self.run.to_string(), KIND.to_owned());
        let wire = Wire { version: VERSION, kind, run, step: self.step };
        // INVARIANT: plain strings and numbers always serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "01KAGZ00000000000000000000";

    #[test]
    fn what_is_sent_is_read_back() {
        let message = Message { run: Ulid::from_string(RUN).unwrap(), step: 7 };
        let body = format!(r#"{{"version":1,"kind":"sync","run":"{RUN}","step":7}}"#);
        assert_eq!(message.body(), body);
        assert_eq!(Message::parse(&body).unwrap(), message);
    }

    #[test]
    fn a_message_that_is_none_says_where_and_not_what() {
        for (body, said) in [
            ("secret".to_owned(), "no sync step of version 1"),
            (format!(r#"{{"version":2,"kind":"sync","run":"{RUN}","step":1}}"#), "`version`"),
            (format!(r#"{{"version":1,"kind":"project","run":"{RUN}","step":1}}"#), "`kind`"),
            (format!(r#"{{"version":1,"kind":"sync","run":"{RUN}","step":0}}"#), "`step`"),
            (r#"{"version":1,"kind":"sync","run":"secret","step":1}"#.to_owned(), "`run`"),
        ] {
            let error = Message::parse(&body).unwrap_err().to_string();
            assert!(error.contains(said) && !error.contains("secret"), "{body}: {error}");
        }
    }
}
