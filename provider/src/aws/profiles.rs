use std::collections::BTreeSet;

use aws_config::profile::{ProfileSet, load};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::environment::{expanded, variable};
use super::not_given::ProfileWays;
use super::settings::{CannotConnect, Given, Settings};

/// The shared configuration files, and the profile that is selected in them.
#[derive(Debug)]
pub(super) struct Profiles {
    pub(super) files: EnvConfigFiles,
    set: ProfileSet,
}

impl Profiles {
    /// Reads the files. Those that are written down are read in place of the usual ones.
    ///
    /// # Errors
    /// When one of them is not there or makes no sense, or lacks the profile that is named.
    pub(super) async fn read(settings: &Settings) -> Result<Self, CannotConnect> {
        let files = files(settings)?;
        let named = settings.profile.clone().map(Into::into);
        let set = load(&Fs::real(), &Env::real(), &files, named)
            .await
            .map_err(CannotConnect::UnreadableProfiles)?;
        let named = match &settings.profile {
            Some(name) => Some((Given::Argument("profile"), name.clone())),
            // Keys that are at hand go before a profile of the environment.
            None if settings.keys.is_some() || variable(&["AWS_ACCESS_KEY_ID"]).is_some() => None,
            None => variable(&["AWS_PROFILE"]).map(|name| (Given::Variable("AWS_PROFILE"), name)),
        };
        match named {
            Some((given, name)) if set.get_profile(&name).is_none() => {
                Err(CannotConnect::NoProfile { given, name })
            }
            _ => Ok(Self { files, set }),
        }
    }

    /// A setting of the selected profile.
    pub(super) fn get(&self, setting: &str) -> Option<&str> {
        self.set.get(setting).filter(|value| !value.is_empty())
    }

    /// In which ways the selected profile gets its credentials, and those that it builds on.
    pub(super) fn ways(&self) -> ProfileWays {
        let mut name = self.set.selected_profile();
        let mut ways = ProfileWays { name: name.to_owned(), ..ProfileWays::default() };
        let mut seen = BTreeSet::new();
        while let Some(profile) = self.set.get_profile(name).filter(|_| seen.insert(name)) {
            let has = |setting| profile.get(setting).is_some_and(|value| !value.is_empty());
            if has("sso_session") || has("sso_start_url") {
                ways.signs_in = Some(name.to_owned());
            }
            if has("mfa_serial") {
                ways.has_mfa = Some(name.to_owned());
            }
            if let Some(file) = profile.get("web_identity_token_file") {
                ways.token_file = Some(file.into());
            }
            name = profile.get("source_profile").unwrap_or(name);
        }
        ways
    }

    /// How often a call is tried, by the environment or the profile.
    ///
    /// # Errors
    /// When that is no number, or zero.
    pub(super) fn max_attempts(&self) -> Result<Option<u32>, CannotConnect> {
        let environment =
            variable(&["AWS_MAX_ATTEMPTS"]).map(|text| (Given::Variable("AWS_MAX_ATTEMPTS"), text));
        let profile = || {
            let text = self.get("max_attempts")?;
            Some((Given::Profile("max_attempts"), text.to_owned()))
        };
        let Some((given, text)) = environment.or_else(profile) else { return Ok(None) };
        match text.parse() {
            Ok(attempts) if attempts > 0 => Ok(Some(attempts)),
            _ => Err(CannotConnect::NoAttempts { given, text }),
        }
    }
}

fn files(settings: &Settings) -> Result<EnvConfigFiles, CannotConnect> {
    let mut files = EnvConfigFiles::builder()
        .include_default_config_file(settings.config_files.is_empty())
        .include_default_credentials_file(settings.credentials_files.is_empty());
    for (argument, kind, paths) in [
        ("shared_config_files", EnvConfigFileKind::Config, &settings.config_files),
        ("shared_credentials_files", EnvConfigFileKind::Credentials, &settings.credentials_files),
    ] {
        for (index, path) in paths.iter().enumerate() {
            let path = expanded(path);
            let given = Given::Element(argument, index);
            if let Err(why) = std::fs::File::open(&path) {
                return Err(CannotConnect::UnreadableFile { given, path, why });
            }
            files = files.with_file(kind, path);
        }
    }
    Ok(files.build())
}
