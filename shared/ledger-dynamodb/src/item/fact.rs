//! Economic facts as items: what is granted, adjusted or refunded once, for ever.

use ledger::{AccountId, Credits, EntryId, change::Fact};

use super::{Item, Reader, keyed, number, text};
use crate::{error::Unreadable, key};

/// A fact as it was recorded.
pub(crate) struct Recorded {
    /// On whose account.
    pub(crate) account: AccountId,
    /// What moved for it.
    pub(crate) amount: Credits,
    /// The entry of what moved; `None` where nothing did.
    pub(crate) entry: Option<EntryId>,
    /// What was asked, where the same key must come with the same ask.
    pub(crate) asked: Option<String>,
}

/// The item of a fact of `account`.
pub(crate) fn write(account: &AccountId, fact: &Fact) -> Item {
    let mut item = keyed(key::fact(&fact.key), key::ONLY);
    item.insert("account".to_owned(), text(account));
    item.insert("amount".to_owned(), number(fact.amount));
    if let Some(entry) = fact.entry {
        item.insert("entry".to_owned(), text(entry));
    }
    if let Some(asked) = &fact.asked {
        item.insert("asked".to_owned(), text(asked));
    }
    item
}

/// The fact an item tells of.
pub(crate) fn read(item: &Item) -> Result<Recorded, Unreadable> {
    let reader = Reader::new(item);
    Ok(Recorded {
        account: reader.parsed("account")?,
        amount: reader.credits("amount")?,
        entry: reader.optional_parsed("entry")?,
        asked: reader.optional_text("asked")?.map(str::to_owned),
    })
}
