//! Which entries are asked for.

use http_api::ApiError;
use jiff::Timestamp;
use ledger::{EntryId, entry::Kind};
use ledger_dynamodb::EntryFilter;

use crate::cursor;

/// Entries of a page that does not say how many it wants.
const LIMIT_DEFAULT: u32 = 50;

/// The most entries a page shows.
const LIMIT_MAX: u32 = 100;

/// `?kind=&feature=&since=&until=&limit=&cursor=`; `kind` may be there more than once, or be a
/// list separated by commas.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) filter: EntryFilter,
    pub(super) limit: Option<u32>,
    pub(super) after: Option<EntryId>,
}

impl Wanted {
    /// Reads the parameters; 400 with the name of the one that is not understood.
    pub(super) fn read(parameters: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        let mut seen = Vec::new();
        for (name, value) in parameters {
            if name != "kind" && seen.contains(&name) {
                return Err(ApiError::invalid_field(&*name, format!("`{name}` is there twice")));
            }
            wanted.take(&name, &value)?;
            seen.push(name);
        }
        Ok(wanted)
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT_DEFAULT)
    }

    /// Whether every entry is shown, so that a page need not look at more than it shows.
    pub(super) fn is_everything(&self) -> bool {
        let EntryFilter { kinds, feature, since, until } = &self.filter;
        kinds.is_empty() && feature.is_none() && since.is_none() && until.is_none()
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name {
            "kind" => {
                for kind in value.split(',') {
                    self.filter.kinds.insert(kind_of(kind)?);
                }
            }
            "feature" => {
                let feature = value.parse();
                self.filter.feature = Some(feature.map_err(|error| refused(name, &error))?);
            }
            "since" => self.filter.since = Some(time(name, value)?),
            "until" => self.filter.until = Some(time(name, value)?),
            "limit" => self.limit = Some(limit(value)?),
            "cursor" => self.after = cursor::decode(Some(value))?,
            _ => {
                let name: String = name.chars().take(100).collect();
                let detail = format!("`{name}` is not a known field");
                return Err(ApiError::invalid_field(name, detail));
            }
        }
        Ok(())
    }
}

fn kind_of(text: &str) -> Result<Kind, ApiError> {
    text.parse().map_err(|_| {
        let kinds = Kind::ALL.map(|kind| format!("`{kind}`")).join(", ");
        ApiError::invalid_field("kind", format!("`kind` must be some of {kinds}"))
    })
}

fn time(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    text.parse().map_err(|_| {
        let detail = format!("`{name}` must be a time such as `2026-11-20T12:00:00Z`");
        ApiError::invalid_field(name, detail)
    })
}

fn limit(text: &str) -> Result<u32, ApiError> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| {
        let detail = format!("`limit` must be a whole number from 1 to {LIMIT_MAX}");
        ApiError::invalid_field("limit", detail)
    })
}

fn refused(name: &str, error: &impl ToString) -> ApiError {
    ApiError::invalid_field(name, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Wanted, ApiError> {
        let owned =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Wanted::read(owned.collect())
    }

    #[test]
    fn kinds_can_be_repeated_and_listed() {
        let wanted = read(&[("kind", "grant,refund"), ("kind", "hold")]).unwrap();
        assert_eq!(wanted.filter.kinds, BTreeSet::from([Kind::Grant, Kind::Refund, Kind::Hold]));
        assert!(!wanted.is_everything());
        assert!(read(&[("limit", "7")]).unwrap().is_everything());
        assert_eq!(read(&[]).unwrap().limit(), 50);
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        for (parameters, field) in [
            (&[("kind", "grants")][..], "kind"),
            (&[("kind", "grant,")], "kind"),
            (&[("feature", "Not A Feature")], "feature"),
            (&[("since", "yesterday")], "since"),
            (&[("until", "2026-11-20")], "until"),
            (&[("limit", "0")], "limit"),
            (&[("limit", "101")], "limit"),
            (&[("limit", "1"), ("limit", "2")], "limit"),
            (&[("cursor", "x")], "cursor"),
            (&[("page", "2")], "page"),
        ] {
            let error = read(parameters).unwrap_err();
            assert_eq!(error.document()["field"], field, "{parameters:?}");
        }
    }
}
