use std::str::FromStr;

/// What `refresh` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RefreshMode {
    #[default]
    Full,
    Incremental,
}

impl FromStr for RefreshMode {
    type Err = UnknownRefreshMode;

    fn from_str(text: &str) -> Result<Self, UnknownRefreshMode> {
        match text {
            "full" => Ok(Self::Full),
            "incremental" => Ok(Self::Incremental),
            _ => Err(UnknownRefreshMode { text: text.to_owned() }),
        }
    }
}

/// A string that names no way to refresh.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a refresh mode: it must be \"full\" or \"incremental\"")]
pub(crate) struct UnknownRefreshMode {
    text: String,
}
