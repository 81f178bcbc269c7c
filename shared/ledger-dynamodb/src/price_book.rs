//! The price book: the one in force, and every version that was.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use ledger::price::PriceBook;

use crate::{
    error::{StoreError, Unreadable},
    item::{self, Item, keyed, number},
    key,
    retry::exhausted,
    store::LedgerStore,
    transaction::{Cancelled, item_of, send},
};

impl LedgerStore {
    /// The price book in force; `None` where nobody has written one. A book that cannot be read
    /// is an error: the caller keeps the one it has.
    pub async fn price_book(&self) -> Result<Option<PriceBook>, StoreError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.names.state)
            .key(key::PK, item::text(key::PRICE_BOOK))
            .key(key::SK, item::text(key::ONLY));
        let answer = self.retried(|| request.clone().send()).await?;
        answer.item.map(|item| item::price::read(&item)).transpose().map_err(corrupt)
    }

    /// The price book of `version`, read consistently; `None` where there was none, or where it
    /// was written before versions were kept and is no longer in force.
    pub async fn price_book_version(&self, version: u32) -> Result<Option<PriceBook>, StoreError> {
        let pk = || key::PRICE_BOOK.to_owned();
        let kept = self.state_item(pk(), key::price_book_version(version)).await?;
        if let Some(kept) = kept {
            return item::price::read(&kept).map(Some).map_err(corrupt);
        }
        let in_force = self.state_item(pk(), key::ONLY.to_owned()).await?;
        let in_force =
            in_force.map(|item| item::price::read(&item)).transpose().map_err(corrupt)?;
        Ok(in_force.filter(|book| book.version() == version))
    }

    /// Puts `book` in force if the version in force is `expected` (`None`: there is no book), and
    /// keeps it under its version, in one transaction. The same request again is `true` and changes
    /// nothing.
    ///
    /// `false`: another version is in force, or there was one of `book`'s version before. Nothing
    /// was written.
    pub async fn replace_price_book(
        &self,
        book: &PriceBook,
        expected: Option<u32>,
    ) -> Result<bool, StoreError> {
        let in_force = Put::builder().table_name(&self.names.state);
        let in_force = in_force.set_item(Some(whole(book, key::ONLY)));
        let in_force = match expected {
            None => in_force.condition_expression("attribute_not_exists(pk)"),
            Some(version) => in_force
                .condition_expression("version = :expected")
                .expression_attribute_values(":expected", number(version)),
        };
        let kept = whole(book, &key::price_book_version(book.version()));
        let kept = Put::builder()
            .table_name(&self.names.state)
            .set_item(Some(kept))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut items = Vec::new();
        for put in [in_force, kept] {
            let put = put.build().map_err(StoreError::unavailable)?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        let request = self.transaction(items, format!("{:032x}", fastrand::u128(..)));
        let mut attempts = self.attempts();
        loop {
            let why = match send(request.clone()).await? {
                Ok(()) => return Ok(true),
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    let found = item_of(&reasons, 1).map(item::price::read).transpose();
                    // An earlier attempt, whose answer was lost, has put this very book.
                    let same = found.map_err(corrupt)?.is_some_and(|found| found == *book);
                    return Ok(same && self.is_in_force(book.version()).await?);
                }
            };
            if !attempts.again(why).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }

    async fn is_in_force(&self, version: u32) -> Result<bool, StoreError> {
        let item = self.state_item(key::PRICE_BOOK.to_owned(), key::ONLY.to_owned()).await?;
        let book = item.map(|item| item::price::read(&item)).transpose().map_err(corrupt)?;
        Ok(book.is_some_and(|book| book.version() == version))
    }
}

fn whole(book: &PriceBook, sk: &str) -> Item {
    let mut item = item::price::write(book);
    item.extend(keyed(key::PRICE_BOOK, sk));
    item
}

fn corrupt(source: Unreadable) -> StoreError {
    StoreError::Corrupt { account: key::PRICE_BOOK.to_owned(), source }
}
