//! Installs the provider where Terraform and OpenTofu find it.
//!
//! <https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories>

use std::path::{Path, PathBuf};

use anyhow::Context;
use logagg_release::product::{Product, VERSION};

use crate::release;

/// The registries at which a configuration means this provider by `logagg/logagg`: Terraform's and OpenTofu's.
const ADDRESSES: [&str; 2] =
    ["registry.terraform.io/logagg/logagg", "registry.opentofu.org/logagg/logagg"];

/// Builds the provider as it is released and copies it to `into`, or to the folder that Terraform searches.
pub(crate) fn run(into: Option<PathBuf>) -> anyhow::Result<()> {
    let product = Product::provider_here().context("no provider is released for this machine")?;
    let folder = match into {
        Some(folder) => folder,
        None => plugins()?,
    };
    let built = release::build(&[product.program.package()])?;
    let extension = std::env::consts::EXE_SUFFIX;
    let program = built.join(format!("{}{extension}", product.program.binary()));
    let name = product.program.file_name(product.platform);
    for installed in install(&folder, product.platform, &name, &program)? {
        println!("{}", installed.display());
    }
    println!("terraform init takes version {VERSION} of logagg/logagg from {}", folder.display());
    Ok(())
}

/// Copies the program to its place for each registry.
fn install(
    folder: &Path,
    platform: &str,
    name: &str,
    program: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut installed = Vec::new();
    for address in ADDRESSES {
        let folder = folder.join(address).join(VERSION).join(platform);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(name);
        // A provider that is running keeps its file, and the next one is another.
        let partial = folder.join(format!(".{name}.partial"));
        std::fs::copy(program, &partial)
            .and_then(|_| std::fs::rename(&partial, &path))
            .with_context(|| format!("copying {} to {}", program.display(), path.display()))?;
        installed.push(path);
    }
    Ok(installed)
}

/// The folder of the user's that Terraform searches for providers.
fn plugins() -> anyhow::Result<PathBuf> {
    let (variable, below) =
        if cfg!(windows) { ("APPDATA", "terraform.d") } else { ("HOME", ".terraform.d") };
    let home = std::env::var_os(variable)
        .filter(|home| !home.is_empty())
        .with_context(|| format!("{variable} is not set: name a folder with --into"))?;
    Ok(Path::new(&home).join(below).join("plugins"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_installation_replaces_the_first_at_each_address() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("provider");
        for content in ["first", "second"] {
            std::fs::write(&program, content).unwrap();
            let installed = install(folder.path(), "linux_amd64", "p_v1", &program).unwrap();
            assert_eq!(installed.len(), ADDRESSES.len());
            for (path, address) in installed.iter().zip(ADDRESSES) {
                let expected = format!("{address}/{VERSION}/linux_amd64/p_v1");
                assert_eq!(path, &folder.path().join(expected));
                assert_eq!(std::fs::read_to_string(path).unwrap(), content);
                assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1);
            }
        }
    }
}
