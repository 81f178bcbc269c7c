//! The environment of a process, read through a lookup so that tests never touch the real one.
//!
//! What is missing or wrong in it stops the cold start with the variable's name, never a user's
//! request.

use std::{fmt, str::FromStr, sync::Arc};

use crate::BoxError;

/// Why a process cannot start. Names the variable, never its value.
#[derive(thiserror::Error)]
pub enum StartupError {
    /// A required environment variable is missing or empty.
    #[error("environment variable `{name}` is not set")]
    Missing {
        /// The variable's name.
        name: String,
    },
    /// An environment variable has a value that cannot be used.
    #[error("environment variable `{name}` is not valid: {reason}")]
    Invalid {
        /// The variable's name.
        name: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// The TLS library refused its own defaults.
    #[error("tls could not be set up")]
    Tls(#[source] BoxError),
}

/// A failed `main` prints its error with `Debug`; the operator should read the sentence.
impl fmt::Debug for StartupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Environment variables behind a lookup. Has no `Debug`: they may hold secrets.
#[derive(Clone)]
pub(crate) struct Environment(Arc<Lookup>);

impl Environment {
    pub(crate) fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Environment(Arc::new(lookup))
    }

    /// An empty value counts as missing: templates cannot leave a variable out.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<String, StartupError> {
        self.optional(name).ok_or_else(|| StartupError::Missing { name: name.to_owned() })
    }

    pub(crate) fn parsed<T>(&self, name: &str, default: T) -> Result<T, StartupError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let Some(value) = self.optional(name) else {
            return Ok(default);
        };
        value.parse().map_err(|reason: T::Err| StartupError::Invalid {
            name: name.to_owned(),
            reason: reason.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::new(|name| match name {
            "SET" => Some("seven".to_owned()),
            "NUMBER" => Some("7".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn an_empty_variable_counts_as_missing() {
        assert_eq!(environment().optional("SET").as_deref(), Some("seven"));
        assert_eq!(environment().optional("EMPTY"), None);
        assert_eq!(environment().parsed("EMPTY", 3).unwrap(), 3);
        let error = environment().required("EMPTY").unwrap_err();
        assert_eq!(error.to_string(), "environment variable `EMPTY` is not set");
    }

    #[test]
    fn a_default_stands_in_for_a_missing_variable_but_never_for_a_wrong_one() {
        assert_eq!(environment().parsed("NUMBER", 3_u64).unwrap(), 7);
        assert_eq!(environment().parsed("OTHER", 3_u64).unwrap(), 3);
        let error = environment().parsed("SET", 3_u64).unwrap_err();
        assert!(error.to_string().contains("`SET` is not valid"), "{error}");
        assert!(!error.to_string().contains("seven"), "{error}");
    }
}
