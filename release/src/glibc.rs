use anyhow::{Context, ensure};
use elf::ElfBytes;
use elf::endian::AnyEndian;

/// The glibc of Amazon Linux 2023, which the runtime `provided.al2023` is.
pub(crate) const OF_LAMBDA: Version = Version { major: 2, minor: 34 };

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Version {
    /// Reads what a symbol asks for, as in `GLIBC_2.34`.
    fn of_symbol(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
        let major = numbers.next()?.parse().ok()?;
        Some(Self { major, minor: numbers.next().unwrap_or("0").parse().ok()? })
    }
}

/// The oldest glibc that a program starts with; none if it needs none.
///
/// # Errors
/// When an ELF file is damaged.
pub(crate) fn needed(program: &[u8]) -> anyhow::Result<Option<Version>> {
    if !program.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    let reading = "reading a program's symbols";
    let file = ElfBytes::<AnyEndian>::minimal_parse(program).context(reading)?;
    let Some(versions) = file.symbol_version_table().context(reading)? else { return Ok(None) };
    let Some((symbols, _)) = file.dynamic_symbol_table().context(reading)? else { return Ok(None) };
    let mut newest = None;
    for symbol in 0..symbols.len() {
        let required = versions.get_requirement(symbol).context(reading)?;
        newest = newest.max(required.and_then(|it| Version::of_symbol(it.name)));
    }
    Ok(newest)
}

/// Makes sure that a Lambda function starts.
///
/// # Errors
/// When it needs a newer glibc than Lambda has.
pub(crate) fn starts_in_lambda(program: &[u8]) -> anyhow::Result<()> {
    if let Some(needed) = needed(program)? {
        ensure!(
            needed <= OF_LAMBDA,
            "the function would not start: it needs glibc {needed}, and provided.al2023 has \
             {OF_LAMBDA}; compile it on a system that is as old, or for a musl target"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |name| Version::of_symbol(name).unwrap();
        assert!(version("GLIBC_2.4") < version("GLIBC_2.34"));
        assert!(version("GLIBC_2.2.5") < OF_LAMBDA);
        assert_eq!(version("GLIBC_2.34"), OF_LAMBDA);
        assert_eq!(Version::of_symbol("GCC_3.0"), None);
        assert_eq!(Version::of_symbol("GLIBC_PRIVATE"), None);
    }

    #[test]
    fn what_is_no_elf_file_needs_no_glibc_and_a_damaged_one_is_an_error() {
        assert_eq!(needed(b"MZ").unwrap(), None);
        assert!(needed(b"\x7fELF and no more").is_err());
    }

    #[test]
    fn a_program_of_this_machine_tells_what_it_needs() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needed = needed(&program).unwrap();
        assert_eq!(needed.is_some(), cfg!(all(target_os = "linux", target_env = "gnu")));
    }
}
