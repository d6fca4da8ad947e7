//! Zip archives whose bytes depend on nothing but what is in them.

use std::io::{Cursor, Write};

use anyhow::{Context, ensure};
use time::OffsetDateTime;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file in an archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name there.
    pub name: &'a str,
    /// What is in it.
    pub content: &'a [u8],
    /// What may be done with it.
    pub mode: Mode,
}

/// What may be done with a file.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// It is run.
    Program,
    /// It is read.
    Text,
}

/// Whether it is worth to compress.
#[derive(Debug, Clone, Copy)]
pub enum Compression {
    /// For what is sent far and often.
    Best,
    /// For what stays on this machine, where compressing takes longer than copying.
    Stored,
}

/// When everything in an archive was last changed.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    in_archive: DateTime,
    unix_seconds: i64,
}

impl Stamp {
    /// The earliest time that an archive can represent: 1980.
    pub fn earliest() -> Self {
        const BEGIN_OF_1980: i64 = 315_532_800;

        Self { in_archive: DateTime::default(), unix_seconds: BEGIN_OF_1980 }
    }

    /// The time in seconds since 1970.
    pub fn unix_seconds(self) -> i64 {
        self.unix_seconds
    }

    /// The time that `SOURCE_DATE_EPOCH` gives, in seconds since 1970; the earliest without it.
    ///
    /// # Errors
    /// When it is not a number, or not a time that an archive can represent: 1980 to 2107.
    pub fn from_source_date_epoch(epoch: Option<&str>) -> anyhow::Result<Self> {
        let Some(epoch) = epoch else { return Ok(Self::earliest()) };
        let stamp = |epoch: &str| -> anyhow::Result<Self> {
            let unix_seconds = epoch.trim().parse()?;
            let at = OffsetDateTime::from_unix_timestamp(unix_seconds)?;
            let year = u16::try_from(at.year())?;
            let month = u8::from(at.month());
            let in_archive = DateTime::from_date_and_time(
                year,
                month,
                at.day(),
                at.hour(),
                at.minute(),
                at.second(),
            )?;
            Ok(Self { in_archive, unix_seconds })
        };
        stamp(epoch).with_context(|| {
            format!(
                "SOURCE_DATE_EPOCH={epoch} is not a time from 1980 to 2107 in seconds since 1970"
            )
        })
    }
}

/// The bytes of an archive with these files, in this order.
///
/// # Errors
/// When there is none, or two have the same name.
pub fn pack(entries: &[Entry], stamp: Stamp, compression: Compression) -> anyhow::Result<Vec<u8>> {
    ensure!(!entries.is_empty(), "an archive must contain at least one file");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let packing = || format!("packing {}", entry.name);
        let options = SimpleFileOptions::default()
            .last_modified_time(stamp.in_archive)
            .unix_permissions(match entry.mode {
                Mode::Program => 0o755,
                Mode::Text => 0o644,
            });
        let options = match compression {
            Compression::Best => {
                options.compression_method(CompressionMethod::Deflated).compression_level(Some(9))
            }
            Compression::Stored => options.compression_method(CompressionMethod::Stored),
        };
        zip.start_file(entry.name, options).with_context(packing)?;
        zip.write_all(entry.content).with_context(packing)?;
    }
    Ok(zip.finish().context("packing")?.into_inner())
}

/// The bytes of an archive that holds a program and nothing else, for use on this machine.
///
/// # Errors
/// When the program cannot be read.
pub fn of_program(program: &std::path::Path, name: &str) -> anyhow::Result<Vec<u8>> {
    let content =
        std::fs::read(program).with_context(|| format!("reading {}", program.display()))?;
    let entry = Entry { name, content: &content, mode: Mode::Program };
    pack(&[entry], Stamp::earliest(), Compression::Stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(epoch: Option<&str>) -> Vec<u8> {
        let entries = [
            Entry { name: "bootstrap", content: b"program", mode: Mode::Program },
            Entry { name: "LICENSE", content: b"may be read", mode: Mode::Text },
        ];
        pack(&entries, Stamp::from_source_date_epoch(epoch).unwrap(), Compression::Best).unwrap()
    }

    #[test]
    fn the_program_may_be_run_and_every_time_is_that_of_the_source() {
        let mut zip = zip::ZipArchive::new(Cursor::new(archive(Some("1795428930")))).unwrap();
        let program = zip.by_index(0).unwrap();
        assert_eq!(
            (program.name().unwrap().as_ref(), program.unix_mode()),
            ("bootstrap", Some(0o100_755))
        );
        assert_eq!(program.last_modified().unwrap().to_string(), "2026-11-23 10:15:30");
        drop(program);
        let text = zip.by_index(1).unwrap();
        assert_eq!((text.name().unwrap().as_ref(), text.unix_mode()), ("LICENSE", Some(0o100_644)));
    }

    #[test]
    fn the_earliest_time_is_the_same_in_seconds() {
        let earliest = Stamp::earliest();
        let seconds = earliest.unix_seconds().to_string();
        let read = Stamp::from_source_date_epoch(Some(&seconds)).unwrap();
        assert_eq!(read.in_archive, earliest.in_archive);
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_another_time_gives_others() {
        assert_eq!(archive(None), archive(None));
        assert_ne!(archive(None), archive(Some("1795428930")));
    }

    #[test]
    fn a_time_outside_of_the_archive_format_is_an_error_that_names_it() {
        for epoch in ["yesterday", "0", "99999999999"] {
            let error = Stamp::from_source_date_epoch(Some(epoch)).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("SOURCE_DATE_EPOCH={epoch} is not a time")),
                "{error}"
            );
        }
    }
}
