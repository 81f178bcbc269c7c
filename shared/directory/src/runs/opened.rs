//! Which accounts a run has opened: a mark each, put in the transaction that opens the account.
//!
//! An account that opens with no credits has no entry that would tell who opened it. The mark does,
//! so a step that is done again counts what it, or another try of it, has opened before.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use ledger::AccountId;
use serde::Deserialize;
use ulid::Ulid;

use crate::{
    Directory, DirectoryError,
    item::{self, Item, as_text, keyed, number, text},
    key::{TTL, sync_opened},
};

/// How long a mark is kept: far longer than a run's messages live, which is 14 days.
const KEPT: SignedDuration = SignedDuration::from_hours(60 * 24);

#[derive(Deserialize)]
struct Mark {
    #[serde(with = "as_text")]
    sk: AccountId,
    opened_for: String,
}

impl Directory {
    /// The mark that the run has opened `account`, to be put with the opening. `opened_for` says
    /// for which of the things walked past, as an account may belong to several.
    pub fn opened_mark(run: Ulid, account: &AccountId, opened_for: &str, now: Timestamp) -> Item {
        let mut item = keyed(sync_opened(run), account);
        item.insert("opened_for".to_owned(), text(opened_for));
        let until = now.checked_add(KEPT).unwrap_or(Timestamp::MAX);
        item.insert(TTL.to_owned(), number(until.as_second()));
        item
    }

    /// Those of the accounts that the run has opened, each with what it was opened for.
    pub async fn opened_by(
        &self,
        run: Ulid,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, String>, DirectoryError> {
        let keys = accounts.iter().map(|account| (sync_opened(run), account.to_string()));
        let marks: Vec<Mark> = item::read_all(self.items_by_key(keys).await?)?;
        Ok(marks.into_iter().map(|mark| (mark.sk, mark.opened_for)).collect())
    }
}
