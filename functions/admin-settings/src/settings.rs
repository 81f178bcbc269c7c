//! `/api/admin/settings`: what an operator can change while everything runs.
//!
//! A setting is a parameter of the parameter store, which every function reads again within a
//! minute. Its version is the version of the parameter: 0 while there is none.

mod catalogue;
mod edit;
mod parameters;

use std::collections::BTreeMap;

use admin::{Admin, IfMatch, etag, unreadable};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use directory::setting_changes::SettingChange;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, ETAG},
};
use http_api::{ApiError, Json, Path, Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use startup::{BoxError, error_chain};

pub(crate) use self::parameters::Parameters;
use self::{
    catalogue::{SETTINGS, Setting},
    parameters::Parameter,
};
use crate::{AdminSettings, FUNCTION, NoParameters};

/// A setting as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    name: &'static str,
    /// What counts; `null` where nothing is set and nothing counts instead.
    value: Option<String>,
    default: Option<&'static str>,
    /// `parameter` or `default`.
    source: &'static str,
    /// Whether the functions can use the value.
    usable: bool,
    editable: bool,
    version: u64,
    changed_by: Option<String>,
    changed_at: Option<Timestamp>,
    /// Whether the last change was not made here: at the deployment, or by hand.
    changed_elsewhere: bool,
}

#[derive(Serialize)]
struct List {
    settings: Vec<Shown>,
}

/// The body of a change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSetting {
    value: Value,
}

/// `GET /api/admin/settings`: all of them, in one answer.
pub(crate) async fn list(
    _: Admin,
    State(function): State<AdminSettings>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let names = SETTINGS.map(|setting| setting.name);
    let (parameters, changes) =
        tokio::join!(function.parameters.read(&names), function.admin.directory.setting_changes());
    let (mut parameters, changes) =
        (parameters.map_err(unavailable)?, changes.map_err(unreadable)?);
    let mut changes: BTreeMap<String, SettingChange> =
        changes.into_iter().map(|change| (change.name.clone(), change)).collect();
    let shown = |setting: &'static Setting| {
        Shown::of(setting, parameters.remove(setting.name), changes.remove(setting.name))
    };
    let settings = SETTINGS.iter().map(shown).collect();
    Ok((uncached(), Json(List { settings })).into_response())
}

/// `GET /api/admin/settings/{name}`
pub(crate) async fn show(
    _: Admin,
    State(function): State<AdminSettings>,
    Path(name): Path<String>,
    Query(NoParameters {}): Query<NoParameters>,
) -> Result<Response, ApiError> {
    let setting = find(&name)?;
    let (parameter, change) = tokio::join!(
        edit::current(&function.parameters, setting),
        function.admin.directory.setting_change(setting.name)
    );
    Ok(Shown::of(setting, parameter?, change.map_err(unreadable)?).into_response())
}

/// `PUT /api/admin/settings/{name}`
pub(crate) async fn change(
    admin: Admin,
    State(function): State<AdminSettings>,
    Path(name): Path<String>,
    if_match: Result<IfMatch, ApiError>,
    body: Result<Json<WrittenSetting>, ApiError>,
) -> Result<Response, ApiError> {
    let mut operation = admin.operation(FUNCTION, "setting", Some(name.clone()));
    let done = edit::put(&function, &name, (if_match, body), &mut operation).await;
    Ok(function.recorded(operation, done).await?.into_response())
}

fn find(name: &str) -> Result<&'static Setting, ApiError> {
    catalogue::find(name).ok_or_else(|| {
        let detail = "there is no setting of this name";
        ApiError::new(StatusCode::NOT_FOUND, "no_setting", detail)
    })
}

impl WrittenSetting {
    /// What was written, as the text a parameter holds.
    fn text(&self) -> Result<String, ApiError> {
        match &self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(on) => Ok(on.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let detail = "`value` must be a text, a number, `true` or `false`";
                Err(ApiError::invalid_field("value", detail))
            }
        }
    }
}

impl Shown {
    fn of(
        setting: &'static Setting,
        parameter: Option<Parameter>,
        change: Option<SettingChange>,
    ) -> Self {
        let Parameter { value, version, modified_at } = parameter.unwrap_or_default();
        // Blanks are taken off, and nothing is as good as not set: that is how functions read it.
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        let change = change.filter(|change| change.version == version && version > 0);
        Self {
            name: setting.name,
            usable: value.as_ref().is_none_or(|value| setting.is_usable(value)),
            source: if value.is_some() { "parameter" } else { "default" },
            value: value.or_else(|| setting.default.map(str::to_owned)),
            default: setting.default,
            editable: setting.is_editable(),
            version,
            changed_elsewhere: version > 0 && change.is_none(),
            changed_at: change.as_ref().map(|change| change.at).or(modified_at),
            changed_by: change.map(|change| change.by),
        }
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let etag = [(ETAG, etag(self.version))];
        (uncached(), etag, Json(self)).into_response()
    }
}

fn uncached() -> [(http::HeaderName, HeaderValue); 1] {
    [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

/// The parameter store gave no answer (503).
fn unavailable(error: impl Into<BoxError>) -> ApiError {
    let error = error.into();
    let error = error_chain(error.as_ref());
    tracing::error!(error, "the parameter store gave no answer");
    let detail = "the parameter store cannot be reached; if this was a change, it may have been \
                  made: send it again as it was";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "settings_unavailable", detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, parameter: Option<(&str, u64)>, changed: Option<u64>) -> Shown {
        let parameter = parameter.map(|(value, version)| Parameter {
            value: value.to_owned(),
            version,
            modified_at: Some("2026-11-20T11:00:00Z".parse().unwrap()),
        });
        let change = changed.map(|version| SettingChange {
            name: name.to_owned(),
            from: version - 1,
            version,
            value: "?".to_owned(),
            by: "admin:user_admin".to_owned(),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            operation: "01JD3Q0000000000000000000A".parse().unwrap(),
        });
        Shown::of(find(name).unwrap(), parameter, change)
    }

    #[test]
    fn what_is_not_set_has_its_default_and_nobody_changed_it() {
        let unset = shown("LOW_BALANCE", None, None);
        assert_eq!(
            (unset.value.as_deref(), unset.source, unset.version),
            (Some("10"), "default", 0)
        );
        assert!(!unset.changed_elsewhere && unset.changed_at.is_none() && unset.usable);
        let blank = shown("LOW_BALANCE", Some((" ", 1)), None);
        assert_eq!(
            (blank.value.as_deref(), blank.source, blank.version),
            (Some("10"), "default", 1)
        );
    }

    #[test]
    fn who_changed_it_is_said_only_while_the_parameter_is_what_they_made() {
        let ours = shown("LOW_BALANCE", Some(("7", 3)), Some(3));
        assert_eq!(ours.changed_by.as_deref(), Some("admin:user_admin"));
        assert!(!ours.changed_elsewhere);
        for version in [2, 4] {
            let theirs = shown("LOW_BALANCE", Some(("7", version)), Some(3));
            assert!(theirs.changed_elsewhere && theirs.changed_by.is_none());
            assert_eq!(theirs.changed_at.unwrap().to_string(), "2026-11-20T11:00:00Z");
        }
        // A claim whose parameter was never written says nothing of it.
        let halfway = shown("LOW_BALANCE", None, Some(1));
        assert!(halfway.changed_by.is_none() && !halfway.changed_elsewhere);
    }

    #[test]
    fn a_value_that_cannot_be_used_says_so() {
        assert!(!shown("LOW_BALANCE", Some(("few", 1)), None).usable);
        assert!(!shown("CREDITS_ENABLED", Some(("offf", 1)), None).usable);
        assert!(shown("PROVIDER_MODELS", Some(("*", 1)), None).usable);
    }
}
