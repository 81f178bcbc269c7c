//! Who changed a setting last, and when: a row per setting, which is also the lock that two edits
//! of one version of the setting meet at.
//!
//! The parameter store counts versions and takes no condition on them. So an edit first claims the
//! version it was made from, here, and writes the parameter only then. Of two edits from one
//! version one finds the claim of the other. An edit that stopped halfway is repeated by whoever
//! made it, or made anew by anybody once the claim is old.

use jiff::{SignedDuration, Timestamp, fmt::serde::timestamp::millisecond};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{
    Directory,
    conditional::{self, Written},
    error::DirectoryError,
    item::{self, as_text, number, text},
    key::{self, PK, SK},
};

/// How long a claim keeps others out: longer than a function may run, so that after it nobody is
/// about to write the parameter any more.
pub const CLAIM_STANDS: SignedDuration = SignedDuration::from_secs(60);

/// The last edit of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// The setting.
    #[serde(rename = "sk")]
    pub name: String,
    /// The version of the parameter that it was made from; 0 where there was none.
    pub from: u64,
    /// The version of the parameter that it made. Where the parameter has another one, somebody
    /// has changed it elsewhere since, or the edit stopped halfway.
    pub version: u64,
    /// What it was set to.
    pub value: String,
    /// Who did it, such as `admin:user_1`.
    pub by: String,
    /// When.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
    /// The operation it is recorded as.
    #[serde(with = "as_text")]
    pub operation: Ulid,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The parameter may be written.
    Yes,
    /// Another edit has that version, or one after it: this one.
    Taken(SettingChange),
}

impl Directory {
    /// Claims the version `change.from` of a setting. The same edit by the same admin may claim it
    /// again; any other only once the claim is older than [`CLAIM_STANDS`].
    pub async fn claim_setting(&self, change: &SettingChange) -> Result<Claimed, DirectoryError> {
        let item = item::write(key::SETTINGS, &change.name, change)?;
        let stale = change.at.as_millisecond().saturating_sub(millis(CLAIM_STANDS));
        let free = "attribute_not_exists(pk) OR #from < :from OR #at < :stale \
                    OR (#from = :from AND #value = :value AND #by = :by)";
        let request = self
            .client
            .put_item()
            .table_name(&self.state_table)
            .set_item(Some(item))
            .condition_expression(free)
            .expression_attribute_names("#from", "from")
            .expression_attribute_names("#value", "value")
            .expression_attribute_names("#by", "by")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":from", number(change.from))
            .expression_attribute_values(":value", text(&change.value))
            .expression_attribute_values(":by", text(&change.by))
            .expression_attribute_values(":stale", number(stale));
        match conditional::put(request).await? {
            Written::Done(_) => Ok(Claimed::Yes),
            Written::Refused(item) => item::read(item.unwrap_or_default()).map(Claimed::Taken),
        }
    }

    /// Corrects the version that an edit made, where the parameter was written elsewhere between
    /// its claim and its write. Nothing is done where a later edit has the row.
    pub async fn correct_setting_version(
        &self,
        name: &str,
        operation: Ulid,
        version: u64,
    ) -> Result<(), DirectoryError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.state_table)
            .key(PK, text(key::SETTINGS))
            .key(SK, text(name))
            .update_expression("SET #version = :version")
            .condition_expression("#operation = :operation")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#operation", "operation")
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":operation", text(operation));
        conditional::update(request).await.map(drop)
    }

    /// The last edit of a setting; `None` where it was never edited through this product.
    pub async fn setting_change(
        &self,
        name: &str,
    ) -> Result<Option<SettingChange>, DirectoryError> {
        self.row(key::SETTINGS, name).await
    }

    /// The last edit of every setting that was ever edited, by name.
    pub async fn setting_changes(&self) -> Result<Vec<SettingChange>, DirectoryError> {
        let query = self.partition(key::SETTINGS).consistent_read(true);
        item::read_all(self.items(query, None).await?)
    }
}

fn millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
