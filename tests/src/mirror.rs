//! A filesystem mirror: a folder from which `terraform init` installs the provider as it would
//! from a registry.

use std::path::{Path, PathBuf};

use anyhow::Context;
use logagg_release::archive;
use logagg_release::product::Product;

/// A mirror with one archive of the provider in it.
#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
}

impl Mirror {
    /// Packs the provider and lays it where Terraform looks for a provider of this address.
    ///
    /// # Errors
    /// When a file cannot be read or written, or no provider is released for this machine.
    pub fn of_program(dir: &Path, address: &str, provider: &Path) -> anyhow::Result<Self> {
        let product =
            Product::provider_here().context("no provider is released for this machine")?;
        let name = product.program.file_name(product.platform);
        Self::with(dir, address, &product.archive(), &archive::of_program(provider, &name)?)
    }

    /// Lays an archive of a release where Terraform looks for a provider of this address.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn of_archive(dir: &Path, address: &str, archive: &Path) -> anyhow::Result<Self> {
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        let bytes =
            std::fs::read(archive).with_context(|| format!("reading {}", archive.display()))?;
        Self::with(dir, address, &name, &bytes)
    }

    fn with(dir: &Path, address: &str, name: &str, archive: &[u8]) -> anyhow::Result<Self> {
        let folder = dir.join(address);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(name);
        std::fs::write(&path, archive).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Links programs where Terraform looks for the provider of an address and a version: nothing is packed,
    /// copied or unpacked.
    ///
    /// # Errors
    /// When a link cannot be made, or no provider is released for this machine.
    pub fn of_links(dir: &Path, providers: &[(String, &str, &Path)]) -> anyhow::Result<Self> {
        let product =
            Product::provider_here().context("no provider is released for this machine")?;
        for (address, version, program) in providers {
            let folder = dir.join(address).join(version).join(product.platform);
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("creating {}", folder.display()))?;
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            let link = folder.join(format!("{name}_v{version}"));
            std::os::unix::fs::symlink(program, &link)
                .with_context(|| format!("linking {}", link.display()))?;
        }
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
