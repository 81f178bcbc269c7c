//! What is asked of a run, read strictly.

use directory::runs::{Position, RunOptions};
use http::HeaderMap;
use http_api::ApiError;
use ledger::Credits;
use serde::Deserialize;

use crate::cursor;

/// The most users or items on a page: what Clerk gives at once.
const PAGE_SIZE_MAX: u16 = 500;

/// The body of `POST /api/admin/users/sync`.
#[expect(clippy::struct_excessive_bools, reason = "clients send these members one by one")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "yes")]
    sync_users: bool,
    #[serde(default = "yes")]
    sync_plans: bool,
    #[serde(default)]
    set_credits: bool,
    override_credits: Option<i64>,
    #[serde(default = "page_size_max")]
    page_size: u16,
    max_pages: Option<u32>,
    #[serde(default)]
    debug: bool,
    #[serde(default)]
    dry_run: bool,
    confirm: Option<u64>,
    cursor: Option<String>,
}

/// A request that makes sense.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) options: RunOptions,
    pub(crate) confirm: Option<u64>,
    pub(crate) from: Option<Position>,
}

fn yes() -> bool {
    true
}

fn page_size_max() -> u16 {
    PAGE_SIZE_MAX
}

impl Request {
    /// Checks the members; 400 `invalid_field` names one that cannot be.
    pub(crate) fn checked(self) -> Result<Asked, ApiError> {
        if !(1..=PAGE_SIZE_MAX).contains(&self.page_size) {
            let detail = format!("`pageSize` is from 1 to {PAGE_SIZE_MAX}");
            return Err(ApiError::invalid_field("pageSize", detail));
        }
        if self.max_pages == Some(0) {
            return Err(ApiError::invalid_field("maxPages", "`maxPages` is at least 1"));
        }
        if self.set_credits && self.override_credits.is_some() {
            let detail = "`overrideCredits` and `setCredits` exclude one another";
            return Err(ApiError::invalid_field("overrideCredits", detail));
        }
        let options = RunOptions {
            sync_users: self.sync_users,
            sync_plans: self.sync_plans,
            set_credits: self.set_credits,
            override_credits: self.override_credits.map(credits).transpose()?,
            page_size: self.page_size,
            max_pages: self.max_pages,
            debug: self.debug,
            dry_run: self.dry_run,
        };
        if !options.walks_users() && !options.walks_plans() {
            let detail = "nothing is asked for: `syncUsers`, `syncPlans`, `setCredits` and \
                          `overrideCredits` are all off";
            return Err(ApiError::invalid_field("syncUsers", detail));
        }
        let from = cursor::position(self.cursor.as_deref())?;
        Ok(Asked { options, confirm: self.confirm, from })
    }
}

fn credits(value: i64) -> Result<Credits, ApiError> {
    let credits = Credits::new(value).ok().filter(|credits| !credits.is_negative());
    credits.ok_or_else(|| {
        let detail = "`overrideCredits` is a whole number from 0 to 1000000000000";
        ApiError::invalid_field("overrideCredits", detail)
    })
}

/// Whether the caller would rather not wait: `Prefer: respond-async`.
pub(crate) fn prefers_not_to_wait(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    preferences.any(|preference| {
        let name = preference.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("respond-async")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Result<Asked, String> {
        let request: Request =
            http_api::from_json(body.as_bytes()).map_err(|error| field(&error))?;
        request.checked().map_err(|error| field(&error))
    }

    fn field(error: &ApiError) -> String {
        error.document()["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn users_and_plans_are_taken_over_and_no_credits_moved_unless_that_is_asked_for() {
        let Asked { options, confirm, from } = check("{}").unwrap();
        let expected = RunOptions {
            sync_users: true,
            sync_plans: true,
            set_credits: false,
            override_credits: None,
            page_size: 500,
            max_pages: None,
            debug: false,
            dry_run: false,
        };
        assert_eq!((options, confirm, from), (expected, None, None));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_name() {
        for (body, expected) in [
            (r#"{"pageSize": 0}"#, "pageSize"),
            (r#"{"pageSize": 501}"#, "pageSize"),
            (r#"{"maxPages": 0}"#, "maxPages"),
            (r#"{"setCredits": true, "overrideCredits": 5}"#, "overrideCredits"),
            (r#"{"overrideCredits": -1}"#, "overrideCredits"),
            (r#"{"overrideCredits": 1000000000001}"#, "overrideCredits"),
            (r#"{"overrideCredits": 1.5}"#, "overrideCredits"),
            (r#"{"syncUsers": false, "syncPlans": false}"#, "syncUsers"),
            (r#"{"cursor": "rubbish"}"#, "cursor"),
            (r#"{"pagesize": 5}"#, "pagesize"),
        ] {
            assert_eq!(check(body).unwrap_err(), expected, "{body}");
        }
        for body in [
            r#"{"pageSize": 500, "maxPages": 1}"#,
            r#"{"overrideCredits": 1000000000000}"#,
            r#"{"overrideCredits": 0}"#,
            r#"{"syncUsers": false, "syncPlans": false, "setCredits": true}"#,
        ] {
            check(body).unwrap();
        }
    }

    #[test]
    fn a_preference_is_found_among_others() {
        for (value, expected) in [
            ("respond-async", true),
            ("Respond-Async", true),
            ("return=minimal, respond-async; wait=5", true),
            ("wait=5", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("prefer"),
                value.parse().unwrap(),
            )]);
            assert_eq!(prefers_not_to_wait(&headers), expected, "{value}");
        }
    }
}
