use super::*;

const REQUIRED: [(&str, &str); 5] = [
    ("PROVIDER_BASE_URL", "https://api.example.com/v1/"),
    ("PROVIDER_MODELS", "*"),
    ("PROVIDER_KEY", "sk-secret"),
    ("CLERK_ISSUER", "https://clerk.example.com"),
    ("CLERK_AUTHORIZED_PARTIES", "https://app.example.com"),
];

fn lookup(changes: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| {
        let mut rows = changes.iter().chain(&REQUIRED);
        rows.find(|row| row.0 == name).map(|row| row.1.to_owned())
    }
}

fn http() -> HttpClient {
    HttpClient::new(Duration::from_secs(1)).unwrap()
}

fn read(changes: &[(&str, &str)]) -> Result<Settings, InvalidSettings> {
    Settings::read(lookup(changes), &http())
}

#[test]
fn what_is_not_set_has_the_documented_default() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.mode, Mode::Enforce);
    assert_eq!(settings.signup, Credits::ZERO);
    assert_eq!(settings.hold_time, SignedDuration::from_mins(20));
    assert_eq!(settings.provider.base_url, "https://api.example.com/v1");
    assert_eq!(settings.provider.models, Models::Any);
}

#[test]
fn a_required_setting_that_is_missing_or_blank_is_named() {
    for (name, _) in REQUIRED {
        let error = read(&[(name, " ")]).unwrap_err().to_string();
        assert_eq!(error, format!("setting `{name}` is missing"));
    }
}

#[test]
fn a_value_that_cannot_be_used_is_refused_by_name() {
    let rows = [
        ("SIGNUP_CREDITS", "-1"),
        ("SIGNUP_CREDITS", "1.5"),
        ("SIGNUP_CREDITS", "1000000000001"),
        ("HOLD_SECONDS", "0"),
        ("HOLD_SECONDS", "3601"),
        ("HOLD_SECONDS", "soon"),
        ("PROVIDER_BASE_URL", "api.example.com/v1"),
        ("PROVIDER_BASE_URL", "ftp://api.example.com"),
        ("PROVIDER_BASE_URL", "https://api.example.com/v1?version=2"),
        ("PROVIDER_MODELS", ", ,"),
        ("PROVIDER_KEY", "sk\nsecret"),
        ("SERVICE_KEYS", "sk_saldo_secret"),
        ("SERVICE_KEYS", r#"[{"name": "backend", "sha256": "secret", "scopes": ["holds:end"]}]"#),
    ];
    for (name, value) in rows {
        let error = read(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("setting `{name}` is not valid")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_misspelled_mode_enforces() {
    assert_eq!(read(&[("CREDITS_ENABLED", "flase")]).unwrap().mode, Mode::Enforce);
    assert_eq!(read(&[("CREDITS_ENABLED", " OFF ")]).unwrap().mode, Mode::Off);
    assert_eq!(read(&[("CREDITS_ENABLED", "shadow")]).unwrap().mode, Mode::Shadow);
}

#[test]
fn the_key_is_not_printed() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.provider.authorization, "Bearer sk-secret");
    assert!(!format!("{settings:?}").contains("sk-secret"));
}

#[test]
fn service_keys_are_optional_and_are_taken_away_by_a_renewal() {
    assert_eq!(read(&[]).unwrap().service_keys, ServiceKeys::default());
    let hash = "0".repeat(64);
    let keys = format!(r#"[{{"name": "backend", "sha256": "{hash}", "scopes": ["holds:end"]}}]"#);
    let first = read(&[("SERVICE_KEYS", &keys)]).unwrap();
    assert_ne!(first.service_keys, ServiceKeys::default());
    let renewed = Settings::renew(lookup(&[("SERVICE_KEYS", "[]")]), &http(), &first);
    assert_eq!(renewed.service_keys, ServiceKeys::default());
}

#[test]
fn a_list_of_models_allows_these_and_no_other() {
    let models: Models = "a, b ,".parse().unwrap();
    assert!(models.allow("a") && models.allow("b"));
    assert!(!models.allow("c") && !models.allow(""));
    assert!("a,*".parse::<Models>().unwrap().allow("anything"));
}

#[test]
fn the_verifier_is_kept_until_a_token_setting_changes() {
    let first = read(&[]).unwrap();
    let again = |issuer: &'static str| {
        Settings::renew(lookup(&[("CLERK_ISSUER", issuer)]), &http(), &first).verifier
    };
    assert!(Arc::ptr_eq(&first.verifier, &again("https://clerk.example.com")));
    assert!(!Arc::ptr_eq(&first.verifier, &again("https://other.example.com")));
}

#[test]
fn the_limit_of_a_hold_is_told_as_it_is() {
    let error = read(&[("HOLD_SECONDS", "86400")]).unwrap_err().to_string();
    let reason = "it must be a whole number of seconds from 1 to 3600";
    assert_eq!(error, format!("setting `HOLD_SECONDS` is not valid: {reason}"));
}

#[test]
fn a_setting_that_goes_bad_takes_nothing_with_it_and_leaves_the_switch_working() {
    let first = read(&[("SIGNUP_CREDITS", "7")]).unwrap();
    for bad in [("HOLD_SECONDS", "never"), ("PROVIDER_KEY", ""), ("CLERK_ISSUER", "")] {
        let changes = [bad, ("CREDITS_ENABLED", "off"), ("SIGNUP_CREDITS", "8")];
        let off = Settings::renew(lookup(&changes), &http(), &first);
        assert_eq!((off.mode, off.signup), (Mode::Off, 7.into()), "{bad:?}");
        assert!(Arc::ptr_eq(&off.verifier, &first.verifier));
        let on = Settings::renew(lookup(&[("CREDITS_ENABLED", "1")]), &http(), &off);
        assert_eq!((on.mode, on.signup), (Mode::Enforce, Credits::ZERO), "good again");
    }
}
