use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the report is written.
#[derive(Debug)]
pub(crate) enum OutputFile {
    StandardOutput,
    /// A file that can be written. Its content is replaced only by a whole report.
    File {
        path: PathBuf,
        /// Whether it is removed where there is no report.
        new: bool,
    },
}

/// The report cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report to {}: {source}", path.display())]
pub(crate) struct Unwritable {
    path: PathBuf,
    source: std::io::Error,
}

impl OutputFile {
    /// Checks that a file can be written; none is standard output.
    pub(crate) fn open(path: Option<PathBuf>) -> Result<Self, Unwritable> {
        let Some(path) = path else { return Ok(Self::StandardOutput) };
        let new = !path.exists();
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        match opened {
            Ok(_) => Ok(Self::File { path, new }),
            Err(source) => Err(Unwritable { path, source }),
        }
    }

    pub(crate) fn write(mut self, text: &str) -> Result<(), Unwritable> {
        match &mut self {
            Self::StandardOutput => std::io::stdout()
                .lock()
                .write_all(text.as_bytes())
                .map_err(Unwritable::standard_output),
            Self::File { path, new } => {
                *new = false;
                std::fs::write(&*path, text)
                    .map_err(|source| Unwritable { path: path.clone(), source })
            }
        }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Self::File { path, new: true } = self {
            // What is left is an empty file.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Unwritable {
    pub(crate) fn standard_output(source: std::io::Error) -> Self {
        Self { path: Path::new("standard output").to_owned(), source }
    }
}
