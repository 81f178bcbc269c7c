//! The users as the identity provider last described them.
//!
//! A newer version wins over an older one whatever the order they arrive in, and a user that was
//! deleted stays deleted: every change is one conditional write on what is there.

mod pages;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use jiff::{Timestamp, fmt::serde::timestamp::millisecond};
use ledger::AccountId;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

pub use self::pages::UserPage;
use crate::{
    Directory,
    conditional::{Written, put, update},
    email,
    error::{BoxError, DirectoryError},
    item::{self, as_text, number, text},
    key::{self, EMAIL_KEY, EMAIL_SHARD, PK, SK},
};

/// How often a change that met another one is decided anew. Each time means that somebody else has
/// changed the same user at that moment, which the provider hardly ever does twice.
const TRIES: u32 = 5;

/// What the provider says about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFacts {
    /// The user, `user_…`.
    pub id: AccountId,
    /// The primary address.
    pub email: Option<String>,
    /// The name shown.
    pub name: Option<String>,
    /// When the user signed up.
    pub created_at: Timestamp,
    /// The version: when the provider last changed the user, in whole milliseconds.
    pub updated_at: Timestamp,
}

/// A user as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The user, `user_…`.
    #[serde(rename = "sk", with = "as_text")]
    pub id: AccountId,
    /// The primary address; none of a deleted user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name shown; none of a deleted user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the user signed up.
    #[serde(with = "millisecond::required")]
    pub created_at: Timestamp,
    /// The version: when the provider last changed the user.
    #[serde(with = "millisecond::required")]
    pub updated_at: Timestamp,
    /// The run that made the row, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text::optional")]
    pub seen_run: Option<Ulid>,
    /// The first run that set out to open the user's account.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_text::optional")]
    pub opening_run: Option<Ulid>,
    /// When the user was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millisecond::optional")]
    pub deleted_at: Option<Timestamp>,
}

/// What became of facts about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upserted {
    /// The user was not known; or was made known by the same run before, which tries a step again.
    Created,
    /// They are newer than what was known.
    Updated,
    /// They are what was known.
    Unchanged,
    /// They are older than what is known, and changed nothing.
    Older,
    /// The user was deleted, and stays so.
    Deleted,
}

impl Directory {
    /// Takes the facts over unless newer ones are known, and returns the user as it now is.
    ///
    /// `run` is kept with a user it creates. With `opening` it is also kept as the run that sets
    /// out to open the account, unless an earlier run has.
    pub async fn upsert_user(
        &self,
        facts: &UserFacts,
        run: Option<Ulid>,
        opening: bool,
    ) -> Result<(Upserted, User), DirectoryError> {
        let opening_run = run.filter(|_| opening);
        for _ in 0..TRIES {
            let done = match self.user(&facts.id).await? {
                None => self.create_user(facts, run, opening_run).await?,
                Some(found) => self.renew_user(found, facts, run, opening_run).await?,
            };
            if let Some(done) = done {
                return Ok(done);
            }
        }
        Err(DirectoryError::Unavailable(BoxError::from("the user kept changing")))
    }

    /// `None` if somebody else has made the row meanwhile.
    async fn create_user(
        &self,
        facts: &UserFacts,
        seen_run: Option<Ulid>,
        opening_run: Option<Ulid>,
    ) -> Result<Option<(Upserted, User)>, DirectoryError> {
        let user = User {
            id: facts.id.clone(),
            email: facts.email.clone(),
            name: facts.name.clone(),
            created_at: facts.created_at,
            updated_at: facts.updated_at,
            seen_run,
            opening_run,
            deleted_at: None,
        };
        let mut item = item::write(&key::users_of(&user.id), user.id.as_str(), &user)?;
        if let Some((shard, place)) = facts.email_entry() {
            item.insert(EMAIL_SHARD.to_owned(), text(shard));
            item.insert(EMAIL_KEY.to_owned(), text(place));
        }
        let request = self.client.put_item().table_name(&self.state_table).set_item(Some(item));
        match put(request.condition_expression("attribute_not_exists(pk)")).await? {
            Written::Done(_) => Ok(Some((Upserted::Created, user))),
            Written::Refused(_) => Ok(None),
        }
    }

    /// `None` if the row has changed since it was `found`.
    async fn renew_user(
        &self,
        found: User,
        facts: &UserFacts,
        run: Option<Ulid>,
        opening_run: Option<Ulid>,
    ) -> Result<Option<(Upserted, User)>, DirectoryError> {
        if found.deleted_at.is_some() {
            return Ok(Some((Upserted::Deleted, found)));
        }
        let upserted = match facts.version().cmp(&found.updated_at.as_millisecond()) {
            _ if run.is_some() && found.seen_run == run => Upserted::Created,
            std::cmp::Ordering::Greater => Upserted::Updated,
            std::cmp::Ordering::Equal => Upserted::Unchanged,
            std::cmp::Ordering::Less => Upserted::Older,
        };
        let is_newer = facts.version() > found.updated_at.as_millisecond();
        let opening_run = opening_run.filter(|_| found.opening_run.is_none());
        if !is_newer && opening_run.is_none() {
            return Ok(Some((upserted, found)));
        }
        let renewal = self.renewal(&facts.id, is_newer.then_some(facts), opening_run);
        match update(renewal).await? {
            Written::Done(item) => Ok(Some((upserted, item::read(item)?))),
            Written::Refused(_) => Ok(None),
        }
    }

    /// The update that takes over newer `facts`, or the run that opens the account, or both.
    fn renewal(
        &self,
        id: &AccountId,
        facts: Option<&UserFacts>,
        opening_run: Option<Ulid>,
    ) -> UpdateItemFluentBuilder {
        let mut request = self.update_user(id);
        let mut condition = "attribute_exists(pk) AND attribute_not_exists(deleted_at)".to_owned();
        let mut set = Vec::new();
        let mut remove = Vec::new();
        if let Some(facts) = facts {
            let entry = facts.email_entry();
            let (shard, place) = entry.map_or((None, None), |(a, b)| (Some(a), Some(b)));
            let texts = [
                ("email", facts.email.clone()),
                ("name", facts.name.clone()),
                (EMAIL_SHARD, shard),
                (EMAIL_KEY, place),
            ];
            for (attribute, value) in texts {
                request = request.expression_attribute_names(format!("#{attribute}"), attribute);
                if let Some(value) = value {
                    set.push(format!("#{attribute} = :{attribute}"));
                    request =
                        request.expression_attribute_values(format!(":{attribute}"), text(value));
                } else {
                    remove.push(format!("#{attribute}"));
                }
            }
            set.push("created_at = :created_at, updated_at = :version".to_owned());
            condition.push_str(" AND updated_at < :version");
            request = request
                .expression_attribute_values(":version", number(facts.version()))
                .expression_attribute_values(
                    ":created_at",
                    number(facts.created_at.as_millisecond()),
                );
        }
        if let Some(run) = opening_run {
            set.push("opening_run = if_not_exists(opening_run, :opening_run)".to_owned());
            request = request.expression_attribute_values(":opening_run", text(run));
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression = format!("{expression} REMOVE {}", remove.join(", "));
        }
        request.update_expression(expression).condition_expression(condition)
    }

    /// Remembers that the user was deleted at `at`, for ever, and forgets who it was. A user that
    /// was never known gets a row too: what is said about it later is older.
    pub async fn tombstone(&self, id: &AccountId, at: Timestamp) -> Result<(), DirectoryError> {
        let request = self
            .update_user(id)
            .update_expression(
                "SET deleted_at = if_not_exists(deleted_at, :at), \
                 created_at = if_not_exists(created_at, :at), \
                 updated_at = if_not_exists(updated_at, :at) \
                 REMOVE email, #name, email_shard, email_key",
            )
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":at", number(at.as_millisecond()));
        request.send().await.map(drop).map_err(DirectoryError::unavailable)
    }

    /// The user of that id, deleted or not, read consistently.
    pub async fn user(&self, id: &AccountId) -> Result<Option<User>, DirectoryError> {
        self.row(&key::users_of(id), id.as_str()).await
    }

    /// Those of the users that are known, by id; any number is asked for, 100 in a request.
    pub async fn users(
        &self,
        ids: &[AccountId],
    ) -> Result<BTreeMap<AccountId, User>, DirectoryError> {
        let keys = ids.iter().map(|id| (key::users_of(id), id.to_string()));
        let users: Vec<User> = item::read_all(self.items_by_key(keys).await?)?;
        Ok(users.into_iter().map(|user| (user.id.clone(), user)).collect())
    }

    fn update_user(&self, id: &AccountId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.state_table)
            .key(PK, text(key::users_of(id)))
            .key(SK, text(id))
    }
}

impl UserFacts {
    fn version(&self) -> i64 {
        self.updated_at.as_millisecond()
    }

    fn email_entry(&self) -> Option<(String, String)> {
        email::entry(self.email.as_deref()?, &self.id)
    }
}
