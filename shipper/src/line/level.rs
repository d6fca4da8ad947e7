//! Levels, by the names of common loggers.

/// The severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Finer than debug.
    Trace,
    /// For debugging.
    Debug,
    /// Informational.
    Info,
    /// Informational and significant; `info` in documents and rules.
    Notice,
    /// A possible problem.
    Warn,
    /// An error.
    Error,
    /// The process cannot continue.
    Fatal,
}

impl Level {
    /// All levels that differ in documents, in ascending order.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info | Self::Notice => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// Parses a level's name, case-insensitive, from a level field. Go's slog writes intermediate
    /// levels as `ERROR+2`.
    pub fn from_name(name: &str) -> Option<Self> {
        let in_field = || find(name, &IN_FIELDS);
        let between = || {
            let (name, distance) = name.split_once(['+', '-'])?;
            distance.bytes().all(|byte| byte.is_ascii_digit()).then(|| find(name, &NAMES))?
        };
        find(name, &NAMES).or_else(in_field).or_else(between)
    }

    /// Parses a level's name, case-insensitive, from the head of a message. Names that are also
    /// common words do not count there.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        find(word, &NAMES)
    }

    /// Parses a level's number, as the Node loggers pino and bunyan write it.
    pub fn from_number(number: u64) -> Option<Self> {
        match number {
            10 => Some(Self::Trace),
            20 => Some(Self::Debug),
            30 => Some(Self::Info),
            40 => Some(Self::Warn),
            50 => Some(Self::Error),
            60 => Some(Self::Fatal),
            _ => None,
        }
    }
}

/// The names that loggers write, the most frequent first.
const NAMES: [(&str, Level); 31] = [
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
    ("debug", Level::Debug),
    ("warning", Level::Warn),
    ("trace", Level::Trace),
    ("information", Level::Info),
    ("notice", Level::Notice),
    ("err", Level::Error),
    ("fatal", Level::Fatal),
    ("critical", Level::Fatal),
    ("panic", Level::Fatal),
    ("dpanic", Level::Fatal),
    ("severe", Level::Error),
    ("crit", Level::Fatal),
    ("alert", Level::Fatal),
    ("emerg", Level::Fatal),
    ("emergency", Level::Fatal),
    // Below debug in some loggers, above it in others: an `exclude` rule for traces keeps it.
    ("verbose", Level::Debug),
    ("finest", Level::Trace),
    ("finer", Level::Trace),
    // Four letters in .NET's console, three in Serilog and zerolog.
    ("trce", Level::Trace),
    ("dbug", Level::Debug),
    ("fail", Level::Error),
    ("trc", Level::Trace),
    ("vrb", Level::Debug),
    ("dbg", Level::Debug),
    ("inf", Level::Info),
    ("wrn", Level::Warn),
    ("ftl", Level::Fatal),
    ("pnc", Level::Fatal),
];

/// Further names that are a level only in a level field.
const IN_FIELDS: [(&str, Level); 6] = [
    ("fine", Level::Debug),
    ("config", Level::Debug),
    ("silly", Level::Trace),
    ("http", Level::Info),
    ("success", Level::Info),
    ("log", Level::Info),
];

fn find(name: &str, names: &[(&str, Level)]) -> Option<Level> {
    names.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|&(_, level)| level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_names_of_all_runtimes_are_case_insensitive() {
        assert_eq!(Level::from_name("WARNING"), Some(Level::Warn));
        assert_eq!(Level::from_name("Information"), Some(Level::Info));
        assert_eq!(Level::from_name("CRITICAL"), Some(Level::Fatal));
        assert_eq!(Level::from_name("verbose-ish"), None);
        assert_eq!(Level::from_number(50), Some(Level::Error));
        assert_eq!(Level::from_number(51), None);
    }
}
