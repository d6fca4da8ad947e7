//! What is in an archive, and that nothing else has a part in it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::LazyLock;

use logagg_release::archive::{Compression, Stamp};
use logagg_release::compile;
use logagg_release::package::Package;
use logagg_release::product::{PRODUCTS, Product, Program, VERSION};
use logagg_release::sums;
use serde_json::{Value, json};

fn product(program: Program) -> Product {
    PRODUCTS.into_iter().find(|product| product.program == program).unwrap()
}

/// Packages placeholders of compiled programs, and returns every file's name and content.
fn packed(folder: &Path, mode: u32) -> BTreeMap<String, Vec<u8>> {
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    let package = Package {
        folder: folder.join("package"),
        stamp: Stamp::earliest(),
        compression: Compression::Best,
    };
    for program in [Program::Provider, Program::Report, Program::Shipper] {
        let file = programs.join(program.binary());
        fs::write(&file, format!("the {} itself", program.name())).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        package.add(&product(program), &file, &compile::host().unwrap()).unwrap();
    }
    package.add_manifest().unwrap();
    sums::write(&package.folder).unwrap();
    let files = fs::read_dir(&package.folder).unwrap().map(Result::unwrap);
    files
        .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
        .collect()
}

/// The same, packed once for the tests that only look at it.
fn release() -> &'static BTreeMap<String, Vec<u8>> {
    static RELEASE: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        packed(dir.path(), 0o755)
    });
    &RELEASE
}

fn entry(archive: &[u8], name: &str) -> Vec<u8> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut content = Vec::new();
    zip.by_name(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

#[test]
fn the_same_programs_give_the_same_bytes_in_any_folder() {
    let dir = tempfile::tempdir().unwrap();
    let second = packed(&dir.path().join("a/longer/way"), 0o644);
    let first = release();
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, content) in first {
        assert!(content == &second[name], "{name} differs");
    }
}

#[test]
fn a_release_has_the_names_that_registry_and_lambda_expect() {
    let files = release();
    let provider = format!("terraform-provider-logagg_{VERSION}");
    let shipper = format!("logagg-shipper_{VERSION}");
    let archive = format!("{provider}_linux_amd64.zip");
    let report = format!("logagg-report_{VERSION}_linux_amd64");
    let names = [
        format!("{report}.cdx.json"),
        format!("{report}.zip"),
        format!("{shipper}_x86_64.cdx.json"),
        format!("{shipper}_x86_64.zip"),
        format!("logagg_{VERSION}_SHA256SUMS"),
        format!("{provider}_SHA256SUMS"),
        format!("{provider}_linux_amd64.cdx.json"),
        archive.clone(),
        format!("{provider}_manifest.json"),
    ];
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), names);
    let program = entry(&files[&archive], &format!("terraform-provider-logagg_v{VERSION}"));
    assert_eq!(program, b"the terraform-provider-logagg itself");
    let bootstrap = entry(&files[&format!("{shipper}_x86_64.zip")], "bootstrap");
    assert_eq!(bootstrap, b"the logagg-shipper itself");
    let page_writer = entry(&files[&format!("{report}.zip")], "logagg-report");
    assert_eq!(page_writer, b"the logagg-report itself");
    let manifest: Value =
        serde_json::from_slice(&files[&format!("{provider}_manifest.json")]).unwrap();
    assert_eq!(manifest, json!({"version": 1, "metadata": {"protocol_versions": ["5.0"]}}));
    let sums = String::from_utf8(files[&format!("{provider}_SHA256SUMS")].clone()).unwrap();
    let listed: Vec<_> = sums.lines().map(|line| line.split_once("  ").unwrap()).collect();
    assert_eq!(
        listed,
        [
            (sums::hex(&files[&archive]).as_str(), archive.as_str()),
            (
                sums::hex(&files[&format!("{provider}_manifest.json")]).as_str(),
                format!("{provider}_manifest.json").as_str()
            ),
        ]
    );
}

#[test]
fn the_bill_of_materials_lists_what_is_linked_and_nothing_that_only_compiles() {
    let files = release();
    let bill = &files[&format!("logagg-shipper_{VERSION}_x86_64.cdx.json")];
    let bill: Value = serde_json::from_slice(bill).unwrap();
    let components = bill["components"].as_array().unwrap();
    let find = |name: &str| components.iter().find(|component| component["name"] == name);
    let tokio = find("tokio").expect("tokio is linked");
    assert_eq!(tokio["licenses"], json!([{"expression": "MIT"}]));
    assert!(tokio["purl"].as_str().unwrap().starts_with("pkg:cargo/tokio@1."), "{tokio}");
    assert_eq!(tokio["hashes"][0]["content"].as_str().unwrap().len(), 64);
    assert!(find("rust-std").is_some());
    for only_compiles in ["serde_derive", "syn", "proptest", "cc"] {
        assert_eq!(find(only_compiles), None);
    }
    let known: Vec<_> = components
        .iter()
        .chain([&bill["metadata"]["component"]])
        .map(|component| &component["bom-ref"])
        .collect();
    for dependency in bill["dependencies"].as_array().unwrap() {
        assert!(known.contains(&&dependency["ref"]), "{dependency}");
        for on in dependency["dependsOn"].as_array().into_iter().flatten() {
            assert!(known.contains(&on), "{dependency}");
        }
    }
}

#[test]
fn the_licenses_of_others_go_along() {
    let files = release();
    let archive = &files[&format!("logagg-shipper_{VERSION}_x86_64.zip")];
    let license = fs::read(compile::root().join("LICENSE")).unwrap();
    assert_eq!(entry(archive, "LICENSE"), license);
    let others = String::from_utf8(entry(archive, "THIRD-PARTY.txt")).unwrap();
    assert!(others.contains("\n  tokio 1."), "the list of crates");
    assert!(others.contains("OpenSSL"), "what a crate carries of others in its turn");
    let author = "Copyright (c) Tokio Contributors";
    assert_eq!(others.matches(author).count(), 1, "a text stands once, with its author");
}

#[test]
fn only_packages_of_another_version_are_removed_before_packing() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["logagg-shipper_0.0.1_arm64.zip", "notes.txt"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let package = Package {
        folder: dir.path().to_owned(),
        stamp: Stamp::earliest(),
        compression: Compression::Best,
    };
    package.clear().unwrap();
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}
