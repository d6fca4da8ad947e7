//! Checksums and their signature. GnuPG is played by a program of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use logagg_release::product::VERSION;
use logagg_release::sums::{self, Signer};

/// A program that answers as GnuPG would: writes its arguments where the signature belongs.
fn gpg(folder: &Path, script: &str) -> PathBuf {
    let program = folder.join("gpg");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
}

fn release(folder: &Path) {
    for name in
        ["terraform-provider-logagg_VERSION_linux_amd64.zip", "logagg-shipper_VERSION_arm64.zip"]
    {
        fs::write(folder.join(name.replace("VERSION", VERSION)), name).unwrap();
    }
}

#[test]
fn a_list_is_signed_with_the_key_that_was_named_in_a_file_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("SHA256SUMS");
    fs::write(&list, "").unwrap();
    let signer =
        Signer { program: gpg(dir.path(), "echo \"$@\" > \"$7\""), key: "F00D".to_owned() };
    let signature = signer.sign(&list).unwrap();
    assert_eq!(signature, dir.path().join("SHA256SUMS.sig"));
    let said = fs::read_to_string(&signature).unwrap();
    let output = signature.display();
    assert_eq!(
        said.trim(),
        format!(
            "--batch --yes --local-user F00D --detach-sign --output {output} {}",
            list.display()
        )
    );
}

#[test]
fn errors_of_gnupg_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("SHA256SUMS");
    fs::write(&list, "").unwrap();
    let signer = Signer {
        program: gpg(dir.path(), "echo 'gpg: no such key' >&2; exit 2"),
        key: "F00D".to_owned(),
    };
    let error = signer.sign(&list).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("signing {} with the key F00D failed: gpg: no such key", list.display())
    );
}

#[test]
fn the_lists_are_over_the_release_alone_and_the_same_when_written_again() {
    let dir = tempfile::tempdir().unwrap();
    release(dir.path());
    fs::write(dir.path().join("notes.txt"), "x").unwrap();
    let lists = sums::write(dir.path()).unwrap();
    let read = || lists.each_ref().map(|list| fs::read_to_string(list).unwrap());
    let [provider, others] = read();
    assert_eq!((provider.lines().count(), others.lines().count()), (1, 1));
    assert!(provider.contains("_linux_amd64.zip") && others.contains("_arm64.zip"));
    sums::write(dir.path()).unwrap();
    assert_eq!(read(), [provider, others]);
}

#[test]
fn a_signature_does_not_outlive_the_list_it_is_for() {
    let dir = tempfile::tempdir().unwrap();
    release(dir.path());
    let [list, _] = sums::write(dir.path()).unwrap();
    let signer = Signer { program: gpg(dir.path(), "touch \"$7\""), key: "F00D".to_owned() };
    let signature = signer.sign(&list).unwrap();
    assert!(signature.is_file());
    sums::write(dir.path()).unwrap();
    assert!(!signature.exists());
}

#[test]
fn a_folder_without_a_release_is_not_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let error = sums::write(dir.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{} contains no release: run cargo pack first", dir.path().display())
    );
}
