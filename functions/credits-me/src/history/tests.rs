use ledger::{
    AccountId, EntryId,
    bucket::Source,
    entry::{Actor, GrantKey},
    hold::{Hold, HoldTerms},
};
use serde_json::{Value, json};

use super::*;

const WELCOME: &str = "01JD3Q0000000000000000000A";
const CALL: &str = "01JD3Q0000000000000000000B";
const LATER: &str = "01JD3Q0000000000000000000C";

fn account() -> AccountId {
    AccountId::parse("user_ada").unwrap()
}

fn actor() -> Actor {
    Actor::User("user_ada".to_owned())
}

fn welcome() -> Entry {
    Entry {
        id: EntryId::Own(WELCOME.parse().unwrap()),
        account: account(),
        amount: Credits::new(100).unwrap(),
        at: "2026-11-20T15:00:00Z".parse().unwrap(),
        actor: actor(),
        cause: Cause::Grant {
            source: Source::Signup,
            key: Some(GrantKey::signup(&account())),
            expires_at: None,
            note: Some("only for the operator".to_owned()),
        },
    }
}

fn call(id: &str) -> Hold {
    Hold {
        id: id.parse().unwrap(),
        account: account(),
        amount: Credits::new(1).unwrap(),
        at: "2026-11-20T15:08:00Z".parse().unwrap(),
        actor: actor(),
        terms: HoldTerms {
            feature: "ai_text_chat".parse().unwrap(),
            model: "gpt-4o-mini".to_owned(),
            quantity: 1,
            price_version: 1,
            tariff: ledger::price::Tariff::Fixed(ledger::price::Price::new(1).unwrap()),
            expires_at: "2026-11-20T15:28:00Z".parse().unwrap(),
        },
    }
}

fn released(hold: &Hold) -> Entry {
    hold.outcome(Ending::Released, hold.at, actor()).unwrap()
}

fn shown(entries: Vec<Entry>, next: Option<EntryId>, cursor: Option<Cursor>) -> Value {
    serde_json::to_value(history(&Page { entries, next }, cursor)).unwrap()
}

fn statuses(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap().iter();
    entries.filter_map(|entry| entry["status"].as_str()).collect()
}

#[test]
fn each_entry_has_the_members_of_its_kind_and_no_note() {
    let hold = call(CALL);
    let page = shown(vec![released(&hold), hold.entry(), welcome()], None, None);
    let expected = json!({
        "entries": [
            {
                "id": format!("{CALL}.outcome"),
                "kind": "outcome",
                "credits": 1,
                "at": "2026-11-20T15:08:00Z",
                "text": "Not delivered: 1 credit given back",
                "holdId": CALL,
                "status": "released",
                "charged": 0,
            },
            {
                "id": CALL,
                "kind": "hold",
                "credits": -1,
                "at": "2026-11-20T15:08:00Z",
                "text": "Chat with gpt-4o-mini",
                "holdId": CALL,
                "status": "released",
                "feature": "ai_text_chat",
                "model": "gpt-4o-mini",
                "quantity": 1,
                "expiresAt": "2026-11-20T15:28:00Z",
            },
            {
                "id": WELCOME,
                "kind": "grant",
                "credits": 100,
                "at": "2026-11-20T15:00:00Z",
                "text": "Welcome credits",
                "source": "signup",
            },
        ],
        "nextCursor": null,
    });
    assert_eq!(page, expected);
}

#[test]
fn a_hold_without_an_outcome_is_open_whatever_the_call_after_it_became() {
    let (early, late) = (call(CALL), call(LATER));
    let page = shown(vec![released(&late), late.entry(), early.entry()], None, None);
    assert_eq!(statuses(&page), ["released", "released", "open"]);
}

#[test]
fn a_hold_at_the_start_of_a_page_keeps_the_status_its_outcome_gave_it() {
    let hold = call(CALL);
    let first = shown(vec![released(&hold)], Some(hold.id.outcome()), None);
    let cursor = Cursor::decode(first["nextCursor"].as_str().unwrap()).unwrap();
    assert_eq!(cursor.after, hold.id.outcome());
    let second = shown(vec![hold.entry()], Some(hold.id.entry()), Some(cursor));
    assert_eq!(statuses(&second), ["released"]);
    let cursor = Cursor::decode(second["nextCursor"].as_str().unwrap()).unwrap();
    assert_eq!(cursor, Cursor { after: hold.id.entry(), ended: None });
}

#[test]
fn a_late_charge_shows_what_was_charged() {
    let hold = call(CALL);
    let late = Entry {
        id: EntryId::Own(LATER.parse().unwrap()),
        amount: Credits::new(-1).unwrap(),
        cause: Cause::Charge { hold: hold.id },
        ..hold.entry()
    };
    let page = shown(vec![late], None, None);
    let entry = &page["entries"][0];
    assert_eq!((&entry["charged"], &entry["holdId"]), (&json!(1), &json!(CALL)));
}
