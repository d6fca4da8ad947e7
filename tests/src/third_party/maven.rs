//! What Maven fetches: the jars of a server, and of all that it needs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::tools;

/// An artifact by its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Artifact<'a> {
    pub(super) group: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
}

/// Copies the jars of these and of their runtime dependencies to `folder/jars`.
pub(super) fn fetch(folder: &Path, artifacts: &[Artifact], needed_for: &str) -> anyhow::Result<()> {
    let project = folder.join("pom.xml");
    fs::write(&project, project_file(artifacts)).context("writing a Maven project")?;
    let mut maven = Command::new(tools::maven(needed_for)?);
    maven
        .args(["--quiet", "--batch-mode", "--file"])
        .arg(&project)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", folder.join("jars").display()))
        .arg("-DincludeScope=runtime");
    tools::run(&mut maven, &format!("fetching {needed_for} with Maven")).map(drop)
}

fn project_file(artifacts: &[Artifact]) -> String {
    let dependencies: String = artifacts
        .iter()
        .map(|Artifact { group, name, version }| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>\
                 <version>{version}</version></dependency>\n"
            )
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>logagg</groupId>
  <artifactId>third-party</artifactId>
  <version>1</version>
  <dependencies>
{dependencies}  </dependencies>
</project>
"
    )
}
