//! A settle that comes after its hold has expired: charged once, as an entry of its own.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use ledger::{
    Credits, EntryId, HoldId,
    entry::{Cause, Entry},
    hold::Hold,
};

use crate::{
    error::StoreError,
    hot::{End, Ended},
    item::{self, Reader, corrupt, keyed, number, text},
    key,
    retry::{Again, exhausted},
    store::LedgerStore,
    transaction::{Cancelled, item_of, send},
};

impl LedgerStore {
    /// Charges what the expiry had given back, at most what was held. The marker `LATE#{hold}`
    /// makes it once; the balance may go below zero by at most this.
    pub(crate) async fn charge_late(&self, hold: &Hold, end: &End) -> Result<Ended, StoreError> {
        let charged = end.ending.charged().min(hold.amount);
        let entry = Entry {
            id: EntryId::Own(end.id),
            account: hold.account.clone(),
            amount: charged.negated(),
            at: end.at,
            actor: end.actor.clone(),
            cause: Cause::Charge { hold: hold.id },
        };
        let marker = self.late_marker(hold.id, &entry, charged)?;
        let mut items = vec![TransactWriteItem::builder().put(marker).build()];
        // A late charge of nothing is no movement, but it is the first answer, and stands.
        if charged.is_positive() {
            let put = self.append(item::entry::write(&entry))?;
            let update = self.move_balance(&hold.account, entry.amount, end.at)?;
            items.push(TransactWriteItem::builder().put(put).build());
            items.push(TransactWriteItem::builder().update(update).build());
        }
        let request = self.transaction(items, format!("{}-late", end.id));
        let mut attempts = self.attempts();
        loop {
            let why = match send(request.clone()).await? {
                Ok(()) => {
                    return Ok(Ended { charged, late: true });
                }
                Err(Cancelled::Again(why)) => why,
                Err(Cancelled::Reasons(reasons)) => {
                    if let Some(found) = item_of(&reasons, 0) {
                        let charged = Reader::new(found).credits("charged");
                        let charged = charged.map_err(corrupt(&hold.account))?;
                        return Ok(Ended { charged, late: true });
                    }
                    self.expire_due(&hold.account, end.at).await?;
                    Again::Conflict
                }
            };
            if !attempts.again(why).await {
                return Err(exhausted(attempts.made()));
            }
        }
    }

    /// The one word on what `hold` costs after it has expired: `charged`, by `entry`.
    pub(crate) fn late_marker(
        &self,
        hold: HoldId,
        entry: &Entry,
        charged: Credits,
    ) -> Result<Put, StoreError> {
        let mut marker = keyed(key::late(hold), key::ONLY);
        marker.insert("account".to_owned(), text(&entry.account));
        marker.insert("entry".to_owned(), text(entry.id));
        marker.insert("charged".to_owned(), number(charged));
        Put::builder()
            .table_name(&self.names.state)
            .set_item(Some(marker))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(StoreError::unavailable)
    }
}
