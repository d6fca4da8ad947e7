use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Those that can work without a window, by their usual names.
const PROGRAMS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

/// A browser of this machine. None is ever fetched.
pub(super) struct Browser {
    program: PathBuf,
}

impl Browser {
    /// The first that is on `PATH`.
    pub(super) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let places = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
        let program = places.into_iter().find(|place| place.is_file())?;
        Some(Self { program })
    }

    /// Pictures of a page: on a screen, light, dark and narrow, and on paper.
    ///
    /// # Errors
    /// When the browser fails, or writes no picture.
    pub(super) fn picture(&self, page: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let screen = |width: u32, height: u32| format!("--window-size={width},{height}");
        let pictures = [
            ("light.png", "--screenshot", vec![screen(1_280, 3_600)]),
            (
                "dark.png",
                "--screenshot",
                vec![screen(1_280, 3_600), "--force-dark-mode".to_owned()],
            ),
            ("narrow.png", "--screenshot", vec![screen(500, 3_600)]),
            ("paper.pdf", "--print-to-pdf", vec!["--no-pdf-header-footer".to_owned()]),
        ];
        let profile = tempfile::tempdir().context("making a folder for the browser")?;
        let mut written = Vec::new();
        for (name, what, more) in pictures {
            let picture = folder.join(name);
            if picture.exists() {
                std::fs::remove_file(&picture)
                    .with_context(|| format!("removing {}", picture.display()))?;
            }
            let status = Command::new(&self.program)
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg(format!("{what}={}", picture.display()))
                .args(more)
                .arg(format!("file://{}", page.display()))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .with_context(|| format!("starting {}", self.program.display()))?;
            ensure!(status.success(), "the browser failed ({status})");
            ensure!(picture.is_file(), "the browser did not write {}", picture.display());
            written.push(picture);
        }
        Ok(written)
    }
}
