/// The first of these environment variables that says something. One that is set and empty, as a
/// job without a value often leaves it, says nothing.
pub(super) fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// A path with `~` at its beginning as a shell reads it.
pub(super) fn expanded(path: &str) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}
