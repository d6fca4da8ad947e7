use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A role to assume, with all that is said about the session. Two that are equal share their
/// credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: Option<String>,
    pub(crate) duration: Option<Duration>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
    pub(crate) source_identity: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive_tag_keys: Vec<String>,
}

/// A role to assume with a web identity token, such as a CI job's.
#[derive(Clone, Debug)]
pub(crate) struct WebIdentity {
    pub(crate) role_arn: String,
    pub(crate) token: WebIdentityToken,
    pub(crate) session_name: Option<String>,
    pub(crate) duration: Option<Duration>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
}

/// Where the token is.
#[derive(Clone)]
pub(crate) enum WebIdentityToken {
    Text(String),
    /// Read whenever the credentials are renewed, because the token is renewed too.
    File(PathBuf),
}

impl fmt::Debug for WebIdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The account of a role, which is that of the credentials it gives.
pub(super) fn account_of(role_arn: &str) -> Option<String> {
    let account = role_arn.split(':').nth(4)?;
    (!account.is_empty()).then(|| account.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_no_log() {
        assert_eq!(format!("{:?}", WebIdentityToken::Text("ey.jw.t".to_owned())), "Text(***)");
    }

    #[test]
    fn a_role_tells_its_account() {
        let account = account_of("arn:aws:iam::111122223333:role/path/logs");
        assert_eq!(account.as_deref(), Some("111122223333"));
    }
}
