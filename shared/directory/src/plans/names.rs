//! By which names the payment providers know a plan: a row per name, so that no two plans have one,
//! not even where two admins write at once.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};

use super::Plan;
use crate::{
    Directory,
    error::DirectoryError,
    item::{keyed, text},
    key,
    read::text_of,
};

/// The attribute with the plan that has the name.
const PLAN: &str = "plan";

impl Plan {
    /// The sort keys of its names.
    pub(super) fn name_keys(&self) -> BTreeSet<String> {
        let clerk = self.clerk_plans.iter().map(|name| key::plan_name("clerk", name));
        let stripe = self.stripe_prices.iter().map(|name| key::plan_name("stripe", name));
        clerk.chain(stripe).collect()
    }
}

impl Directory {
    /// What gives the plan its names, unless another plan has one of them.
    pub(super) fn take_names(&self, plan: &Plan) -> Result<Vec<TransactWriteItem>, DirectoryError> {
        let take = |name: String| {
            let mut row = keyed(key::PLAN_NAMES, name);
            row.insert(PLAN.to_owned(), text(&plan.id));
            let put = Put::builder()
                .table_name(&self.state_table)
                .set_item(Some(row))
                .condition_expression("attribute_not_exists(pk) OR #plan = :plan")
                .expression_attribute_names("#plan", PLAN)
                .expression_attribute_values(":plan", text(&plan.id))
                .build();
            let put = put.map_err(DirectoryError::unavailable)?;
            Ok(TransactWriteItem::builder().put(put).build())
        };
        plan.name_keys().into_iter().map(take).collect()
    }

    /// What gives these names back. To be written only together with a condition by which the plan
    /// still has them.
    pub(super) fn free_names<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Vec<TransactWriteItem>, DirectoryError> {
        let free = |name: &String| {
            let row = keyed(key::PLAN_NAMES, name);
            let delete = Delete::builder().table_name(&self.state_table).set_key(Some(row));
            let delete = delete.build().map_err(DirectoryError::unavailable)?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        };
        names.into_iter().map(free).collect()
    }

    /// Whether another plan has one of the names this one wants.
    pub(super) async fn is_name_taken(&self, plan: &Plan) -> Result<bool, DirectoryError> {
        let keys = plan.name_keys().into_iter().map(|name| (key::PLAN_NAMES.to_owned(), name));
        let rows = self.items_by_key(keys).await?;
        Ok(rows.iter().any(|row| text_of(row, PLAN) != plan.id))
    }
}
