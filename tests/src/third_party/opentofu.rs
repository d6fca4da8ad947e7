//! OpenTofu, built from the Go module proxy.
//!
//! `go install` refuses a module that replaces another, so a module of our own requires OpenTofu and
//! repeats what it replaces.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail, ensure};
use nix::unistd::Pid;
use serde_json::Value;

use super::go::Go;
use super::{cache, tools, versions};
use crate::cli::Cli;
use crate::interrupt::{self, Interruptible};
use crate::progress::Progress;
use crate::workspace;

const NAME: &str = "opentofu";

/// The variable by which the tests know where OpenTofu lies.
pub const BINARY_VARIABLE: &str = "LOGAGG_OPENTOFU";

/// The tests that run with OpenTofu, which are ignored by default.
const TESTS: &str = "opentofu::";

const MODULE: &str = "github.com/opentofu/opentofu";
const COMMAND: &str = "github.com/opentofu/opentofu/cmd/tofu";

/// A version that is built without this calls itself a development build.
const RELEASED: &str = "-s -w -X github.com/opentofu/opentofu/version.dev=no";

/// Progress is reported once for this many compiled packages.
const REPORT_EVERY: usize = 100;

/// Says what this machine lacks to build it.
///
/// # Errors
/// Likewise.
pub fn needs() -> anyhow::Result<()> {
    let version = versions::of(NAME)?.version;
    Go::needed(&key(&version), &what(&version))
}

/// The pinned version, built where it is missing.
///
/// # Errors
/// What is missing, or what Go said.
pub fn program(progress: Progress) -> anyhow::Result<PathBuf> {
    let version = versions::of(NAME)?.version;
    let folder = cache::built(&key(&version), |folder| {
        let go = tools::go(&format!("building {}", what(&version)))?;
        build(&go, folder, &version, progress).map(drop)
    })?;
    Ok(folder.join("tofu"))
}

fn key(version: &str) -> String {
    format!("{NAME}-{version}")
}

fn what(version: &str) -> String {
    format!("OpenTofu {version}")
}

/// Builds OpenTofu into a folder, where it does not lie there already; returns the program.
///
/// # Errors
/// What Go said, when it cannot be started or fails.
fn build(go: &Path, folder: &Path, version: &str, progress: Progress) -> anyhow::Result<PathBuf> {
    let program = folder.join("tofu");
    if program.exists() && is(&program, version) {
        return Ok(program);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    // In the same folder, so that the program can be renamed into its place.
    let scratch = tempfile::Builder::new()
        .prefix("building-")
        .tempdir_in(folder)
        .with_context(|| format!("creating a folder in {}", folder.display()))?;
    let builder = Builder { go, folder: scratch.path(), version, progress };
    builder.write_module()?;
    let built = builder.build()?;
    ensure!(is(&built, version), "what was built is not OpenTofu {version}");
    std::fs::rename(&built, &program)
        .with_context(|| format!("moving OpenTofu to {}", program.display()))?;
    Ok(program)
}

/// Runs the tests that are for OpenTofu with this one.
///
/// # Errors
/// What cargo printed, when one of them fails.
pub fn run_scenes(tofu: &Path) -> anyhow::Result<String> {
    Cli::opentofu(tofu)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        // With the features that the whole workspace has, so that nothing is compiled twice.
        .args(["test", "--quiet", "--workspace", "--test", "e2e", "--", "--ignored", TESTS])
        .env(BINARY_VARIABLE, tofu)
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command.output().context("running cargo to test with OpenTofu")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "tests with OpenTofu fail:\n{said}");
    ensure!(!said.contains(" 0 passed"), "there are no tests for OpenTofu:\n{said}");
    Ok(said)
}

/// Whether a program is OpenTofu of this version.
fn is(program: &Path, version: &str) -> bool {
    Cli::opentofu(program).and_then(|tofu| tofu.version()).is_ok_and(|found| found == version)
}

struct Builder<'a> {
    go: &'a Path,
    folder: &'a Path,
    version: &'a str,
    progress: Progress<'a>,
}

impl Builder<'_> {
    /// Writes a module with the same dependencies in the same versions.
    fn write_module(&self) -> anyhow::Result<()> {
        let version = self.version;
        (self.progress)(&format!("downloading OpenTofu {version} and what it is made of"));
        let required = format!("{MODULE}@v{version}");
        let downloaded = self.json(&["mod", "download", "-json", &required])?;
        let path = |name: &str| {
            let path = downloaded[name].as_str().map(PathBuf::from);
            path.with_context(|| format!("go did not say where {required} lies: {downloaded}"))
        };
        let (module, sources) = (path("GoMod")?, path("Dir")?);
        let theirs = self.json(&["mod", "edit", "-json", &module.display().to_string()])?;
        self.write("go.mod", &module_like(&theirs, version)?)?;
        let sums = sources.join("go.sum");
        let sums = std::fs::read_to_string(&sums)
            .with_context(|| format!("reading {}", sums.display()))?;
        self.write("go.sum", &sums)?;
        // What a module requires it must use.
        self.write(
            "tools.go",
            &format!("//go:build tools\n\npackage tools\n\nimport _ {COMMAND:?}\n"),
        )
    }

    fn build(&self) -> anyhow::Result<PathBuf> {
        let built = self.folder.join("tofu");
        let arguments = ["build", "-v", "-ldflags", RELEASED, "-o"];
        let arguments = arguments.iter().map(OsStr::new);
        self.run(arguments.chain([built.as_os_str(), OsStr::new(COMMAND)]))?;
        Ok(built)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Runs a command of Go's that prints JSON.
    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let printed = self.run(arguments.iter().map(OsStr::new))?;
        serde_json::from_str(&printed)
            .with_context(|| format!("reading what go {} printed", arguments.join(" ")))
    }

    /// Runs Go in the module's folder; returns what it printed.
    fn run<'s>(&self, arguments: impl Iterator<Item = &'s OsStr>) -> anyhow::Result<String> {
        interrupt::check()?;
        let mut command = tools::go_command(self.go);
        command
            .args(arguments)
            .current_dir(self.folder)
            // Nothing of the user's settings that changes the build.
            .env("GOFLAGS", "-mod=mod -buildvcs=false")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, so that the compilers end with it.
            .process_group(0);
        let (version, go) = (self.version, self.go.display());
        let mut child = command.spawn().with_context(|| {
            format!("running {go} to build OpenTofu {version} (is Go installed?)")
        })?;
        let group = Pid::from_raw(i32::try_from(child.id()).context("a process id")?);
        let _interruptible = Interruptible::new(group);
        let (printed, said) = self.read(&mut child)?;
        let status = child.wait().context("waiting for go")?;
        if !status.success() {
            interrupt::check()?;
            bail!(
                "building OpenTofu {version} with {go} failed ({status}; \
                 does this machine reach the Go module proxy?):\n{said}{printed}"
            );
        }
        Ok(printed)
    }

    /// Everything printed, and what was said besides, of which some is passed on at once.
    fn read(&self, child: &mut Child) -> anyhow::Result<(String, String)> {
        let stdout = child.stdout.take().context("reading what go printed")?;
        let stderr = child.stderr.take().context("reading what go said")?;
        std::thread::scope(|scope| {
            let printed = scope.spawn(|| std::io::read_to_string(stdout));
            let mut packages = 0;
            let mut said = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // What is said beside the names of packages has more in a line.
                if !line.contains([' ', ':']) {
                    packages += 1;
                    if packages % REPORT_EVERY == 0 {
                        let version = self.version;
                        (self.progress)(&format!(
                            "building OpenTofu {version}: {packages} packages compiled"
                        ));
                    }
                } else {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
            let printed = printed.join().unwrap_or_else(|_| Ok(String::new()));
            Ok((printed.context("reading what go printed")?, said))
        })
    }
}

/// A module that requires OpenTofu and has of it what a module does not inherit from one that it
/// requires: the version of Go, its defaults, and what is replaced.
fn module_like(theirs: &Value, version: &str) -> anyhow::Result<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| theirs[name].as_array().into_iter().flatten();
    let go = text(&theirs["Go"]);
    ensure!(!go.is_empty(), "OpenTofu's go.mod names no version of Go: {theirs}");
    let mut module =
        format!("module logagg.invalid/opentofu\n\ngo {go}\n\nrequire {MODULE} v{version}\n");
    for default in list("Godebug") {
        module += &format!("\ngodebug {}={}\n", text(&default["Key"]), text(&default["Value"]));
    }
    for replaced in list("Replace") {
        let side = |side: &Value| format!("{} {}", text(&side["Path"]), text(&side["Version"]));
        let (old, new) = (side(&replaced["Old"]), side(&replaced["New"]));
        ensure!(
            replaced["New"]["Version"].is_string(),
            "OpenTofu {version} replaces {old}by a folder, which no other module can"
        );
        module += &format!("\nreplace {} => {}\n", old.trim(), new.trim());
    }
    Ok(module)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::Mutex;

    use serde_json::json;

    use super::{build, module_like};

    /// A Go that compiles 250 packages, or fails at a version.
    const GO: &str = r#"#!/bin/sh
case "$1 $2" in
"mod download")
    case "$4" in *v9.9.9) echo '{"Error": "no such version"}'; exit 1 ;; esac
    touch go.sum; printf '{"GoMod": "%s/their.mod", "Dir": "%s"}' "$PWD" "$PWD" ;;
"mod edit") echo '{"Go": "1.26.6"}' ;;
"build -v")
    test "$GOTOOLCHAIN" = local && test -f go.mod && test -f tools.go || exit 3
    for number in $(seq 250); do echo "package/$number" >&2; done
    printf '#!/bin/sh\necho OpenTofu v1.12.6\n' > "$6" && chmod +x "$6" ;;
*) exit 4 ;;
esac
"#;

    /// Written by another process: one that this process holds open cannot be run.
    fn go(folder: &Path) -> PathBuf {
        let go = folder.join("go");
        let write = "cat > \"$0\" && chmod +x \"$0\"";
        let mut shell =
            Command::new("sh").args(["-c", write]).arg(&go).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut shell.stdin.take().unwrap(), GO.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        go
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn it_is_built_once_and_nothing_else_is_left() {
        let tools = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let go = go(tools.path());
        let lines = Mutex::new(Vec::new());
        let progress = |line: &str| lines.lock().unwrap().push(line.to_owned());
        let tofu = build(&go, folder.path(), "1.12.6", &progress).unwrap();
        assert_eq!(tofu, folder.path().join("tofu"));
        assert_eq!(names(folder.path()), ["tofu"]);
        assert_eq!(
            *lines.lock().unwrap(),
            [
                "downloading OpenTofu 1.12.6 and what it is made of",
                "building OpenTofu 1.12.6: 100 packages compiled",
                "building OpenTofu 1.12.6: 200 packages compiled",
            ]
        );
        // Again it takes what is there, without Go.
        std::fs::remove_file(&go).unwrap();
        build(&go, folder.path(), "1.12.6", &progress).unwrap();
        assert_eq!(lines.lock().unwrap().len(), 3);
    }

    #[test]
    fn errors_of_go_are_reported_and_the_old_build_stays() {
        let tools = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let go = go(tools.path());
        build(&go, folder.path(), "1.12.6", &|_| ()).unwrap();
        let error = build(&go, folder.path(), "9.9.9", &|_| ()).unwrap_err().to_string();
        assert!(error.starts_with("building OpenTofu 9.9.9 with "), "{error}");
        assert!(error.contains("no such version"), "{error}");
        // What is built is looked at before it takes the place.
        let error = build(&go, folder.path(), "1.12.7", &|_| ()).unwrap_err().to_string();
        assert_eq!(error, "what was built is not OpenTofu 1.12.7");
        assert_eq!(names(folder.path()), ["tofu"]);
    }

    #[test]
    fn what_a_module_does_not_inherit_is_repeated() {
        let theirs = json!({
            "Go": "1.26.6",
            "Godebug": [{"Key": "winsymlink", "Value": "0"}],
            "Replace": [
                {"Old": {"Path": "a/b", "Version": "v1"}, "New": {"Path": "c/d", "Version": "v2"}},
                {"Old": {"Path": "e/f"}, "New": {"Path": "g/h", "Version": "v3"}},
            ],
        });
        let module = module_like(&theirs, "1.12.6").unwrap();
        let lines: Vec<_> = module.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(
            lines,
            [
                "module logagg.invalid/opentofu",
                "go 1.26.6",
                "require github.com/opentofu/opentofu v1.12.6",
                "godebug winsymlink=0",
                "replace a/b v1 => c/d v2",
                "replace e/f => g/h v3",
            ]
        );
        let folder =
            json!({"Go": "1.26.6", "Replace": [{"Old": {"Path": "a"}, "New": {"Path": "../a"}}]});
        assert!(module_like(&folder, "1.12.6").unwrap_err().to_string().contains("by a folder"));
    }

    #[test]
    fn a_go_that_is_not_there_is_named_with_what_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let error = build(&go, folder.path(), "1.12.6", &|_| ()).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains(&format!("running {} to build OpenTofu 1.12.6", go.display())),
            "{error}"
        );
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
