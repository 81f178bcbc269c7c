//! The balances of many accounts at once.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{AccountId, balance::Balance};

use crate::{
    batch::Reading,
    error::{BoxError, StoreError},
    item::{self, Item, Reader, corrupt, keyed, text},
    key,
    store::LedgerStore,
};

/// Divides the two halves of a key in a place to go on from. No key has a line break.
const HALVES: char = '\n';

/// Balances as one request of a pass over all of them found them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPage {
    /// The balances, in no order that means anything.
    pub balances: Vec<(AccountId, Balance)>,
    /// The partitions whose balance cannot be read.
    pub unreadable: Vec<String>,
    /// Ask again `after` this for more; `None` at the end. A page may be empty before it.
    pub next: Option<String>,
}

impl LedgerStore {
    /// The balances of those of `accounts` that were opened, eventually consistent, by a
    /// `BatchGetItem` for every hundred: good to show, never to decide on.
    ///
    /// Errors: [`StoreError::Corrupt`] where one cannot be read.
    pub async fn balances(
        &self,
        accounts: &[AccountId],
    ) -> Result<BTreeMap<AccountId, Balance>, StoreError> {
        let accounts: BTreeSet<&AccountId> = accounts.iter().collect();
        let keys: Vec<Item> =
            accounts.iter().map(|account| keyed(key::account(account), key::BALANCE)).collect();
        let reading = Reading { consistent: false, only: None };
        let mut balances = BTreeMap::new();
        for item in self.batch(&self.names.state, &keys, reading).await? {
            let pk = Reader::new(&item).text(key::PK).unwrap_or_default();
            // Only accounts were asked for.
            let Some(account) = key::parse_account(pk) else {
                continue;
            };
            let balance = item::account::read_balance(&item).map_err(corrupt(&account))?;
            balances.insert(account, balance);
        }
        Ok(balances)
    }

    /// The balances among the next `limit` items of State, whatever they are, `after` where the
    /// page before ended: one request of a pass over all of them. Eventually consistent.
    ///
    /// Errors: [`StoreError::Unavailable`], also for an `after` that no page gave. A balance that
    /// cannot be read stops no pass: it is told in [`ScanPage::unreadable`].
    pub async fn scan_balances(
        &self,
        limit: u32,
        after: Option<&str>,
    ) -> Result<ScanPage, StoreError> {
        let start = after.map(parse_place).transpose()?;
        let request = self
            .client
            .scan()
            .table_name(&self.names.state)
            .filter_expression("sk = :balance")
            .expression_attribute_values(":balance", text(key::BALANCE))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start);
        let answer = self.retried(|| request.clone().send()).await?;
        let (mut balances, mut unreadable) = (Vec::new(), Vec::new());
        for item in answer.items() {
            let pk = Reader::new(item).text(key::PK).unwrap_or_default();
            match (key::parse_account(pk), item::account::read_balance(item)) {
                (Some(account), Ok(balance)) => balances.push((account, balance)),
                (_, fault) => {
                    let fault = fault.err().map(|fault| fault.to_string());
                    tracing::error!(pk, fault, "a balance cannot be read");
                    unreadable.push(pk.to_owned());
                }
            }
        }
        let next = answer.last_evaluated_key().and_then(place);
        Ok(ScanPage { balances, unreadable, next })
    }
}

fn place(last: &Item) -> Option<String> {
    let half = |name: &str| last.get(name)?.as_s().ok();
    Some(format!("{}{HALVES}{}", half(key::PK)?, half(key::SK)?))
}

fn parse_place(place: &str) -> Result<Item, StoreError> {
    let (pk, sk) = place.split_once(HALVES).ok_or_else(|| {
        let text = "the place to go on from is not one that a page gave";
        StoreError::Unavailable(BoxError::from(text))
    })?;
    let half = |name: &str, text: &str| (name.to_owned(), AttributeValue::S(text.to_owned()));
    Ok(Item::from([half(key::PK, pk), half(key::SK, sk)]))
}
