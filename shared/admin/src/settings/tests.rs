use super::*;
use crate::{minted::verifier, rule::InvalidAdminRule};

fn read(values: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(values.collect(), verifier())
}

fn refused(name: &str, value: &str, expected: &InvalidSetting) {
    let found = read(&[(name, value)]).map(drop);
    assert_eq!(found.as_ref(), Err(expected), "{name} {value}");
    let said = expected.to_string();
    assert!(said.contains(&format!("`{name}`")), "{said}");
    // Shorter values are part of other words.
    assert!(value.len() < 9 || !said.contains(value), "{said}");
}

#[test]
fn what_is_not_set_or_blank_has_its_default() {
    let blank = NAMES.map(|name| (name, " "));
    for values in [&[][..], &blank[..]] {
        let settings = read(values).unwrap();
        assert_eq!(settings.mode, Mode::Enforce);
        assert_eq!(settings.signup, Credits::ZERO);
        assert_eq!((settings.low_balance.get(), settings.high_balance.get()), (10, 10_000));
        assert!(settings.manual_sync);
        assert_eq!(settings.renewal_grace, SignedDuration::from_hours(72));
        assert_eq!(settings.clerk_api_url, "https://api.clerk.com");
        assert_eq!(settings.clerk_rate, 1_000);
        assert_eq!(settings.admins, AdminRule::new(None, None).unwrap());
    }
}

#[test]
fn what_is_set_counts() {
    let settings = read(&[
        ("CREDITS_ENABLED", "shadow"),
        ("MANUAL_SYNC_ENABLED", "No"),
        ("SIGNUP_CREDITS", " 100 "),
        ("LOW_BALANCE", "0"),
        ("HIGH_BALANCE", "5"),
        ("RENEWAL_GRACE_DAYS", "0"),
        ("ADMIN_CLAIM", "none"),
        ("ADMIN_ORGANIZATION", "org_1"),
        ("CLERK_API_URL", "http://127.0.0.1:9/"),
        ("CLERK_RATE", "100"),
    ])
    .unwrap();
    assert_eq!(settings.mode, Mode::Shadow);
    assert!(!settings.manual_sync);
    assert_eq!(settings.signup.get(), 100);
    assert_eq!((settings.low_balance.get(), settings.high_balance.get()), (0, 5));
    assert_eq!(settings.renewal_grace, SignedDuration::ZERO);
    assert_eq!(settings.admins, AdminRule::new(Some("none"), Some("org_1")).unwrap());
    assert_eq!(settings.clerk_api_url, "http://127.0.0.1:9");
    assert_eq!(settings.clerk_rate, 100);
    assert_eq!(settings.values["SIGNUP_CREDITS"], " 100 ");
}

#[test]
fn every_word_for_on_and_off_is_understood() {
    for (word, on) in [("1", true), ("true", true), ("YES", true), ("on", true)]
        .into_iter()
        .chain([("0", false), ("False", false), ("no", false), ("off", false)])
    {
        assert_eq!(read(&[("MANUAL_SYNC_ENABLED", word)]).unwrap().manual_sync, on, "{word}");
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named_and_its_value_is_not_repeated() {
    for name in ["SIGNUP_CREDITS", "LOW_BALANCE", "HIGH_BALANCE"] {
        for value in ["-1", "ten", "1.5", "1000000000001"] {
            refused(name, value, &InvalidSetting::Credits(name));
        }
    }
    let name = "RENEWAL_GRACE_DAYS";
    for value in ["-1", "32", "x"] {
        refused(name, value, &InvalidSetting::Number { name, least: 0, most: 31 });
    }
    let name = "CLERK_RATE";
    for value in ["0", "100001", "many"] {
        refused(name, value, &InvalidSetting::Number { name, least: 1, most: 100_000 });
    }
    refused("MANUAL_SYNC_ENABLED", "maybe", &InvalidSetting::Toggle("MANUAL_SYNC_ENABLED"));
    for value in ["api.clerk.test", "ftp://clerk.test", "https://", "https://a.test/?b=c"] {
        refused("CLERK_API_URL", value, &InvalidSetting::Url("CLERK_API_URL"));
    }
    refused("ADMIN_CLAIM", "admin", &InvalidAdminRule::Claim.into());
    refused("ADMIN_ORGANIZATION", "user_1", &InvalidAdminRule::Organization.into());
}
