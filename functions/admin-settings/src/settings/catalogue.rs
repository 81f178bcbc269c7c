//! Every setting there is: what it may be, what it is where nobody has set it, and who sets it.

use std::ops::RangeInclusive;

/// The words that switch something on or off; case and outer blanks do not count.
const ON: [&str; 4] = ["1", "true", "yes", "on"];
const OFF: [&str; 4] = ["0", "false", "no", "off"];

/// The most credits a setting can name: the largest amount there is.
const CREDITS_MAX: u64 = 1_000_000_000_000;

/// A setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The last part of its parameter's name.
    pub(crate) name: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// What counts where nothing is set; `None` where it has to be set.
    pub(crate) default: Option<&'static str>,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// On, off, or measured only.
    Mode,
    /// On or off.
    Toggle,
    /// A whole number within bounds, of this unit.
    Number {
        /// The least and the most.
        range: (u64, u64),
        /// Of what.
        unit: &'static str,
    },
    /// A text that the stack or an operator with access to it sets, never this function: a slip
    /// in it would lock every admin out, or send calls elsewhere.
    Elsewhere,
}

const fn number(
    name: &'static str,
    default: &'static str,
    range: RangeInclusive<u64>,
    unit: &'static str,
) -> Setting {
    let range = (*range.start(), *range.end());
    Setting { name, kind: Kind::Number { range, unit }, default: Some(default) }
}

const fn toggle(name: &'static str) -> Setting {
    Setting { name, kind: Kind::Toggle, default: Some("1") }
}

const fn elsewhere(name: &'static str, default: Option<&'static str>) -> Setting {
    Setting { name, kind: Kind::Elsewhere, default }
}

/// All of them, in the order they are shown. The bounds are those of the functions that read them.
pub(crate) const SETTINGS: [Setting; 22] = [
    Setting { name: "CREDITS_ENABLED", kind: Kind::Mode, default: Some("1") },
    toggle("BILLING_WEBHOOKS_ENABLED"),
    toggle("MANUAL_SYNC_ENABLED"),
    toggle("STRIPE_AUTO_SYNC_ENABLED"),
    number("STRIPE_SYNC_INTERVAL", "21600", 300..=604_800, "seconds"),
    number("STRIPE_SYNC_MAX_RETRIES", "3", 0..=10, "tries"),
    number("STRIPE_SYNC_RETRY_DELAY", "300", 1..=43_200, "seconds"),
    number("STRIPE_WEBHOOK_RATE_LIMIT", "100", 1..=100_000, "events a minute"),
    number("STRIPE_CACHE_TTL", "3600", 0..=86_400, "seconds"),
    number("SIGNUP_CREDITS", "0", 0..=CREDITS_MAX, "credits"),
    number("LOW_BALANCE", "10", 0..=CREDITS_MAX, "credits"),
    number("HIGH_BALANCE", "10000", 0..=CREDITS_MAX, "credits"),
    number("HOLD_SECONDS", "1200", 1..=3_600, "seconds"),
    number("RENEWAL_GRACE_DAYS", "3", 0..=31, "days"),
    number("CLERK_RATE", "1000", 1..=100_000, "requests in 10 seconds"),
    elsewhere("PROVIDER_BASE_URL", None),
    elsewhere("PROVIDER_MODELS", None),
    elsewhere("CLERK_ISSUER", None),
    elsewhere("CLERK_AUTHORIZED_PARTIES", None),
    elsewhere("CLERK_API_URL", Some("https://api.clerk.com")),
    elsewhere("ADMIN_CLAIM", Some("metadata.role=admin")),
    elsewhere("ADMIN_ORGANIZATION", None),
];

/// The setting of that name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

impl Setting {
    /// Whether it can be written through this function.
    pub(crate) const fn is_editable(&self) -> bool {
        !matches!(self.kind, Kind::Elsewhere)
    }

    /// The value as it is written to the parameter store; or what it has to be.
    pub(crate) fn accept(&self, written: &str) -> Result<String, String> {
        let text = written.trim().to_ascii_lowercase();
        match self.kind {
            Kind::Mode if ON.iter().chain(&OFF).any(|word| *word == text) || text == "shadow" => {
                Ok(text)
            }
            Kind::Mode => {
                Err(format!("it must be one of {}, `shadow`", listed(ON.iter().chain(&OFF))))
            }
            Kind::Toggle if ON.iter().chain(&OFF).any(|word| *word == text) => Ok(text),
            Kind::Toggle => Err(format!("it must be one of {}", listed(ON.iter().chain(&OFF)))),
            Kind::Number { range: (min, max), unit } => {
                // `+5` and `١٢` are numbers to a parser and a surprise to a reader.
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let value = text.parse::<u64>().ok().filter(|_| digits);
                let value = value.filter(|value| (min..=max).contains(value));
                let value = value.map(|value| value.to_string());
                value.ok_or_else(|| format!("it must be a whole number of {unit}, {min} to {max}"))
            }
            Kind::Elsewhere => Err("it is not set here".to_owned()),
        }
    }

    /// Whether the functions that read it can use what is set. What they cannot use they say in
    /// their logs and go on with what they had; for the mode, anything else enforces.
    pub(crate) fn is_usable(&self, value: &str) -> bool {
        match self.kind {
            Kind::Elsewhere => true,
            Kind::Mode | Kind::Toggle | Kind::Number { .. } => self.accept(value).is_ok(),
        }
    }
}

fn listed<'a>(words: impl Iterator<Item = &'a &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, written: &str, expected: Option<&str>) {
        let accepted = find(name).unwrap().accept(written);
        assert_eq!(accepted.ok().as_deref(), expected, "{name} = {written}");
    }

    #[test]
    fn every_default_is_a_value_that_would_be_accepted() {
        for setting in SETTINGS.iter().filter(|setting| setting.is_editable()) {
            let default = setting.default.unwrap();
            assert_eq!(setting.accept(default).as_deref(), Ok(default), "{}", setting.name);
        }
    }

    #[test]
    fn a_name_stands_once() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[..at].iter().all(|other| other.name != setting.name));
        }
    }

    #[test]
    fn the_mode_is_one_of_its_words_and_never_a_misspelling() {
        for word in ["1", "true", "yes", "on", "0", "false", "no", "off", "shadow"] {
            check("CREDITS_ENABLED", word, Some(word));
        }
        check("CREDITS_ENABLED", " OFF ", Some("off"));
        for wrong in ["", "offf", "2", "disabled", "null"] {
            check("CREDITS_ENABLED", wrong, None);
        }
    }

    #[test]
    fn a_toggle_has_no_shadow() {
        check("MANUAL_SYNC_ENABLED", "No", Some("no"));
        check("MANUAL_SYNC_ENABLED", "shadow", None);
    }

    #[test]
    fn a_number_is_whole_and_within_its_bounds() {
        check("HOLD_SECONDS", " 060 ", Some("60"));
        check("HOLD_SECONDS", "3600", Some("3600"));
        for wrong in ["0", "3601", "-1", "+5", "1.5", "ten", "", "1e3"] {
            check("HOLD_SECONDS", wrong, None);
        }
        check("SIGNUP_CREDITS", "1000000000000", Some("1000000000000"));
        check("SIGNUP_CREDITS", "1000000000001", None);
        check("RENEWAL_GRACE_DAYS", "32", None);
    }

    #[test]
    fn what_belongs_to_the_stack_is_accepted_from_nobody() {
        check("CLERK_ISSUER", "https://clerk.example.com", None);
        check("ADMIN_CLAIM", "metadata.role=user", None);
        assert!(find("ADMIN_CLAIM").unwrap().is_usable("anything"));
    }
}
