use std::path::PathBuf;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::error::{Lacking, NotGiven, chain, find};

/// A source of credentials, with the place that its errors name.
#[derive(Debug)]
pub(super) struct NamedProvider<P> {
    pub(super) source: P,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Profile(ProfileWays),
    /// The token in this file, which the environment names.
    WebIdentity {
        file: PathBuf,
    },
}

/// The ways in which a profile, or one that it builds on, gets credentials.
#[derive(Clone, Debug, Default)]
pub(super) struct ProfileWays {
    pub(super) name: String,
    /// The profile of them that is signed in with.
    pub(super) signs_in: Option<String>,
    /// The profile of them whose role wants an MFA device.
    pub(super) has_mfa: Option<String>,
    pub(super) token_file: Option<PathBuf>,
}

impl Place {
    fn not_given(&self, error: &CredentialsError) -> NotGiven {
        let (who, token_file) = match self {
            Self::Profile(ways) => (format!("profile {:?}", ways.name), ways.token_file.as_ref()),
            Self::WebIdentity { file } => ("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(), Some(file)),
        };
        let why = match (find::<std::io::Error>(error), token_file) {
            (Some(why), Some(file)) => {
                format!("the web identity token, {}, cannot be read: {why}", file.display())
            }
            _ => std::error::Error::source(error).map_or_else(|| chain(error), chain),
        };
        NotGiven { who, why, lacking: self.lacking(error) }
    }

    fn lacking(&self, error: &CredentialsError) -> Lacking {
        let Self::Profile(ways) = self else { return Lacking::Other };
        let of_role = find::<AssumeRoleError>(error).is_some();
        match (&ways.signs_in, &ways.has_mfa) {
            (_, Some(profile)) if of_role => Lacking::Mfa { profile: profile.clone() },
            (Some(profile), _) if !of_role => Lacking::SignIn { profile: profile.clone() },
            _ => Lacking::Other,
        }
    }
}

impl<P: ProvideCredentials> ProvideCredentials for NamedProvider<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.source.provide_credentials().await.map_err(|error| match error {
                // It is not configured, so the next place is asked.
                error @ CredentialsError::CredentialsNotLoaded(_) => error,
                error => CredentialsError::provider_error(self.place.not_given(&error)),
            })
        })
    }
}
