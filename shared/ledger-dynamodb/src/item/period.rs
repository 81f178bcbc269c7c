//! What is remembered of a subscription's periods, as items. They name their account: the
//! subscription of one account can never raise another's period.

use ledger::{
    AccountId,
    period::{NewestPeriod, Period},
};

use super::{Item, Reader, keyed, number, text, time};
use crate::{error::Unreadable, key};

/// The item of one period.
pub(crate) fn write(account: &AccountId, pk: &str, period: &Period) -> Item {
    let mut item = keyed(pk, key::ONLY);
    item.insert("account".to_owned(), text(account));
    item.insert("granted".to_owned(), number(period.granted));
    item.insert("bucket".to_owned(), text(period.bucket));
    item
}

/// Whose period an item tells of, and what.
pub(crate) fn read(item: &Item) -> Result<(AccountId, Period), Unreadable> {
    let reader = Reader::new(item);
    let bucket = reader.parsed("bucket")?;
    Ok((reader.parsed("account")?, Period { granted: reader.credits("granted")?, bucket }))
}

/// The item of a subscription's newest period.
pub(crate) fn write_newest(account: &AccountId, pk: &str, newest: &NewestPeriod) -> Item {
    let mut item = keyed(pk, key::NEWEST);
    item.insert("account".to_owned(), text(account));
    item.insert("start".to_owned(), time(newest.start));
    item.insert("carried".to_owned(), number(newest.carried));
    item
}

/// Whose newest period an item tells of, and which.
pub(crate) fn read_newest(item: &Item) -> Result<(AccountId, NewestPeriod), Unreadable> {
    let reader = Reader::new(item);
    let newest = NewestPeriod { start: reader.time("start")?, carried: reader.credits("carried")? };
    Ok((reader.parsed("account")?, newest))
}
