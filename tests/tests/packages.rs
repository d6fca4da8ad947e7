//! What is published works where users take it from.

use logagg_e2e::binaries::Binaries;
use logagg_e2e::terraform::{Installation, Terraform};
use logagg_release::archive::{Compression, Stamp};
use logagg_release::compile;
use logagg_release::package::Package;
use logagg_release::product::{Product, VERSION};

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
