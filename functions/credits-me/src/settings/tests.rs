use super::*;

fn read(values: &[(&str, &str)]) -> Result<(Mode, i64, i64), InvalidSetting> {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let token = TokenSettings {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        jwt_key: None,
        jwks_url: None,
    };
    let no_keys = |_url| async { Err::<_, BoxError>("no keys here".into()) };
    let verifier = Arc::new(TokenVerifier::new(token, no_keys).unwrap());
    let settings = Settings::new(&values.collect(), Catalogue::default(), verifier)?;
    Ok((settings.mode, settings.signup.get(), settings.low_balance.get()))
}

#[test]
fn what_is_not_set_or_empty_has_its_default() {
    assert_eq!(read(&[]), Ok((Mode::Enforce, 0, 10)));
    assert_eq!(read(&[("LOW_BALANCE", " "), ("SIGNUP_CREDITS", "")]), Ok((Mode::Enforce, 0, 10)));
}

#[test]
fn what_is_set_counts() {
    let values = [("CREDITS_ENABLED", "off"), ("SIGNUP_CREDITS", " 100 "), ("LOW_BALANCE", "0")];
    assert_eq!(read(&values), Ok((Mode::Off, 100, 0)));
}

#[test]
fn a_number_that_cannot_be_used_is_named() {
    for wrong in ["-1", "ten", "1.5", "1000000000001"] {
        assert_eq!(read(&[("SIGNUP_CREDITS", wrong)]), Err(InvalidSetting("SIGNUP_CREDITS")));
        assert_eq!(read(&[("LOW_BALANCE", wrong)]), Err(InvalidSetting("LOW_BALANCE")));
    }
}
