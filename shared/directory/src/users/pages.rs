//! Users by the beginning of their id or e-mail, in pages without gaps and without doubles.

use futures_util::future::try_join_all;

use super::User;
use crate::{
    Directory, email,
    error::DirectoryError,
    item::{self, Item, keyed, text},
    key::{self, EMAIL_KEY, EMAIL_SHARD, SK, USERS_BY_EMAIL},
    read::text_of,
};

/// Some users in order, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Ask again `after` this for more; `None` at the end.
    pub next: Option<String>,
}

impl Directory {
    /// At most `limit` users whose id begins with `prefix` (all, if it is empty), deleted ones
    /// too, by id, after the end of the page before.
    pub async fn users_by_id(
        &self,
        prefix: &str,
        limit: u32,
        after: Option<&str>,
    ) -> Result<UserPage, DirectoryError> {
        let Ok(after) = within(prefix, after) else { return Ok(UserPage::default()) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than is shown tells whether there are more.
        let shards = (0..key::USER_SHARDS)
            .map(|shard| self.users_of_shard(shard, prefix, limit.saturating_add(1), after));
        let mut users: Vec<User> = try_join_all(shards).await?.into_iter().flatten().collect();
        users.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let has_more = users.len() > limit;
        users.truncate(limit);
        let next = users.last().filter(|_| has_more).map(|last| last.id.to_string());
        Ok(UserPage { users, next })
    }

    async fn users_of_shard(
        &self,
        shard: u8,
        prefix: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Vec<User>, DirectoryError> {
        let pk = key::users(shard);
        let mut query = self.partition(&pk);
        if !prefix.is_empty() {
            query = query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix));
        }
        let query = query.set_exclusive_start_key(after.map(|after| keyed(&pk, after)));
        item::read_all(self.items(query, Some(limit)).await?)
    }

    /// At most `limit` users whose e-mail begins with `prefix` in any case, by e-mail, after the
    /// end of the page before. An empty prefix finds nobody.
    ///
    /// The index follows the users, in general within a second. A user whose e-mail has just
    /// changed is left out rather than shown under the old one, so a page may come back short.
    pub async fn users_by_email(
        &self,
        prefix: &str,
        limit: u32,
        after: Option<&str>,
    ) -> Result<UserPage, DirectoryError> {
        let prefix = prefix.to_lowercase();
        let Ok(after) = within(&prefix, after) else { return Ok(UserPage::default()) };
        if prefix.is_empty() {
            return Ok(UserPage::default());
        }
        let shard = email::shard(&prefix);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let query = self
            .client
            .query()
            .table_name(&self.state_table)
            .index_name(USERS_BY_EMAIL)
            .key_condition_expression("email_shard = :shard AND begins_with(email_key, :prefix)")
            .expression_attribute_values(":shard", text(&shard))
            .expression_attribute_values(":prefix", text(&prefix))
            .set_exclusive_start_key(after.and_then(|after| start_of_page(&shard, after)));
        let mut entries = self.items(query, Some(limit.saturating_add(1))).await?;
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| has_more);
        let next = last.map(|last| text_of(last, EMAIL_KEY).to_owned());
        Ok(UserPage { users: self.users_of(&entries).await?, next })
    }

    /// The users of these index entries, in their order, where the entry is still theirs.
    async fn users_of(&self, entries: &[Item]) -> Result<Vec<User>, DirectoryError> {
        let keys = entries
            .iter()
            .map(|entry| (text_of(entry, key::PK).to_owned(), text_of(entry, SK).to_owned()));
        let rows = self.items_by_key(keys).await?;
        let mut users = Vec::with_capacity(rows.len());
        for entry in entries {
            let place = text_of(entry, EMAIL_KEY);
            let row = rows.iter().find(|row| text_of(row, EMAIL_KEY) == place);
            users.extend(row.cloned().map(item::read).transpose()?);
        }
        Ok(users)
    }
}

/// The position to go on after, if it is one within the prefix. A position before all of it is
/// none, and behind one that lies after all of it there is nothing: `Err`.
fn within<'a>(prefix: &str, after: Option<&'a str>) -> Result<Option<&'a str>, ()> {
    match after {
        Some(after) if after.starts_with(prefix) => Ok(Some(after)),
        Some(after) if after > prefix => Err(()),
        _ => Ok(None),
    }
}

fn start_of_page(shard: &str, email_key: &str) -> Option<Item> {
    let id = email::owner(email_key)?;
    let mut start = keyed(key::users_of(&id), &id);
    start.insert(EMAIL_SHARD.to_owned(), text(shard));
    start.insert(EMAIL_KEY.to_owned(), text(email_key));
    Some(start)
}
