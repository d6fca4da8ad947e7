//! AWS settings in Lambda's environment.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;

use super::container_credentials::{ContainerCredentials, Generation};
use super::error::Problem;

const REGION: &str = "AWS_REGION";
const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// The environment variables that begin with `AWS_`. They are validated on first use.
pub struct Environment {
    variables: BTreeMap<String, String>,
    container: OnceLock<Option<Result<ContainerCredentials, Problem>>>,
}

/// A boolean environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl Environment {
    /// The environment of this process, which does not change.
    pub fn of_process() -> &'static Self {
        static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
        ENVIRONMENT.get_or_init(|| {
            let pairs = std::env::vars_os();
            Self::collect(pairs.filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }))
        })
    }

    /// An environment with these variables and no others.
    pub fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self::collect(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
    }

    fn collect(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let is_kept =
            |(name, value): &(String, String)| name.starts_with("AWS_") && !value.is_empty();
        Self { variables: pairs.filter(is_kept).collect(), container: OnceLock::new() }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A boolean variable, case-insensitive; off if it is not set.
    pub(super) fn switch(&self, name: &'static str) -> Result<Switch, Problem> {
        match self.variable(name) {
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Switch::On),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Switch::Off),
            Some(_) => Err(Problem::NoSwitch { variable: name }),
            None => Ok(Switch::Off),
        }
    }

    /// The given region, or else the function's.
    pub(super) fn region<'a>(&'a self, asked_for: Option<&'a str>) -> Result<&'a str, Problem> {
        asked_for.map_or_else(|| self.required(REGION), Ok)
    }

    /// The credentials of the function's role: from environment variables, which stay valid because
    /// Lambda replaces the process before they expire, or else those fetched by
    /// [`Self::renew_credentials`].
    pub(super) fn credentials(&self) -> Result<Credentials, Problem> {
        if let Some(container) = self.container() {
            return container?.current().map_err(Problem::NotFetched);
        }
        Ok(Credentials::new(
            self.required(ACCESS_KEY_ID)?,
            self.required(SECRET_ACCESS_KEY)?,
            self.variable(SESSION_TOKEN).map(str::to_owned),
            None,
            "environment",
        ))
    }

    /// Fetches credentials within `timeout`, unless they are in environment variables or the
    /// fetched ones do not expire soon.
    pub(crate) async fn renew_credentials(
        &self,
        timeout: Duration,
    ) -> Result<Option<Generation>, Problem> {
        let Some(container) = self.container() else {
            return Ok(None);
        };
        container?.renew(timeout).await.map(Some).map_err(Problem::NotFetched)
    }

    /// Discards credentials that were rejected as expired. Returns `false` if no others are
    /// available.
    pub(crate) fn discard_credentials(&self, generation: Option<Generation>) -> bool {
        let (Some(Ok(container)), Some(generation)) = (self.container(), generation) else {
            return false;
        };
        container.discard(generation);
        true
    }

    /// Why requests cannot be signed; `None` where they can.
    pub(crate) fn why_not_signed(&self) -> Option<Problem> {
        self.credentials().err()
    }

    /// The container credentials endpoint, if the credentials are not in environment variables.
    fn container(&self) -> Option<Result<&ContainerCredentials, Problem>> {
        if self.variable(ACCESS_KEY_ID).is_some() {
            return None;
        }
        let container =
            self.container.get_or_init(|| ContainerCredentials::of(|name| self.variable(name)));
        Some(container.as_ref()?.as_ref().map_err(Clone::clone))
    }

    fn required(&self, name: &'static str) -> Result<&str, Problem> {
        self.variable(name).ok_or(Problem::NotSet { variable: name })
    }
}

impl fmt::Debug for Environment {
    /// Shows names only, because values contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_when_it_is_needed() {
        let environment = Environment::from_pairs(&[(ACCESS_KEY_ID, "AKID"), (REGION, "")]);
        assert_eq!(environment.region(None), Err(Problem::NotSet { variable: REGION }));
        assert_eq!(environment.region(Some("eu-west-1")), Ok("eu-west-1"));
        let problem = environment.credentials().unwrap_err();
        assert_eq!(problem, Problem::NotSet { variable: SECRET_ACCESS_KEY });
    }

    #[test]
    fn debug_output_shows_no_value() {
        let environment = Environment::from_pairs(&[(SECRET_ACCESS_KEY, "s3cr3t")]);
        assert_eq!(format!("{environment:?}"), r#"["AWS_SECRET_ACCESS_KEY"]"#);
    }
}
