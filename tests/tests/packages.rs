//! What is published works where users take it from.

use boon::{Compiler, SchemaIndex, Schemas};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::progress;
use logagg_e2e::python::Python;
use logagg_e2e::terraform::{Installation, Terraform};
use logagg_release::archive::{Compression, Stamp};
use logagg_release::compile;
use logagg_release::package::Package;
use logagg_release::product::{PRODUCTS, Product, Program, VERSION};
use serde_json::{Value, json};

use crate::scene::{Scene, says};

#[test]
fn the_packed_provider_installs_from_a_mirror_and_plans() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package {
        folder: folder.path().to_owned(),
        stamp: Stamp::earliest(),
        compression: Compression::Stored,
    };
    let product = Product::provider_here().unwrap();
    let provider = &Binaries::shared().provider;
    let archive = package.add(&product, provider, &compile::host().unwrap()).unwrap();
    let scene = Scene::with_groups(&["/app/a"]);
    let installed = Terraform::new(Installation::Archive(&archive))
        .unwrap()
        .with_environment(scene.account.environment(&scene.proxy.endpoint()));
    scene.policy(&scene.usual_policy());
    let text = std::fs::read_to_string(scene.terraform.dir().join("main.tf")).unwrap();
    installed.write("main.tf", &text).unwrap();
    let init = installed.run(&["init", "-no-color"]).unwrap();
    assert_eq!(init.code(), 0, "{init}");
    says(&init, &format!("Installed logagg/logagg v{VERSION}"));
    let plan = installed.plan(&[]).unwrap();
    assert_eq!(plan.code(), 2, "{plan}");
}

/// CycloneDX's own schema, which a package of Python's brings along.
fn schema_of_bills() -> (Schemas, SchemaIndex) {
    let package = Python::ready(&progress::to_stderr).unwrap().package("cyclonedx").unwrap();
    let mut compiler = Compiler::new();
    for name in ["bom-1.6", "cryptography-defs", "jsf-0.82", "spdx"] {
        let file = package.join(format!("schema/_res/{name}.SNAPSHOT.schema.json"));
        let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let place = format!("http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json");
        compiler.add_resource(&place, schema).unwrap();
    }
    let mut schemas = Schemas::new();
    let bill = "http://cyclonedx.org/schema/bom-1.6.SNAPSHOT.schema.json";
    let index = compiler.compile(bill, &mut schemas).unwrap();
    (schemas, index)
}

#[test]
fn every_bill_of_materials_is_one_by_cyclonedx_schema() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package {
        folder: folder.path().to_owned(),
        stamp: Stamp::earliest(),
        compression: Compression::Stored,
    };
    let program = folder.path().join("program");
    std::fs::write(&program, "in place of a program").unwrap();
    let (schemas, index) = schema_of_bills();
    let refusal =
        |bill: &Value| schemas.validate(bill, index).err().map(|error| format!("{error:#}"));
    for wanted in [Program::Provider, Program::Shipper, Program::Enforcer, Program::Report] {
        let product = PRODUCTS.into_iter().find(|product| product.program == wanted).unwrap();
        package.add(&product, &program, &compile::host().unwrap()).unwrap();
        let bill = folder.path().join(format!("{}.cdx.json", product.stem()));
        let mut bill: Value = serde_json::from_slice(&std::fs::read(bill).unwrap()).unwrap();
        assert_eq!(refusal(&bill), None, "{}", product.stem());
        bill["components"][0]["type"] = json!("crate");
        assert!(refusal(&bill).is_some(), "the schema looks at components");
    }
}
