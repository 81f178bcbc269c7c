//! Names of accounts, entries and holds, amounts, and the mode switch.

use ledger::{
    AccountId, Credits, EntryId, HoldId,
    command::RollOver,
    credits::AmountTooLarge,
    entry::{GrantKey, InvalidGrantKey},
    mode::Mode,
};

use crate::bank::{DAY_ZERO, credits};

#[test]
fn an_account_is_a_user_or_an_organization() {
    let longest = format!("user_{}", "a".repeat(59));
    for text in ["user_1", "org_2aB", "user_a_b", longest.as_str()] {
        let id = AccountId::parse(text).unwrap();
        assert_eq!((id.as_str(), id.is_user()), (text, text.starts_with("user_")));
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let too_long = format!("user_{}", "a".repeat(60));
    let illegal = [
        "",
        "user_",
        "org_",
        "User_1",
        "team_1",
        "user-1",
        "user_a#b",
        "user_a/b",
        "user_a b",
        "user_é",
        " user_1",
        "user_1\n",
        "user_a.b",
        "user_a:b",
        too_long.as_str(),
    ];
    for text in illegal {
        assert!(AccountId::parse(text).is_err(), "`{text}`");
    }
}

#[test]
fn an_entry_has_one_spelling() {
    let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let hold: HoldId = ulid.parse().unwrap();
    let outcome = format!("{ulid}.outcome");
    assert_eq!(ulid.parse(), Ok(hold.entry()));
    assert_eq!(outcome.parse(), Ok(hold.outcome()));
    assert_eq!((hold.entry().to_string(), hold.outcome().to_string()), (ulid.into(), outcome));
    let misspelt = [
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "01arz3ndektsv4rrffq69g5fav",
        "81ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAI",
        "O1ARZ3NDEKTSV4RRFFQ69G5FAV",
        ".outcome",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV.outcome.outcome",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV.OUTCOME",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV#OUTCOME",
    ];
    for text in misspelt {
        assert!(text.parse::<EntryId>().is_err(), "`{text}`");
        assert!(text.parse::<HoldId>().is_err(), "`{text}`");
    }
    assert!(format!("{ulid}.outcome").parse::<HoldId>().is_err());
}

#[test]
fn an_amount_is_within_a_million_million_either_way() {
    let limit = 1_000_000_000_000;
    for value in [0, 1, -1, limit, -limit] {
        assert_eq!(Credits::new(value).map(Credits::get), Ok(value));
    }
    for value in [limit + 1, -limit - 1, i64::MAX, i64::MIN] {
        assert_eq!(Credits::new(value), Err(AmountTooLarge));
        assert_eq!(Credits::try_from(value), Err(AmountTooLarge));
    }
    assert_eq!(AmountTooLarge.to_string(), "amount is outside the limit of 1000000000000 credits");
}

#[test]
fn sums_and_differences_leave_the_bounds_as_an_error_only() {
    let (one, most) = (credits(1), Credits::MAX);
    assert_eq!(most.checked_add(one), Err(AmountTooLarge));
    assert_eq!(most.negated().checked_sub(one), Err(AmountTooLarge));
    assert_eq!(most.checked_sub(one), Ok(credits(999_999_999_999)));
    assert_eq!(most.checked_add(most.negated()), Ok(Credits::ZERO));
    assert_eq!(most.checked_sub(most.negated()), Err(AmountTooLarge));
    assert_eq!(Credits::sum([most, one, one.negated()]), Err(AmountTooLarge));
    assert_eq!(Credits::sum([most, one.negated(), one]), Ok(most));
    assert_eq!(Credits::sum([]), Ok(Credits::ZERO));
    assert_eq!(most.negated().negated(), most);
    assert_eq!((credits(-3).or_zero(), credits(3).or_zero()), (Credits::ZERO, credits(3)));
}

#[test]
fn credits_are_free_only_where_a_setting_says_so() {
    let rows = [
        ("0 false no off OFF False nO", Mode::Off),
        ("shadow Shadow SHADOW", Mode::Shadow),
        ("1 true yes on enforce 2 of offf shadows disabled null -1 0.0 00", Mode::Enforce),
    ];
    for (texts, mode) in rows {
        for text in texts.split(' ') {
            assert_eq!(Mode::parse(Some(text)), mode, "`{text}`");
            assert_eq!(Mode::parse(Some(&format!(" {text}\n"))), mode, "`{text}`");
        }
    }
    assert_eq!(Mode::parse(None), Mode::Enforce);
    assert_eq!(Mode::parse(Some("")), Mode::Enforce);
    assert_eq!(Mode::parse(Some("o f f")), Mode::Enforce);
    assert_eq!(Mode::default(), Mode::Enforce);
    for mode in [Mode::Enforce, Mode::Shadow, Mode::Off] {
        assert_eq!(Mode::parse(Some(mode.as_str())), mode);
    }
}

#[test]
fn a_fact_has_one_key_by_account_and_reference() {
    let user = AccountId::parse("user_1").unwrap();
    let rows = [
        (GrantKey::signup(&user), "signup:user_1"),
        (GrantKey::manual(&user, "pix:E1/7").unwrap(), "manual:user_1:pix:E1/7"),
        (GrantKey::adjustment(&user, "k").unwrap(), "adjustment:user_1:k"),
        (GrantKey::refund(&user, "k").unwrap(), "refund:user_1:k"),
        (
            GrantKey::plan("clerk:subi_1", DAY_ZERO, "cplan_1").unwrap(),
            "clerk:subi_1:1767225600000:cplan_1",
        ),
    ];
    for (key, spelled) in rows {
        assert_eq!(key.as_str(), spelled);
        assert_eq!(spelled.parse(), Ok(key));
    }
}

#[test]
fn a_reference_without_a_name_for_the_fact_is_no_key() {
    let user = AccountId::parse("user_1").unwrap();
    let longest = "r".repeat(512 - "manual:user_1:".len());
    assert!(GrantKey::manual(&user, &longest).is_ok());
    let too_long = format!("{longest}r");
    for reference in ["", " ", "a b", "a#b", "café", "a\n", too_long.as_str()] {
        assert_eq!(GrantKey::manual(&user, reference), Err(InvalidGrantKey), "`{reference}`");
    }
    for (item, plan) in [("", "plan"), ("clerk:subi_1", ""), ("clerk:subi 1", "plan")] {
        assert_eq!(GrantKey::plan(item, DAY_ZERO, plan), Err(InvalidGrantKey));
    }
}

#[test]
fn a_roll_over_is_told_by_a_word_and_a_cap_where_it_has_one() {
    for roll_over in
        [RollOver::None, RollOver::Capped(credits(0)), RollOver::Capped(credits(7)), RollOver::All]
    {
        let told = (roll_over.as_str(), roll_over.cap());
        assert_eq!(RollOver::from_parts(told.0, told.1), Ok(roll_over));
    }
    let one = Some(credits(1));
    for (word, cap) in [
        ("capped", None),
        ("none", one),
        ("all", one),
        ("some", None),
        ("capped", Some(credits(-1))),
    ] {
        assert!(RollOver::from_parts(word, cap).is_err(), "{word} {cap:?}");
    }
}
