//! Settings as texts, read as what they mean. What is not set, or blank, has its default.

use std::{collections::BTreeMap, ops::RangeInclusive};

use ledger::Credits;

use crate::rule::InvalidAdminRule;

/// A setting that cannot be used; names it, and never repeats its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// Not an amount.
    #[error("setting `{0}` is not a whole number of credits, zero or above")]
    Credits(&'static str),
    /// Not a number, or outside its bounds.
    #[error("setting `{name}` is not a whole number from {least} to {most}")]
    Number {
        /// The setting.
        name: &'static str,
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
    /// Neither on nor off.
    #[error("setting `{0}` is not one of `1`, `true`, `yes`, `on`, `0`, `false`, `no`, `off`")]
    Toggle(&'static str),
    /// Not an address.
    #[error("setting `{0}` is not a url like `https://host`")]
    Url(&'static str),
    /// Names no admin.
    #[error(transparent)]
    Admins(#[from] InvalidAdminRule),
}

/// The values set, by name.
pub(super) struct Values<'a>(pub(super) &'a BTreeMap<String, String>);

impl<'a> Values<'a> {
    /// The text of a setting, if it is set and not blank.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// An amount, zero or above.
    pub(super) fn credits(
        &self,
        name: &'static str,
        default: i64,
    ) -> Result<Credits, InvalidSetting> {
        let value = self.get(name).map_or(Ok(default), str::parse).ok();
        let credits = value.and_then(|value: i64| Credits::new(value).ok());
        credits.filter(|credits| !credits.is_negative()).ok_or(InvalidSetting::Credits(name))
    }

    /// A number within bounds.
    pub(super) fn number(
        &self,
        name: &'static str,
        default: u32,
        bounds: RangeInclusive<u32>,
    ) -> Result<u32, InvalidSetting> {
        let value = self.get(name).map_or(Ok(default), str::parse).ok();
        value.filter(|value| bounds.contains(value)).ok_or(InvalidSetting::Number {
            name,
            least: *bounds.start(),
            most: *bounds.end(),
        })
    }

    /// On or off.
    pub(super) fn toggle(&self, name: &'static str, default: bool) -> Result<bool, InvalidSetting> {
        let Some(text) = self.get(name) else { return Ok(default) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(InvalidSetting::Toggle(name)),
        }
    }

    /// The base of URLs, without a slash at its end.
    pub(super) fn url(&self, name: &'static str, default: &str) -> Result<String, InvalidSetting> {
        let url = self.get(name).unwrap_or(default);
        let parsed = url.parse::<http::Uri>().ok();
        let usable = parsed.is_some_and(|uri| {
            uri.query().is_none()
                && uri.authority().is_some()
                && uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"))
        });
        if usable {
            Ok(url.trim_end_matches('/').to_owned())
        } else {
            Err(InvalidSetting::Url(name))
        }
    }
}
