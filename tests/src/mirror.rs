//! A filesystem mirror: a folder from which `terraform init` installs the provider as it would
//! from a registry.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::archive;
use crate::binaries::VERSION;

/// The provider's address, as it stands in `required_providers` with its host.
pub const ADDRESS: &str = "registry.terraform.io/logagg/logagg";

/// A mirror with this checkout's provider in it.
#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
}

impl Mirror {
    /// Packs the provider as a release does and lays it where Terraform looks for it.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn create(dir: &Path, provider: &Path) -> anyhow::Result<Self> {
        let folder = dir.join(ADDRESS);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        let name = format!("terraform-provider-logagg_{VERSION}_{}.zip", platform());
        archive::write(
            &folder.join(name),
            provider,
            &format!("terraform-provider-logagg_v{VERSION}"),
        )?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Terraform's CLI configuration that installs from here and from nowhere else.
    pub fn cli_config(&self) -> String {
        format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
            self.dir.display()
        )
    }
}

/// This machine in Terraform's words.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        arch => arch,
    };
    format!("{os}_{arch}")
}
