//! Zip archives with one program in them: what Terraform installs and what Lambda runs.

use std::fs::File;
use std::io::{Cursor, Seek, Write};
use std::path::Path;

use anyhow::Context;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes an archive that holds `program`, executable, under `name`.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(archive: &Path, program: &Path, name: &str) -> anyhow::Result<()> {
    let file = File::create(archive).with_context(|| format!("creating {}", archive.display()))?;
    pack(file, program, name)?;
    Ok(())
}

/// The bytes of an archive that holds `program`, executable, under `name`.
///
/// # Errors
/// When the program cannot be read.
pub fn bytes(program: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    Ok(pack(Cursor::new(Vec::new()), program, name)?.into_inner())
}

fn pack<W: Write + Seek>(into: W, program: &Path, name: &str) -> anyhow::Result<W> {
    let mut source =
        File::open(program).with_context(|| format!("opening {}", program.display()))?;
    let options = SimpleFileOptions::default()
        // It goes no further than this machine, where compressing takes longer than copying.
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(into);
    let packing = || format!("packing {}", program.display());
    zip.start_file(name, options).with_context(packing)?;
    std::io::copy(&mut source, &mut zip).with_context(packing)?;
    zip.finish().with_context(packing)
}
