//! The example under the real Terraform.

use std::path::Path;
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::program::{notes, probe};

/// A folder with a configuration, and Terraform set up to use a provider of this crate in it.
struct Workspace {
    folder: TempDir,
    reattach: Option<String>,
}

impl Workspace {
    fn new(provider: &str, program: &Path, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("bin")).unwrap();
        std::fs::create_dir(at("tmp")).unwrap();
        std::fs::create_dir(at("notes")).unwrap();
        let link = at("bin").join(format!("terraform-provider-{provider}"));
        std::os::unix::fs::symlink(program, link).unwrap();
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example/{provider}\" = {:?}\n  }}\n}}\n",
            at("bin")
        );
        std::fs::write(at("cli.tfrc"), overrides).unwrap();
        let workspace = Self { folder, reattach: None };
        workspace.configure(provider, configuration);
        workspace
    }

    fn notes(configuration: &str) -> Self {
        let workspace = Self::new("notes", notes(), "");
        workspace.configure_notes(configuration);
        workspace
    }

    fn configure_notes(&self, configuration: &str) {
        let folder = self.folder.path().join("notes");
        let provider = format!("provider \"notes\" {{\n  folder = {folder:?}\n}}\n{configuration}");
        self.configure("notes", &provider);
    }

    fn configure(&self, provider: &str, configuration: &str) {
        let source =
            format!("    {provider} = {{\n      source = \"example/{provider}\"\n    }}\n");
        let required = format!("terraform {{\n  required_providers {{\n{source}  }}\n}}\n");
        let text = format!("{required}{configuration}");
        std::fs::write(self.folder.path().join("main.tf"), text).unwrap();
    }

    async fn terraform(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().await.expect("terraform is on the PATH");
        self.check_sockets();
        output
    }

    #[track_caller]
    fn check_sockets(&self) {
        let left = self.folder.path().join("tmp").read_dir().unwrap().count();
        assert_eq!(left, 0, "no socket is left behind");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(arguments)
            .arg("-no-color")
            .current_dir(self.folder.path())
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("cli.tfrc"))
            .env("TMPDIR", self.folder.path().join("tmp"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env_remove("TF_LOG")
            .stdin(Stdio::null());
        if let Some(reattach) = &self.reattach {
            command.env("TF_REATTACH_PROVIDERS", reattach);
        }
        command
    }

    #[track_caller]
    fn note(&self, title: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("notes").join(title)).ok()
    }
}

#[track_caller]
fn check_code(output: &Output, code: i32) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

const MILK: &str = r#"
resource "notes_note" "milk" {
  title = "milk"
  text  = "Two litres."
}

data "notes_titles" "all" {
  depends_on = [notes_note.milk]
}

output "titles" {
  value = data.notes_titles.all.titles
}
"#;

#[tokio::test]
async fn a_resource_lives_its_life() {
    let workspace = Workspace::notes(MILK);
    let plan = workspace.terraform(&["plan", "-detailed-exitcode"]).await;
    assert!(check_code(&plan, 2).contains("+ bytes = 11"));
    let apply = workspace.terraform(&["apply", "-auto-approve"]).await;
    assert!(check_code(&apply, 0).contains("1 added, 0 changed, 0 destroyed"));
    assert_eq!(workspace.note("milk").as_deref(), Some("Two litres."));
    check_code(&workspace.terraform(&["plan", "-detailed-exitcode"]).await, 0);

    std::fs::write(workspace.folder.path().join("notes/milk"), "None.").unwrap();
    let drift = workspace.terraform(&["plan", "-detailed-exitcode"]).await;
    assert!(check_code(&drift, 2).contains(r#""None." -> "Two litres.""#));
    workspace.configure_notes(&MILK.replace(r#"title = "milk""#, r#"title = "cream""#));
    let replace = workspace.terraform(&["apply", "-auto-approve"]).await;
    assert!(check_code(&replace, 0).contains("1 added, 0 changed, 1 destroyed"));
    assert_eq!((workspace.note("milk"), workspace.note("cream").is_some()), (None, true));

    let destroy = workspace.terraform(&["destroy", "-auto-approve"]).await;
    assert!(check_code(&destroy, 0).contains("1 destroyed"));
    assert_eq!(workspace.note("cream"), None);
}

#[tokio::test]
async fn a_function_is_called_by_a_configuration() {
    let of = |call: &str| format!("output \"title\" {{\n  value = provider::notes::{call}\n}}\n");
    let workspace = Workspace::notes(&of(r#"title_of("Buy milk!", "And cream.")"#));
    let apply = workspace.terraform(&["apply", "-auto-approve"]).await;
    assert!(check_code(&apply, 0).contains(r#"title = "buy-milk-and-cream""#));
    workspace.configure_notes(&of(r#"title_of("!")"#));
    let wrong = check_code(&workspace.terraform(&["plan"]).await, 1);
    assert!(wrong.contains("parameter: There is no letter in it."), "{wrong}");
}

#[tokio::test]
async fn what_is_there_is_imported() {
    let workspace = Workspace::notes(MILK);
    std::fs::write(workspace.folder.path().join("notes/milk"), "Two litres.").unwrap();
    check_code(&workspace.terraform(&["import", "notes_note.milk", "milk"]).await, 0);
    let plan = workspace.terraform(&["plan", "-detailed-exitcode"]).await;
    assert!(!check_code(&plan, 0).contains("notes_note.milk will be"));
    let missing = workspace.terraform(&["import", "notes_note.milk", "tea"]).await;
    assert!(!missing.status.success());
}

#[tokio::test]
async fn an_invalid_argument_is_reported_on_its_path() {
    let workspace = Workspace::notes(&MILK.replace(
        r#""milk"
"#,
        "\"a/b\"\n",
    ));
    let plan = workspace.terraform(&["plan"]).await;
    let text = check_code(&plan, 1);
    assert!(text.contains("Error: Not a title"), "{text}");
    assert!(text.contains(r#"title = "a/b""#), "the line of the configuration: {text}");
}

/// The calls of the probe in a run, with the number in the private state of each.
fn calls(text: &str) -> Vec<&str> {
    let calls = text.lines().filter_map(|line| line.split_once("call: "));
    calls.filter_map(|(_, call)| Some(call.split_once(';')?.0)).collect()
}

#[tokio::test]
async fn private_data_goes_through_a_replacement_as_is_said_here() {
    let tagged =
        |tag: &str| format!("resource \"probe_thing\" \"one\" {{\n  tags = [{tag:?}]\n}}\n");
    let workspace = Workspace::new("probe", probe(), &tagged("a"));
    let apply = async || {
        let mut command = workspace.command(&["apply", "-auto-approve"]);
        let output = command.env("TF_LOG_PROVIDER", "INFO").output().await.unwrap();
        check_code(&output, 0)
    };
    let expected = ["plan of a creation with 0", "plan of a creation with 0", "create with 0"];
    assert_eq!(calls(&apply().await), expected);

    workspace.configure("probe", &tagged("b"));
    let expected = [
        "plan of an update with 101",
        "plan of a replacement with 101",
        "delete with 1101",
        "plan of a creation with 0",
        "create with 0",
    ];
    assert_eq!(calls(&apply().await), expected);

    check_code(&workspace.terraform(&["taint", "probe_thing.one"]).await, 0);
    let expected = [
        "plan of a creation with 0",
        "delete with 0",
        "plan of a creation with 0",
        "create with 0",
    ];
    assert_eq!(calls(&apply().await), expected, "nothing of what is in the state is given");

    let first_created =
        tagged("c").replace("}\n", "  lifecycle {\n    create_before_destroy = true\n  }\n}\n");
    workspace.configure("probe", &first_created);
    let expected = [
        "plan of an update with 101",
        "plan of a replacement with 101",
        "plan of a creation with 0",
        "create with 0",
        "plan of a destruction with 101",
        "delete with 101",
    ];
    assert_eq!(calls(&apply().await), expected, "what is deposed is planned by itself");
}

#[tokio::test]
async fn a_panic_is_shown_with_its_text() {
    let configuration = "resource \"probe_thing\" \"one\" {\n  act = \"panic\"\n}\n";
    let workspace = Workspace::new("probe", probe(), configuration);
    let apply = workspace.terraform(&["apply", "-auto-approve"]).await;
    let text = check_code(&apply, 1);
    assert!(text.contains("Error: Provider panicked"), "{text}");
    assert!(text.contains("panic: as configured"), "{text}");
}

#[tokio::test]
async fn ctrl_c_ends_a_running_apply() {
    let configuration = "resource \"probe_thing\" \"one\" {\n  act = \"wait\"\n}\n";
    let workspace = Workspace::new("probe", probe(), configuration);
    let mut terraform = workspace
        .command(&["apply", "-auto-approve"])
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(terraform.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("probe_thing.one: Creating...") {
            // As a terminal does: to Terraform and to the provider.
            let group = -i32::try_from(terraform.id().unwrap()).unwrap();
            kill(Pid::from_raw(group), Signal::SIGINT).unwrap();
        }
    }
    let text = check_code(&terraform.wait_with_output().await.unwrap(), 1);
    assert!(text.contains("Stopped while waiting."), "{text}");
    assert!(!text.contains("panic:") && !text.contains("Plugin did not respond"), "{text}");
    workspace.check_sockets();
}

#[tokio::test]
async fn terraform_attaches_to_a_provider_in_debug_mode() {
    let mut workspace = Workspace::notes(MILK);
    let folder = tempfile::tempdir().unwrap();
    let mut debugged = Command::new(notes())
        .arg("--debug")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(debugged.stdout.take().unwrap()).lines();
    let reattach = loop {
        let line = lines.next_line().await.unwrap().expect("the variable is printed");
        if let Some(value) = line.strip_prefix("export TF_REATTACH_PROVIDERS=") {
            break value.trim_matches('\'').to_owned();
        }
    };
    workspace.reattach = Some(reattach);
    // Several runs of Terraform use the one process.
    std::fs::remove_dir_all(workspace.folder.path().join("bin")).unwrap();
    check_code(&workspace.terraform(&["apply", "-auto-approve"]).await, 0);
    check_code(&workspace.terraform(&["plan", "-detailed-exitcode"]).await, 0);
    check_code(&workspace.terraform(&["destroy", "-auto-approve"]).await, 0);

    let pid = Pid::from_raw(debugged.id().unwrap().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    assert!(debugged.wait().await.unwrap().success());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
