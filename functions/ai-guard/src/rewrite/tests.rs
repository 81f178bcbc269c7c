use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn set(text: &str, changes: &[(&str, &str)]) -> String {
    let members = Members::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let edits = changes.iter().map(|(name, value)| members.set(name, value)).collect();
    String::from_utf8(edited(text.as_bytes(), edits).to_vec()).unwrap()
}

#[test]
fn a_member_is_replaced_where_it_stands_and_added_at_the_end_where_it_is_missing() {
    let rows = [
        (r#"{"a":1}"#, r#"{"a":1,"max":7}"#),
        (r#"{"max":1e3 , "b" : 1e999}"#, r#"{"max":7 , "b" : 1e999}"#),
        (r#" { "a" : "max" , "max" : null } "#, r#" { "a" : "max" , "max" : 7 } "#),
        (r#"{"m\u0061x":1}"#, r#"{"m\u0061x":7}"#),
        (r#"{"MAX":1,"a":{"max":2}}"#, r#"{"MAX":1,"a":{"max":2},"max":7}"#),
        ("{}", r#"{"max":7}"#),
        (" { } ", r#" {"max":7 } "#),
    ];
    for (text, expected) in rows {
        assert_eq!(set(text, &[("max", "7")]), expected);
    }
    let two = set(r#"{"b":1,"a":2}"#, &[("a", "3"), ("x", "4"), ("b", "5"), ("y", "6")]);
    assert_eq!(two, r#"{"b":5,"a":3,"x":4,"y":6}"#);
}

#[test]
fn a_member_is_cut_out_with_one_comma_and_nothing_else() {
    let rows = [
        (r#"{"usage":1}"#, "{}"),
        (r#"{ "usage" : {"a":[1,{}]} }"#, "{  }"),
        (r#"{"usage":1, "b":2}"#, r#"{"b":2}"#),
        (r#"{"a":1 , "usage":1}"#, r#"{"a":1}"#),
        (r#"{"a":1 , "usage":1 ,"b":2}"#, r#"{"a":1 , "b":2}"#),
        (r#"{"usage":1,"a":1,"usage":2,"usage":3}"#, r#"{"a":1}"#),
        (r#"{"us\u0061ge":1,"a":"\ud800"}"#, r#"{"a":"\ud800"}"#),
        (r#"{"usage":1,"usage":2}"#, "{}"),
        (r#"{"usage":1,"usage":2 , "a":1,"usage":3,"b":2}"#, r#"{"a":1,"b":2}"#),
    ];
    for (text, expected) in rows {
        assert_eq!(without(text, "usage").as_deref(), Some(expected), "{text}");
    }
    for text in ["{}", r#"{"a":{"usage":1}}"#, r#"{"Usage":1}"#] {
        assert_eq!(without(text, "usage"), None, "{text}");
    }
}

#[test]
fn what_is_no_object_has_no_members() {
    for text in ["", "[]", "7", "{", "{} {}", r#"{"a"}"#, r#"{"a":}"#, r#"["usage",1]"#] {
        assert!(Members::read(text).is_err(), "{text}");
    }
}

#[test]
fn a_name_is_found_as_often_as_it_is_there_in_any_case() {
    let members = Members::read(r#"{"n":1,"N":2,"\u006e":3,"nn":4}"#).unwrap();
    let found: Vec<&str> = members.all("n").map(|member| members.value(member)).collect();
    assert_eq!(found, ["1", "2", "3"]);
    let first = members.first("n").unwrap();
    assert_eq!((first.name(), members.value(first)), ("n", "1"));
}

#[test]
fn a_name_is_known_in_every_spelling_that_some_reader_takes_for_it() {
    for spelling in
        ["max_tokens", "MAX_Tokens", "max_to\u{212a}en\u{17f}", "maxTokens", "maxtokens"]
    {
        assert!(is_read_as(spelling, "max_tokens"), "{spelling}");
    }
    for other in ["max_token", "max_tokenss", "max-tokens", "max_\u{17f}okens", " max_tokens", ""] {
        assert!(!is_read_as(other, "max_tokens"), "{other}");
    }
}

#[test]
fn a_value_moves_to_another_name_in_its_place_or_to_where_that_name_stands() {
    let rows = [
        (r#"{"old" : 1 , "a":2}"#, r#"{"new":7 , "a":2}"#),
        (r#"{"a":2,"old":1}"#, r#"{"a":2,"new":7}"#),
        (r#"{"old":1,"new":null}"#, r#"{"new":7}"#),
        (r#"{"a":2, "new" : null, "old":1}"#, r#"{"a":2, "new" : 7}"#),
        (r#"{"a":2}"#, r#"{"a":2}"#),
    ];
    for (text, expected) in rows {
        let members = Members::read(text).unwrap();
        let changed = edited(text.as_bytes(), members.rename("old", "new", "7"));
        assert_eq!(changed, expected, "{text}");
    }
}

/// Any JSON value a few levels deep, with names that are also those of limits.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_name(), inner), 0..4)
                .prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![Just("max_tokens".to_owned()), Just("usage".to_owned()), any::<String>()]
}

proptest! {
    #[test]
    fn every_other_member_stays_as_it_was_byte_for_byte(
        members in prop::collection::vec((any_name(), any_value(), "[ \n\t]{0,3}"), 0..8),
        limit in any::<u32>(),
    ) {
        // A name is there once; what is there twice is refused before anything is changed.
        let mut unique: Vec<(String, String)> = Vec::new();
        for (name, value, space) in members {
            let name = serde_json::to_string(&name).unwrap();
            if unique.iter().all(|(other, _)| *other != name) {
                unique.push((name, format!("{space}:{space}{value}{space}")));
            }
        }
        let written: Vec<String> =
            unique.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let text = format!("{{{}}}", written.join(","));

        let changed = set(&text, &[("max_tokens", &limit.to_string())]);
        let after = Members::read(&changed).unwrap();
        let before = Members::read(&text).unwrap();
        let others = |members: &Members<'_>, but: &str| -> Vec<(String, String)> {
            let kept = members.members.iter().filter(|member| member.name != but);
            kept.map(|m| (m.name.to_string(), members.value(m).to_owned())).collect()
        };
        prop_assert_eq!(others(&before, "max_tokens"), others(&after, "max_tokens"));
        let set_to = after.first("max_tokens").map(|member| after.value(member).to_owned());
        prop_assert_eq!(set_to, Some(limit.to_string()));

        let cut = without(&text, "usage");
        prop_assert_eq!(cut.is_some(), before.first("usage").is_some());
        let cut = cut.unwrap_or(text.clone());
        let after = Members::read(&cut).unwrap();
        prop_assert_eq!(others(&before, "usage"), others(&after, "usage"));
        prop_assert!(after.first("usage").is_none());
    }
}
