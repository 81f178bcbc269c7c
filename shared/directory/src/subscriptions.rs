//! What accounts have subscribed to, as the payment provider last described it.

use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use ledger::AccountId;
use serde::{Deserialize, Serialize};

use crate::{
    Directory,
    conditional::{Written, put},
    error::DirectoryError,
    item::{self, as_text, number, text},
    key,
};

/// One subscription item of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Who pays.
    #[serde(with = "as_text")]
    pub account: AccountId,
    /// The provider's item, with the provider's name before it: `clerk:…`.
    pub item: String,
    /// The provider's plan, by its id.
    pub plan: String,
    /// The provider's plan, by its readable name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_slug: Option<String>,
    /// The provider's word, such as `active` or `canceled`.
    pub status: String,
    /// When the current period began.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub period_start: Option<Timestamp>,
    /// When the current period ends; none of a plan without an end.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub period_end: Option<Timestamp>,
    /// The version: when the provider last changed it, in whole milliseconds.
    #[serde(with = "millisecond::required")]
    pub updated_at: Timestamp,
}

impl Directory {
    /// Keeps the subscription unless one of the same version or a newer one is kept: `false`.
    pub async fn upsert_subscription(
        &self,
        subscription: &Subscription,
    ) -> Result<bool, DirectoryError> {
        let pk = key::account(&subscription.account);
        let item = item::write(&pk, &key::subscription(&subscription.item), subscription)?;
        let request = self
            .client
            .put_item()
            .table_name(&self.state_table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR updated_at < :version")
            .expression_attribute_values(
                ":version",
                number(subscription.updated_at.as_millisecond()),
            );
        Ok(matches!(put(request).await?, Written::Done(_)))
    }

    /// Every subscription of the account that was ever known, by its provider's item.
    pub async fn subscriptions(
        &self,
        account: &AccountId,
    ) -> Result<Vec<Subscription>, DirectoryError> {
        let query = self
            .partition(&key::account(account))
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":prefix", text(key::SUBSCRIPTION_PREFIX));
        item::read_all(self.items(query, None).await?)
    }
}
