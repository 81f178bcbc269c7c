//! One entry with everything that is known of it, operators' notes included.

use jiff::Timestamp;
use ledger::{
    Credits,
    entry::{Cause, Entry},
    hold::Ending,
};
use serde::Serialize;

/// An entry as an admin reads it. Members that its kind does not have are left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownEntry {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) credits: Credits,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) charged: Option<Credits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl ShownEntry {
    pub(crate) fn of(entry: &Entry) -> Self {
        let mut shown = Self {
            id: entry.id.to_string(),
            kind: entry.cause.kind().as_str(),
            credits: entry.amount,
            at: entry.at,
            actor: entry.actor.to_string(),
            hold_id: None,
            status: None,
            charged: None,
            feature: None,
            model: None,
            quantity: None,
            price_version: None,
            source: None,
            expires_at: None,
            key: None,
            payment: None,
            note: None,
            reason: None,
        };
        shown.tell(entry);
        shown
    }

    fn tell(&mut self, entry: &Entry) {
        match &entry.cause {
            Cause::Hold(terms) => {
                self.hold_id = Some(entry.id.to_string());
                self.feature = Some(terms.feature.to_string());
                self.model = Some(terms.model.clone()).filter(|model| !model.is_empty());
                self.quantity = Some(terms.quantity);
                self.price_version = Some(terms.price_version);
                self.expires_at = Some(terms.expires_at);
            }
            Cause::Outcome { hold, ending } => {
                self.hold_id = Some(hold.to_string());
                self.status = Some(Ending::as_str(*ending));
                self.charged = Some(ending.charged());
            }
            Cause::Charge { hold } => {
                self.hold_id = Some(hold.to_string());
                self.charged = Some(entry.amount.negated());
            }
            Cause::Refund { hold, note } => {
                self.hold_id = Some(hold.to_string());
                self.note.clone_from(note);
            }
            Cause::Grant { source, key, expires_at, note } => {
                self.source = Some(source.as_str());
                self.key = key.as_ref().map(ToString::to_string);
                self.expires_at = *expires_at;
                self.note.clone_from(note);
            }
            Cause::Adjustment { reason } => self.reason.clone_from(reason),
            Cause::Expiry { source } => self.source = Some(source.as_str()),
            Cause::Clawback { key, payment } | Cause::Reinstatement { key, payment } => {
                self.key = Some(key.to_string());
                self.payment = Some(payment.clone());
            }
        }
    }
}
