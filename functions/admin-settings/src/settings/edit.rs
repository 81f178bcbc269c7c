//! A change of a setting: claimed in the table, then written to the parameter store.

use admin::{IfMatch, changed_meanwhile, unreadable};
use directory::{
    Operation,
    setting_changes::{Claimed, SettingChange},
};
use http::StatusCode;
use http_api::{ApiError, Json};

use super::{Parameter, Parameters, Setting, Shown, WrittenSetting, find, unavailable};
use crate::AdminSettings;

type Request = (Result<IfMatch, ApiError>, Result<Json<WrittenSetting>, ApiError>);

/// The parameter of a setting; `None` where there is none.
pub(super) async fn current(
    parameters: &Parameters,
    setting: &'static Setting,
) -> Result<Option<Parameter>, ApiError> {
    let found = parameters.read(&[setting.name]).await.map_err(unavailable)?;
    Ok(found.into_values().next())
}

/// Sets the setting `name`, if it still has the version the admin has seen.
pub(super) async fn put(
    function: &AdminSettings,
    name: &str,
    (if_match, body): Request,
    operation: &mut Operation,
) -> Result<Shown, ApiError> {
    let setting = find(name)?;
    if !setting.is_editable() {
        let detail = "this setting belongs to the stack or is set by hand, with access to it";
        return Err(ApiError::new(StatusCode::CONFLICT, "setting_read_only", detail));
    }
    let (IfMatch(from), Json(written)) = (if_match?, body?);
    let text = written.text()?;
    let value = setting.accept(&text).map_err(|why| {
        ApiError::invalid_field("value", format!("`{name}` cannot be set to that: {why}"))
    })?;
    operation.details.insert("value".to_owned(), value.clone());
    let change = SettingChange {
        name: setting.name.to_owned(),
        from,
        version: from.saturating_add(1),
        value,
        by: operation.actor.clone(),
        at: operation.at,
        operation: operation.id,
    };
    let parameter = current(&function.parameters, setting).await?;
    if let Some(before) = &parameter {
        operation.details.insert("before".to_owned(), before.value.clone());
    }
    let parameter = claim_and_write(function, &change, parameter).await?;
    operation.details.insert("version".to_owned(), parameter.version.to_string());
    let change = SettingChange { version: parameter.version, ..change };
    Ok(Shown::of(setting, Some(parameter), Some(change)))
}

/// Writes the parameter, once its version is claimed; the parameter as it is then.
async fn claim_and_write(
    function: &AdminSettings,
    change: &SettingChange,
    parameter: Option<Parameter>,
) -> Result<Parameter, ApiError> {
    let directory = &function.admin.directory;
    let current = parameter.as_ref().map_or(0, |parameter| parameter.version);
    if current != change.from {
        return repeated(function, change, parameter).await;
    }
    match directory.claim_setting(change).await.map_err(unreadable)? {
        Claimed::Yes => {}
        Claimed::Taken(other) => return Err(changed_meanwhile(other.version)),
    }
    let written = function.parameters.write(&change.name, &change.value).await;
    let version = written.map_err(unavailable)?;
    if version != change.version {
        // The parameter store takes no condition: what was written there in between is overwritten,
        // and stays in its history.
        tracing::warn!(
            setting = change.name,
            version,
            expected = change.version,
            "a setting was written elsewhere while it was changed here"
        );
        let corrected =
            directory.correct_setting_version(&change.name, change.operation, version).await;
        corrected.map_err(unreadable)?;
    }
    Ok(Parameter { value: change.value.clone(), version, modified_at: Some(change.at) })
}

/// Whose answer was lost asks again, and finds their own change; anybody else has come too late.
async fn repeated(
    function: &AdminSettings,
    change: &SettingChange,
    parameter: Option<Parameter>,
) -> Result<Parameter, ApiError> {
    let directory = &function.admin.directory;
    let last = directory.setting_change(&change.name).await.map_err(unreadable)?;
    let current = parameter.as_ref().map_or(0, |parameter| parameter.version);
    let theirs = |change: &SettingChange| (change.from, change.value.clone(), change.by.clone());
    let found = parameter.zip(last).filter(|(parameter, last)| {
        current > change.from && theirs(last) == theirs(change) && parameter.value == last.value
    });
    let Some((parameter, last)) = found else {
        return Err(changed_meanwhile(current));
    };
    if last.version != current {
        // The client of the parameter store repeats by itself what got no answer.
        let operation = last.operation;
        let corrected = directory.correct_setting_version(&last.name, operation, current).await;
        corrected.map_err(unreadable)?;
    }
    Ok(parameter)
}
