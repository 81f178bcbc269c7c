//! What a message asks for.

use serde::Deserialize;

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Settle,
    Project,
    Sync,
    /// Of a later version, or nobody's.
    Unknown,
}

#[derive(Deserialize)]
struct Marked {
    kind: Option<String>,
}

impl Kind {
    /// What this body asks for. One without a kind is a settle, or nothing at all, which reading
    /// it as a settle tells best.
    pub(crate) fn of(body: &str) -> Self {
        let Ok(Marked { kind: Some(kind) }) = serde_json::from_str(body) else {
            return Self::Settle;
        };
        match kind.as_str() {
            "project" => Self::Project,
            "sync" => Self::Sync,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_it_asks_for_and_an_old_one_asks_for_a_settle() {
        for (body, expected) in [
            (r#"{"version":1,"hold":"x"}"#, Kind::Settle),
            ("no json", Kind::Settle),
            (r#"{"version":1,"kind":"project"}"#, Kind::Project),
            (r#"{"version":9,"kind":"sync"}"#, Kind::Sync),
            (r#"{"version":1,"kind":"inbox"}"#, Kind::Unknown),
        ] {
            assert_eq!(Kind::of(body), expected, "{body}");
        }
    }
}
