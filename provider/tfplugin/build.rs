//! Compiles the protocol, without needing protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["proto/tfplugin5.proto", "proto/plugin.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    tonic_prost_build::configure()
        // A procedure without an implementation returns unimplemented, which Terraform expects of
        // procedures newer than the provider.
        .generate_default_stubs(true)
        .compile_fds(protox::compile(files, ["proto"])?)?;
    Ok(())
}
