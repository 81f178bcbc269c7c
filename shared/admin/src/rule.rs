//! Who is an admin: nobody, but for whom the settings name.

use http_api::Claims;
use ledger::AccountId;
use serde_json::Value;

#[cfg(test)]
mod tests;

/// The claim where no setting names one: what Clerk puts into a session token from a user's
/// `public_metadata`, which only a back end can write.
const CLAIM: &str = "metadata.role=admin";

/// Written instead of a claim where nobody is an admin by one. A parameter cannot be empty.
const NO_CLAIM: &str = "none";

/// The role that administers an organization, as tokens name it without `org:`.
const ADMIN_ROLE: &str = "admin";

/// What users can write themselves: who looks for a role there makes everybody an admin.
const WRITTEN_BY_USERS: [&str; 2] = ["unsafe_metadata", "unsafeMetadata"];

/// By which claims a signed-in user is an admin. One of the two is enough; without either nobody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminRule {
    claim: Option<(String, String)>,
    organization: Option<AccountId>,
}

/// A setting that names no admin; names the setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAdminRule {
    /// It is not `path=value`.
    #[error("setting `ADMIN_CLAIM` is not `path.to.claim=value`, nor `none`")]
    Claim,
    /// It looks where users can write.
    #[error("setting `ADMIN_CLAIM` names a claim that users can write themselves")]
    WrittenByUsers,
    /// It is not the id of an organization.
    #[error("setting `ADMIN_ORGANIZATION` is not the id of an organization, `org_…`")]
    Organization,
}

impl AdminRule {
    /// The rule of `ADMIN_CLAIM` (`metadata.role=admin` where it is not set) and
    /// `ADMIN_ORGANIZATION` (none where it is not set).
    pub fn new(claim: Option<&str>, organization: Option<&str>) -> Result<Self, InvalidAdminRule> {
        let set = |text: Option<&str>| {
            text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let claim = match set(claim).as_deref().unwrap_or(CLAIM) {
            NO_CLAIM => None,
            claim => Some(parse_claim(claim)?),
        };
        let organization = set(organization).map(|id| {
            let id = AccountId::parse(&id).ok().filter(|id| !id.is_user());
            id.ok_or(InvalidAdminRule::Organization)
        });
        Ok(Self { claim, organization: organization.transpose()? })
    }

    /// Whether the user of a verified token is an admin: the claim is exactly the text wanted, or
    /// the session is active in the one configured organization, and its role there is `admin`.
    pub fn admits(&self, claims: &Claims) -> bool {
        let by_claim = self.claim.as_ref().is_some_and(|(path, wanted)| {
            claims.at(path).and_then(Value::as_str) == Some(wanted.as_str())
        });
        let by_organization = self.organization.as_ref().is_some_and(|wanted| {
            claims.organization.as_ref().is_some_and(|organization| {
                organization.id == wanted.as_str() && organization.role == ADMIN_ROLE
            })
        });
        by_claim || by_organization
    }
}

/// The path and the value of `metadata.role=admin`.
fn parse_claim(text: &str) -> Result<(String, String), InvalidAdminRule> {
    let (path, value) = text.split_once('=').ok_or(InvalidAdminRule::Claim)?;
    let (path, value) = (path.trim(), value.trim());
    if value.is_empty() || path.split('.').any(str::is_empty) {
        return Err(InvalidAdminRule::Claim);
    }
    if path.split('.').any(|name| WRITTEN_BY_USERS.contains(&name)) {
        return Err(InvalidAdminRule::WrittenByUsers);
    }
    Ok((path.to_owned(), value.to_owned()))
}
