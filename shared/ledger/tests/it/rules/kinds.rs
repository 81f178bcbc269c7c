//! The closed lists of words in the table: what is not on them is an error, never a guess.

use ledger::{
    bucket::Source,
    entry::{Actor, GrantKey, Kind},
};

#[test]
fn an_unknown_kind_is_an_error_never_a_zero() {
    for text in ["", "Hold", "holds", "transfer", "hold ", "topup"] {
        let error = text.parse::<Kind>().unwrap_err();
        assert_eq!(error.to_string(), format!("entry kind `{text}` is not known"));
    }
}

#[test]
fn every_kind_is_read_as_it_is_written() {
    let words: Vec<_> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    let expected = [
        "hold",
        "outcome",
        "charge",
        "grant",
        "refund",
        "adjustment",
        "expiry",
        "clawback",
        "reinstatement",
    ];
    assert_eq!(words, expected);
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
}

#[test]
fn an_unknown_source_is_an_error() {
    for source in Source::ALL {
        assert_eq!(source.to_string().parse(), Ok(source));
    }
    for text in ["", "Pack", "bonus"] {
        let error = text.parse::<Source>().unwrap_err();
        assert_eq!(error.to_string(), format!("bucket source `{text}` is not known"));
    }
}

#[test]
fn an_actor_says_who_and_in_what_role() {
    for text in
        ["user:user_1", "admin:user_2", "service:billing", "system:expire-holds", "system:a:b"]
    {
        assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
    }
    for text in ["", "user", "root:x", "User:x"] {
        assert!(text.parse::<Actor>().is_err(), "`{text}`");
    }
}

#[test]
fn a_grant_key_cannot_be_mistaken_for_another_key() {
    let longest = "k".repeat(512);
    for text in ["stripe:cs:cs_1", "manual:user_1:REF-1", longest.as_str()] {
        assert_eq!(text.parse::<GrantKey>().unwrap().to_string(), text);
    }
    let too_long = "k".repeat(513);
    for text in ["", "a#b", "a b", "a\nb", "é", too_long.as_str()] {
        assert!(text.parse::<GrantKey>().is_err(), "`{text}`");
    }
}
