//! Who may start a provider, who may connect to it, and how it ends.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use tfplugin::proto::plugin::Empty;
use tokio::process::Command;

use crate::client::{Terraform, connect_anonymously};
use crate::program::{COOKIE, Program, emptied, probe, run};

#[tokio::test]
async fn terraform_connects_and_shutdown_ends_the_process_and_removes_the_socket() {
    let terraform = Terraform::new();
    let program = Program::start(&terraform).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&program.socket), 0o600);
    assert_eq!(mode(program.socket.parent().unwrap()), 0o700);

    let mut connected = terraform.connect(&program).await.unwrap();
    let mut stdio = connected.stdio.stream_stdio(()).await.unwrap().into_inner();
    connected.controller.shutdown(Empty {}).await.unwrap();
    assert_eq!(
        stdio.message().await.unwrap(),
        None,
        "the stream lasts until the end, and is empty"
    );

    let output = program.end().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "one line, the handshake");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing where TF_LOG is not set");
}

#[tokio::test]
async fn only_the_certificate_of_terraform_is_let_in() {
    let terraform = Terraform::new();
    let program = Program::start_with(&terraform, &[("TF_LOG", "WARN")]).await;
    assert!(Terraform::new().connect(&program).await.is_err(), "another certificate");
    assert!(connect_anonymously(&program).await.is_err(), "no certificate");

    let mut connected = terraform.connect(&program).await.expect("Terraform still is");
    connected.controller.shutdown(Empty {}).await.unwrap();
    let log = String::from_utf8(program.end().await.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    // A client that is refused may try again before it gives up.
    let reasons: BTreeSet<_> = lines.iter().filter_map(|line| line["error"].as_str()).collect();
    let expected =
        ["invalid peer certificate: ApplicationVerificationFailure", "peer sent no certificates"];
    assert_eq!(reasons, BTreeSet::from(expected), "{log}");
    for line in lines {
        assert_eq!(line["@level"], "warn", "{log}");
        assert_eq!(line["@message"], "a connection was refused", "{log}");
        assert_eq!(line["@module"], "tfplugin::connection", "{log}");
    }
}

#[tokio::test]
async fn a_liveness_probe_is_not_logged_as_a_warning() {
    let terraform = Terraform::new();
    let program = Program::start_with(&terraform, &[("TF_LOG", "WARN")]).await;
    drop(tokio::net::UnixStream::connect(&program.socket).await.unwrap());
    let mut connected = terraform.connect(&program).await.unwrap();
    connected.controller.shutdown(Empty {}).await.unwrap();
    let log = String::from_utf8(program.end().await.stderr).unwrap();
    assert_eq!(log, "");
}

#[tokio::test]
async fn a_user_who_starts_it_gets_an_explanation() {
    for variables in [vec![], vec![(COOKIE.0, "wrong")]] {
        let output = run(&variables).await;
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(message.starts_with("This is a Terraform provider."), "{message}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_terraform_of_another_protocol_gets_the_version_it_needs() {
    let output = run(&[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "6")]).await;
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains(r#"plugin protocols "6""#), "{message}");
    assert!(message.contains("version 5 only"), "{message}");
}

#[tokio::test]
async fn ctrl_c_is_left_to_terraform_and_sigterm_ends_it() {
    let terraform = Terraform::new();
    let program = Program::start(&terraform).await;
    kill(program.pid(), Signal::SIGINT).unwrap();
    terraform.connect(&program).await.expect("it lives on");
    kill(program.pid(), Signal::SIGTERM).unwrap();
    assert!(program.end().await.status.success());
}

#[tokio::test]
async fn it_does_not_outlive_its_parent() {
    let terraform = Terraform::new();
    let mut shell = Command::new("sh");
    // The shell is the parent, and lives until its standard input is closed.
    shell.args(["-c", r#""$0" </dev/null & read line"#]).arg(probe());
    let mut program = Program::shake_hands(shell, &terraform).await;
    let connected = terraform.connect(&program).await.unwrap();
    program.close_input();
    drop(connected);
    emptied(program.folder.path()).await;
    program.end().await;
}
