//! What a call is, read from its headers and body, and what is recorded of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::plan::Fault;

/// One call that reached the front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation, such as `TransactWriteItems` or `SendMessage`.
    pub operation: String,
    /// The tables it names, sorted; none for other services than `DynamoDB`.
    pub tables: Vec<String>,
    /// Its place among all calls since the start, the first being 0.
    pub order: usize,
    /// Items it wants to write: those of a transaction, otherwise one; 0 for a read.
    pub items: u64,
    /// Write units consumed, indexes included; 0 while capacity is not counted. Always whole.
    pub capacity_write: u64,
    /// Read units consumed, **in halves**: an eventually consistent read of 4 KB counts 1.
    pub capacity_read_halves: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The emulator's answer was handed on, with this HTTP status; it may have been delayed.
    Answered(u16),
    /// The front did this.
    Injected(Fault),
    /// It is still under way, its caller left, or the emulator cannot be reached.
    Unanswered,
}

impl Call {
    /// Write units that AWS counts for a write it refused on a condition, though it wrote nothing
    /// and says nothing of them: one for each item of up to 1 KB, two in a transaction. 0 for
    /// everything else.
    pub fn capacity_refused(&self) -> u64 {
        match (self.outcome, self.operation.as_str()) {
            (Outcome::Answered(400), "TransactWriteItems") => self.items.saturating_mul(2),
            (Outcome::Answered(400), _) => self.items,
            _ => 0,
        }
    }

    /// Adds what the emulator's reply says it consumed.
    pub(super) fn add_capacity(&mut self, reply: &[u8]) {
        let Ok(reply) = serde_json::from_slice::<Value>(reply) else {
            return;
        };
        let consumed = match reply.get("ConsumedCapacity") {
            Some(Value::Array(tables)) => tables.iter().collect(),
            Some(table) => vec![table],
            None => Vec::new(),
        };
        for table in consumed {
            let units = |name| table.get(name).and_then(halves);
            let (read, write) = (units("ReadCapacityUnits"), units("WriteCapacityUnits"));
            if read.is_none() && write.is_none() {
                let all = units("CapacityUnits").unwrap_or(0);
                if is_write(&self.operation) {
                    self.capacity_write = self.capacity_write.saturating_add(all / 2);
                } else {
                    self.capacity_read_halves = self.capacity_read_halves.saturating_add(all);
                }
            }
            let (read, write) = (read.unwrap_or(0), write.unwrap_or(0));
            self.capacity_write = self.capacity_write.saturating_add(write / 2);
            self.capacity_read_halves = self.capacity_read_halves.saturating_add(read);
        }
    }
}

/// A number of capacity units in halves, read from its text: units come in steps of a half, and
/// integers can be compared exactly.
fn halves(units: &Value) -> Option<u64> {
    let text = units.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let half = u64::from(fraction.starts_with('5'));
    whole.parse::<u64>().ok()?.checked_mul(2)?.checked_add(half)
}

/// What a request is for.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) service: Service,
    pub(super) operation: String,
    pub(super) body: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    DynamoDb,
    Sqs,
    Other,
}

impl Target {
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Self {
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let (service, operation) = target.and_then(|t| t.rsplit_once('.')).unwrap_or_default();
        let service = match service {
            "AmazonSQS" => Service::Sqs,
            service if service.starts_with("DynamoDB") => Service::DynamoDb,
            _ => Service::Other,
        };
        let body = serde_json::from_slice(body).unwrap_or_default();
        Self { service, operation: operation.to_owned(), body }
    }

    pub(super) fn is_transaction(&self) -> bool {
        matches!(self.operation.as_str(), "TransactWriteItems" | "TransactGetItems")
    }

    /// Whether it writes to a table.
    pub(super) fn is_write(&self) -> bool {
        self.service == Service::DynamoDb && is_write(&self.operation)
    }

    /// The items of a transaction; none for other calls.
    pub(super) fn transact_items(&self) -> &[Value] {
        self.body.get("TransactItems").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Where the balance is updated among the items of a transaction. A transaction without an
    /// update has its last item in conflict.
    pub(super) fn balance_position(&self) -> usize {
        let items = self.transact_items();
        let is_balance =
            |item: &Value| item.pointer("/Update/Key/sk/S").is_some_and(|sk| sk == "BALANCE");
        items
            .iter()
            .position(is_balance)
            .or_else(|| items.iter().position(|item| item.get("Update").is_some()))
            .unwrap_or(items.len().saturating_sub(1))
    }

    pub(super) fn call(&self, order: usize, outcome: Outcome) -> Call {
        Call {
            operation: self.operation.clone(),
            tables: self.tables().into_iter().map(str::to_owned).collect(),
            order,
            items: if self.is_write() {
                u64::try_from(self.transact_items().len().max(1)).unwrap_or(u64::MAX)
            } else {
                0
            },
            capacity_write: 0,
            capacity_read_halves: 0,
            outcome,
        }
    }

    fn tables(&self) -> BTreeSet<&str> {
        let of_batch =
            self.body.get("RequestItems").and_then(Value::as_object).into_iter().flatten();
        self.transact_items()
            .iter()
            .filter_map(Value::as_object)
            .flat_map(|item| item.values())
            .chain([&self.body])
            .filter_map(|action| action.get("TableName")?.as_str())
            .chain(of_batch.map(|(table, _)| table.as_str()))
            .collect()
    }

    /// The body with a wish to be told the capacity, where the operation knows one and the caller
    /// has none of its own.
    pub(super) fn asking_for_capacity(&self, body: Bytes) -> Bytes {
        let knows_capacity = is_write(&self.operation)
            || matches!(
                self.operation.as_str(),
                "GetItem" | "Query" | "Scan" | "BatchGetItem" | "TransactGetItems"
            );
        let Some(fields) = self.body.as_object().filter(|_| knows_capacity) else {
            return body;
        };
        if fields.get("ReturnConsumedCapacity").is_some_and(|wish| wish != "NONE") {
            return body;
        }
        let mut fields = fields.clone();
        fields.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        Value::Object(fields).to_string().into()
    }
}

fn is_write(operation: &str) -> bool {
    matches!(
        operation,
        "TransactWriteItems" | "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem"
    )
}
