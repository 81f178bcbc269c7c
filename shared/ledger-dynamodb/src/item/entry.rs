//! Entries as items. One attribute per thing an entry says; amounts in credits, times in
//! milliseconds since 1970.

use ledger::{
    AccountId, Credits, EntryId, HoldId,
    entry::{Cause, Entry, Kind},
    hold::{Ending, Hold, HoldTerms},
    price::{Price, Tariff, TokenPrice},
};

use super::{Item, Reader, keyed, number, text, time};
use crate::{error::Unreadable, key};

/// The item of an entry.
pub(crate) fn write(entry: &Entry) -> Item {
    let mut item = keyed(key::account(&entry.account), key::entry(entry.id));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("kind", text(entry.cause.kind()));
    set("amount", number(entry.amount));
    set("at", time(entry.at));
    set("actor", text(&entry.actor));
    match &entry.cause {
        Cause::Hold(terms) => write_terms(&mut item, entry.id, terms),
        Cause::Outcome { ending, .. } => {
            set("ending", text(ending.as_str()));
            set("charged", number(ending.charged()));
        }
        Cause::Charge { hold } => {
            set("hold", text(hold));
        }
        Cause::Grant { source, key, expires_at, note } => {
            set("source", text(source));
            optional(&mut item, "grant_key", key.as_ref().map(text));
            optional(&mut item, "expires_at", expires_at.map(time));
            optional(&mut item, "note", note.as_ref().map(text));
        }
        Cause::Refund { hold, note } => {
            set("hold", text(hold));
            optional(&mut item, "note", note.as_ref().map(text));
        }
        Cause::Adjustment { reason } => optional(&mut item, "note", reason.as_ref().map(text)),
        Cause::Expiry { source } => {
            set("source", text(source));
        }
        Cause::Clawback { key, payment } | Cause::Reinstatement { key, payment } => {
            set("grant_key", text(key));
            set("payment", text(payment));
        }
    }
    item
}

fn write_terms(item: &mut Item, id: EntryId, terms: &HoldTerms) {
    let shard = match id {
        EntryId::Own(ulid) => key::shard(HoldId(ulid)),
        EntryId::Outcome(hold) => key::shard(hold),
    };
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("feature", text(&terms.feature));
    set("model", text(&terms.model));
    set("quantity", number(terms.quantity));
    set("price_version", number(terms.price_version));
    set("expires_at", time(terms.expires_at));
    set(key::EXPIRY_SLOT, text(key::expiry_slot(terms.expires_at, shard)));
    match terms.tariff {
        Tariff::Fixed(price) => drop(set("price", number(price.per_unit()))),
        Tariff::Tokens(price) => {
            set("input_price", number(price.input().per_unit()));
            set("output_price", number(price.output().per_unit()));
            set("minimum", number(price.minimum().per_unit()));
        }
    }
}

fn optional(item: &mut Item, name: &str, value: Option<aws_sdk_dynamodb::types::AttributeValue>) {
    if let Some(value) = value {
        item.insert(name.to_owned(), value);
    }
}

/// The entry of an item in the partition of `account`. An unknown kind is an error.
pub(crate) fn read(account: &AccountId, item: &Item) -> Result<Entry, Unreadable> {
    let reader = Reader::new(item);
    let id = key::parse_entry(reader.name())
        .map_err(|error| reader.fault(key::SK, format!("is wrong: {error}")))?;
    let cause = read_cause(reader, id)?;
    Ok(Entry {
        id,
        account: account.clone(),
        amount: reader.credits("amount")?,
        at: reader.time("at")?,
        actor: reader.parsed("actor")?,
        cause,
    })
}

fn read_cause(reader: Reader<'_>, id: EntryId) -> Result<Cause, Unreadable> {
    let note = || Ok::<_, Unreadable>(reader.optional_text("note")?.map(str::to_owned));
    Ok(match (reader.parsed::<Kind>("kind")?, id) {
        (Kind::Hold, EntryId::Own(_)) => Cause::Hold(read_terms(reader)?),
        (Kind::Outcome, EntryId::Outcome(hold)) => {
            Cause::Outcome { hold, ending: read_ending(reader)? }
        }
        (Kind::Outcome, _) | (_, EntryId::Outcome(_)) => {
            return Err(reader.fault("kind", "does not fit the key"));
        }
        (Kind::Charge, _) => Cause::Charge { hold: reader.parsed("hold")? },
        (Kind::Grant, _) => Cause::Grant {
            source: reader.parsed("source")?,
            key: reader.optional_parsed("grant_key")?,
            expires_at: reader.expiry("expires_at")?,
            note: note()?,
        },
        (Kind::Refund, _) => Cause::Refund { hold: reader.parsed("hold")?, note: note()? },
        (Kind::Adjustment, _) => Cause::Adjustment { reason: note()? },
        (Kind::Expiry, _) => Cause::Expiry { source: reader.parsed("source")? },
        (Kind::Clawback, _) => Cause::Clawback {
            key: reader.parsed("grant_key")?,
            payment: reader.text("payment")?.to_owned(),
        },
        (Kind::Reinstatement, _) => Cause::Reinstatement {
            key: reader.parsed("grant_key")?,
            payment: reader.text("payment")?.to_owned(),
        },
    })
}

fn read_terms(reader: Reader<'_>) -> Result<HoldTerms, Unreadable> {
    let quantity = reader.number("quantity")?;
    Ok(HoldTerms {
        feature: reader.parsed("feature")?,
        model: reader.text("model")?.to_owned(),
        quantity,
        price_version: reader.number("price_version")?,
        tariff: read_tariff(reader, quantity)?,
        expires_at: reader.time("expires_at")?,
    })
}

/// The price pinned to a hold. Entries from before there were token prices say none: their amount
/// is a fixed price times their quantity.
fn read_tariff(reader: Reader<'_>, quantity: u32) -> Result<Tariff, Unreadable> {
    let price = |attribute| {
        let price = Price::new(reader.number(attribute)?);
        price.map_err(|error| reader.fault(attribute, format!("is wrong: {error}")))
    };
    let by_tokens = ["input_price", "output_price", "minimum"];
    if by_tokens.iter().all(|attribute| reader.raw(attribute).is_none()) {
        if reader.raw("price").is_some() {
            return price("price").map(Tariff::Fixed);
        }
        let held = reader.credits("amount")?.negated().get();
        let price = Price::new(held.checked_div(quantity.into()).unwrap_or_default());
        let price = price.map_err(|error| reader.fault("amount", format!("is wrong: {error}")));
        return price.map(Tariff::Fixed);
    }
    if reader.raw("price").is_some() {
        return Err(reader.fault("price", "stands beside prices of tokens"));
    }
    let [input, output, minimum] = by_tokens;
    Ok(Tariff::Tokens(TokenPrice::new(price(input)?, price(output)?, price(minimum)?)))
}

fn read_ending(reader: Reader<'_>) -> Result<Ending, Unreadable> {
    let charged: Credits = reader.credits("charged")?;
    match reader.text("ending")? {
        "settled" => Ok(Ending::Settled { charged }),
        "released" => Ok(Ending::Released),
        "expired" => Ok(Ending::Expired),
        other => Err(reader.fault("ending", format!("`{other}` is not known"))),
    }
}

/// The hold a hold's entry tells of; `None` for entries of other kinds.
pub(crate) fn hold(entry: Entry) -> Option<Hold> {
    let (EntryId::Own(ulid), Cause::Hold(terms)) = (entry.id, entry.cause) else {
        return None;
    };
    Some(Hold {
        id: HoldId(ulid),
        account: entry.account,
        amount: entry.amount.negated(),
        at: entry.at,
        actor: entry.actor,
        terms,
    })
}
