//! The users in the order they signed up. One nobody has touched is an id and a time.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::owners::Owners;
use super::reply::Fault;

/// When the first user signed up, in milliseconds since 1970.
const FIRST_MS: i64 = 1_716_883_200_000;

/// Every order there is. The users of the stand-in differ in the first four only.
const ORDERS: [&str; 10] = [
    "created_at",
    "updated_at",
    "email_address",
    "last_name",
    "first_name",
    "web3wallet",
    "phone_number",
    "username",
    "last_active_at",
    "last_sign_in_at",
];

#[derive(Debug, Default)]
pub(super) struct Users {
    /// By when they signed up; `None` where one was removed.
    all: Vec<Option<Arc<str>>>,
    places: HashMap<Arc<str>, u32>,
    pub(super) owners: Owners,
}

/// The question of a list.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) limit: usize,
    pub(super) offset: usize,
    pub(super) starting_after: Option<String>,
    pub(super) order_by: Option<String>,
    /// Only these, where there are any.
    pub(super) ids: Vec<String>,
}

impl Users {
    pub(super) fn add_many(&mut self, count: usize) {
        for _ in 0..count {
            let id = format!("user_{}", self.all.len().saturating_add(1));
            self.add(&id);
        }
    }

    pub(super) fn add(&mut self, id: &str) {
        if self.places.contains_key(id) {
            return;
        }
        let id: Arc<str> = id.into();
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.places.insert(Arc::clone(&id), place);
        self.all.push(Some(id));
    }

    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(place) = self.places.remove(id) else { return false };
        if let Some(user) = self.all.get_mut(index(place)) {
            *user = None;
        }
        self.owners.forget(id);
        true
    }

    pub(super) fn set_email(&mut self, id: &str, email: &str, now_ms: i64) {
        if self.contains(id) {
            self.owners.set_email(id, email, now_ms);
        }
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.places.contains_key(id)
    }

    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    /// When the next user signs up.
    pub(super) fn next_ms(&self) -> i64 {
        created_ms(self.all.len())
    }

    pub(super) fn json(&self, id: &str) -> Option<Value> {
        let place = index(*self.places.get(id)?);
        Some(self.user(id, place))
    }

    /// A page of users; a fault names the parameter.
    pub(super) fn list(&self, wanted: &Wanted) -> Result<Vec<Value>, Fault> {
        let order_by = wanted.order_by.as_deref().unwrap_or("-created_at");
        let descending = order_by.starts_with('-');
        let order = order_by.trim_start_matches(['+', '-', ' ']);
        if !ORDERS.contains(&order) {
            return Err(Fault::invalid("order_by"));
        }
        if wanted.starting_after.is_some() && (order != "created_at" || wanted.offset > 0) {
            return Err(Fault::invalid("starting_after"));
        }
        let mut skip = wanted.offset;
        let mut places: Vec<usize> = if wanted.ids.is_empty() {
            (0..self.all.len()).collect()
        } else {
            let known = wanted.ids.iter().filter_map(|id| self.places.get(id.as_str()));
            known.map(|place| index(*place)).collect()
        };
        self.sort(&mut places, order);
        if descending {
            places.reverse();
        }
        if let Some(last) = &wanted.starting_after {
            let last = self.places.get(last.as_str()).map(|place| index(*place));
            let last = last.ok_or_else(|| Fault::invalid("starting_after"))?;
            skip = places.iter().position(|place| *place == last).map_or(usize::MAX, |at| at + 1);
        }
        let users = places.into_iter().skip(skip).filter_map(|place| {
            let id = self.all.get(place)?.as_deref()?;
            Some(self.user(id, place))
        });
        Ok(users.take(wanted.limit).collect())
    }

    fn sort(&self, places: &mut Vec<usize>, order: &str) {
        places.retain(|place| matches!(self.all.get(*place), Some(Some(_))));
        places.sort_unstable();
        let id = |place: usize| self.all.get(place).and_then(Option::as_deref).unwrap_or_default();
        match order {
            "updated_at" => places.sort_by_key(|place| self.updated_ms(id(*place), *place)),
            "email_address" => places.sort_by_key(|place| self.email(id(*place))),
            "last_name" => places.sort_by_key(|place| last_name(id(*place))),
            _ => {}
        }
    }

    fn updated_ms(&self, id: &str, place: usize) -> i64 {
        self.owners.get(id).updated_ms().unwrap_or_else(|| created_ms(place))
    }

    fn email(&self, id: &str) -> String {
        let given = self.owners.get(id).email().map(ToOwned::to_owned);
        given.unwrap_or_else(|| format!("{}@example.com", id.replace('_', "")))
    }

    fn user(&self, id: &str, place: usize) -> Value {
        let owner = self.owners.get(id);
        let created_ms = created_ms(place);
        let address = format!("idn_{}", id.trim_start_matches("user_"));
        json!({
            "id": id,
            "object": "user",
            "external_id": null,
            "primary_email_address_id": address,
            "primary_phone_number_id": null,
            "primary_web3_wallet_id": null,
            "username": null,
            "first_name": "Test",
            "last_name": last_name(id),
            "has_image": false,
            "public_metadata": owner.field("public_metadata"),
            "private_metadata": owner.field("private_metadata"),
            "unsafe_metadata": owner.field("unsafe_metadata"),
            "email_addresses": [{
                "id": address,
                "object": "email_address",
                "email_address": self.email(id),
                "reserved": false,
                "verification": {
                    "object": "verification_otp",
                    "status": "verified",
                    "strategy": "email_code",
                    "attempts": 1,
                    "expire_at": created_ms.saturating_add(100_000),
                },
                "linked_to": [],
                "matches_sso_connection": false,
                "created_at": created_ms,
                "updated_at": created_ms,
            }],
            "phone_numbers": [],
            "web3_wallets": [],
            "passkeys": [],
            "password_enabled": false,
            "two_factor_enabled": false,
            "totp_enabled": false,
            "backup_code_enabled": false,
            "mfa_enabled_at": null,
            "mfa_disabled_at": null,
            "external_accounts": [],
            "saml_accounts": [],
            "enterprise_accounts": [],
            "last_sign_in_at": null,
            "banned": false,
            "locked": false,
            "lockout_expires_in_seconds": null,
            "verification_attempts_remaining": null,
            "updated_at": self.updated_ms(id, place),
            "created_at": created_ms,
            "delete_self_enabled": false,
            "create_organization_enabled": false,
            "last_active_at": created_ms,
            "legal_accepted_at": created_ms,
            "image_url": "https://img.clerk.com/stand-in",
        })
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn created_ms(place: usize) -> i64 {
    FIRST_MS.saturating_add(i64::try_from(place).unwrap_or(i64::MAX)).saturating_add(1)
}

fn last_name(id: &str) -> String {
    format!("User{}", id.trim_start_matches("user_"))
}
