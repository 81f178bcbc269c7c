//! What a token is judged by: the settings of the identity provider.

use std::fmt;

/// The settings by which session tokens are judged. None is a secret; the key is still not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// What `iss` must equal, like `https://clerk.example.com`.
    pub issuer: String,
    /// The origins that may be named in `azp`. Never empty: a token without `azp` is refused.
    pub authorized_parties: Vec<String>,
    /// The public key in PEM form, tried before any fetched key.
    pub jwt_key: Option<String>,
    /// Where keys are fetched that are not at hand; the issuer's well-known place when absent.
    pub jwks_url: Option<String>,
}

/// Settings by which no token can be judged; names the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokenSettings {
    /// A required setting is absent or empty.
    #[error("setting `{0}` is missing")]
    Missing(&'static str),
    /// The key cannot be read.
    #[error("setting `CLERK_JWT_KEY` is not an RSA public key in PEM form")]
    JwtKey,
}

impl TokenSettings {
    /// Reads `CLERK_ISSUER`, `CLERK_AUTHORIZED_PARTIES` (separated by commas), and, where there
    /// are any, `CLERK_JWT_KEY` and `CLERK_JWKS_URL`.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidTokenSettings> {
        let optional = |name| {
            let value = lookup(name)?.trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let required = |name| optional(name).ok_or(InvalidTokenSettings::Missing(name));
        let settings = Self {
            issuer: required("CLERK_ISSUER")?,
            authorized_parties: parties(&required("CLERK_AUTHORIZED_PARTIES")?),
            // A key pasted into one line has its line ends written out.
            jwt_key: optional("CLERK_JWT_KEY").map(|key| key.replace("\\n", "\n")),
            jwks_url: optional("CLERK_JWKS_URL"),
        };
        settings.checked()
    }

    /// Where keys are fetched.
    pub(crate) fn keys_url(&self) -> String {
        self.jwks_url.clone().unwrap_or_else(|| {
            format!("{}/.well-known/jwks.json", self.issuer.trim_end_matches('/'))
        })
    }

    /// An empty issuer or an empty allow-list would judge nothing, so neither is let through.
    pub(crate) fn checked(self) -> Result<Self, InvalidTokenSettings> {
        if self.issuer.is_empty() {
            return Err(InvalidTokenSettings::Missing("CLERK_ISSUER"));
        }
        if self.authorized_parties.is_empty() {
            return Err(InvalidTokenSettings::Missing("CLERK_AUTHORIZED_PARTIES"));
        }
        Ok(self)
    }
}

fn parties(list: &str) -> Vec<String> {
    let parties = list.split(',').map(str::trim).filter(|party| !party.is_empty());
    parties.map(str::to_owned).collect()
}

impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSettings")
            .field("issuer", &self.issuer)
            .field("authorized_parties", &self.authorized_parties)
            .field("jwt_key", &self.jwt_key.as_ref().map(|_| "[redacted]"))
            .field("jwks_url", &self.jwks_url)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(vars: &[(&str, &str)]) -> Result<TokenSettings, InvalidTokenSettings> {
        TokenSettings::from_lookup(|name| {
            let found = vars.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    #[test]
    fn a_missing_or_empty_required_setting_is_named() {
        let issuer = ("CLERK_ISSUER", "https://clerk.example.com");
        let missing = InvalidTokenSettings::Missing;
        assert_eq!(settings(&[]), Err(missing("CLERK_ISSUER")));
        assert_eq!(settings(&[("CLERK_ISSUER", "  ")]), Err(missing("CLERK_ISSUER")));
        assert_eq!(settings(&[issuer]), Err(missing("CLERK_AUTHORIZED_PARTIES")));
        let only_commas = [issuer, ("CLERK_AUTHORIZED_PARTIES", " , ,")];
        assert_eq!(settings(&only_commas), Err(missing("CLERK_AUTHORIZED_PARTIES")));
    }

    #[test]
    fn keys_are_fetched_at_the_issuers_well_known_place_unless_told_otherwise() {
        let mut vars = vec![
            ("CLERK_ISSUER", "https://clerk.example.com/"),
            ("CLERK_AUTHORIZED_PARTIES", "https://a.example.com, https://b.example.com"),
        ];
        let read = settings(&vars).unwrap();
        assert_eq!(read.authorized_parties, ["https://a.example.com", "https://b.example.com"]);
        assert_eq!(read.keys_url(), "https://clerk.example.com/.well-known/jwks.json");
        vars.push(("CLERK_JWKS_URL", "https://keys.example.com/jwks"));
        assert_eq!(settings(&vars).unwrap().keys_url(), "https://keys.example.com/jwks");
    }

    #[test]
    fn a_key_in_one_line_gets_its_lines_back_and_is_not_shown() {
        let read = settings(&[
            ("CLERK_ISSUER", "https://clerk.example.com"),
            ("CLERK_AUTHORIZED_PARTIES", "https://a.example.com"),
            ("CLERK_JWT_KEY", "-----BEGIN PUBLIC KEY-----\\nMIIB\\n-----END PUBLIC KEY-----"),
        ])
        .unwrap();
        let key = read.jwt_key.as_deref().unwrap();
        assert_eq!(key.lines().count(), 3);
        assert!(!format!("{read:?}").contains("MIIB"));
    }
}
