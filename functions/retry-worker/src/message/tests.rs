//! Messages as the guard writes them, and as it never would.

use serde_json::{Value, json};

use super::*;

const HOLD: &str = "01HF7YAT00000000000000000A";
const ID: &str = "01HF7YAT00000000000000000B";

fn message() -> Value {
    json!({
        "version": 1,
        "account": "user_1",
        "hold": HOLD,
        "amount": 10,
        "ending": "settled",
        "charged": 5,
        "at": "2023-11-14T22:13:20.123456789Z",
        "actor": "system:ai-guard",
        "id": ID,
    })
}

/// The message with some members changed; `null` takes one out.
fn changed(changes: &Value) -> String {
    let mut message = message();
    for (name, value) in changes.as_object().unwrap() {
        let members = message.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    message.to_string()
}

#[test]
fn a_message_of_the_guard_is_read_to_the_nanosecond() {
    let settle = Settle::parse(&message().to_string()).unwrap();
    let expected = Settle {
        account: AccountId::parse("user_1").unwrap(),
        hold: HOLD.parse().unwrap(),
        amount: Credits::from(10),
        ending: Ending::Settled { charged: Credits::from(5) },
        at: "2023-11-14T22:13:20.123456789Z".parse().unwrap(),
        actor: Actor::System("ai-guard".to_owned()),
        id: Ulid::from_string(ID).unwrap(),
    };
    assert_eq!(settle, expected);
}

#[test]
fn the_example_event_holds_a_message_of_the_guard() {
    let event: Value =
        serde_json::from_str(include_str!("../../../../events/retry-worker-settle.json")).unwrap();
    let settle = Settle::parse(event["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((settle.ending, settle.account.as_str()), (Ending::Released, "user_local"));
}

#[test]
fn each_ending_has_the_charges_it_can_have() {
    let rows = [
        ("settled", 0, Ok(Ending::Settled { charged: Credits::ZERO })),
        ("settled", 10, Ok(Ending::Settled { charged: Credits::from(10) })),
        ("settled", 11, Err(Malformed::Member("charged"))),
        ("settled", -1, Err(Malformed::Member("charged"))),
        ("released", 0, Ok(Ending::Released)),
        ("released", 1, Err(Malformed::Member("charged"))),
        ("expired", 0, Err(Malformed::Member("ending"))),
        ("Settled", 5, Err(Malformed::Member("ending"))),
    ];
    for (ending, charged, expected) in rows {
        let read = Settle::parse(&changed(&json!({"ending": ending, "charged": charged})));
        assert_eq!(read.map(|settle| settle.ending), expected, "{ending} {charged}");
    }
}

#[test]
fn what_is_no_message_of_version_1_is_refused_without_quoting_it() {
    let rows = [
        ("", "it is not JSON from column 0 on"),
        ("secret", "it is not JSON from column 1 on"),
        (r#"{"version": 1, "account": "sec"#, "it is not JSON from column 30 on"),
        ("[]", "its members are others, seen at column 2"),
        ("{}", "its members are others, seen at column 2"),
        (r#"{"version": "secret"}"#, "its members are others, seen at column 20"),
        (r#"{"version": 1}"#, "its members are others, seen at column 14"),
        (r#"{"version": 2, "secret": 1}"#, "its version is 2"),
    ];
    for (body, expected) in rows {
        assert_eq!(Settle::parse(body).unwrap_err().to_string(), expected, "{body}");
    }
}

#[test]
fn each_member_is_there_once_and_can_be_what_it_is() {
    let rows = [
        json!({"account": "secret"}),
        json!({"hold": "secret"}),
        json!({"hold": HOLD.to_lowercase()}),
        json!({"amount": -1}),
        json!({"amount": 1_000_000_000_001_i64}),
        json!({"at": "secret"}),
        json!({"actor": "secret"}),
        json!({"id": "secret"}),
    ];
    for row in rows {
        let name = row.as_object().unwrap().keys().next().unwrap();
        let error = Settle::parse(&changed(&row)).unwrap_err().to_string();
        assert_eq!(error, format!("its member `{name}` has a value it cannot have"));
    }
    for name in message().as_object().unwrap().keys() {
        let error = Settle::parse(&changed(&json!({name: null}))).unwrap_err();
        assert!(matches!(error, Malformed::Shape(_)), "without {name}: {error}");
    }
    for row in [json!({"note": "secret"}), json!({"amount": 1.5}), json!({"charged": "5"})] {
        let error = Settle::parse(&changed(&row)).unwrap_err();
        assert!(matches!(error, Malformed::Shape(_)), "{row}: {error}");
        assert!(!error.to_string().contains("secret"));
    }
    let twice = message().to_string().replacen('{', r#"{"hold":"x","#, 1);
    assert!(matches!(Settle::parse(&twice), Err(Malformed::Shape(_))));
}
