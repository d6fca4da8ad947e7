//! What Terraform was asked to do. The protocol does not say: to destroy, Terraform first plans as
//! if to apply, and an error in that plan keeps it from destroying.

/// The goal of a run of Terraform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// `terraform destroy`, or `plan` or `apply` with `-destroy`.
    Destroy,
    /// Anything else, or unknown.
    Other,
}

impl Goal {
    /// That of the run which started this process, by its command line.
    #[must_use]
    pub fn of_this_run() -> Self {
        let variables = ["TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_CLI_ARGS_apply"];
        let variables = variables.iter().filter_map(|name| std::env::var(name).ok());
        let mut arguments = command_line_of_parent();
        for variable in variables {
            arguments.extend(variable.split_whitespace().map(str::to_owned));
        }
        Self::of(&arguments)
    }

    /// That of these arguments, the program's name left out.
    fn of(arguments: &[String]) -> Self {
        let command = arguments.iter().find(|argument| !argument.starts_with('-'));
        let flag = |argument: &String| {
            matches!(argument.trim_start_matches('-'), "destroy" | "destroy=true")
                && argument.starts_with('-')
        };
        match command.is_some_and(|command| command == "destroy") || arguments.iter().any(flag) {
            true => Self::Destroy,
            false => Self::Other,
        }
    }
}

#[cfg(target_os = "linux")]
fn command_line_of_parent() -> Vec<String> {
    let parent = std::os::unix::process::parent_id();
    let line = std::fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.split('\0').skip(1).map(str::to_owned).filter(|argument| !argument.is_empty()).collect()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn command_line_of_parent() -> Vec<String> {
    let parent = std::os::unix::process::parent_id().to_string();
    let asked = std::process::Command::new("ps").args(["-o", "args=", "-p", &parent]).output();
    let line = asked.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&line).split_whitespace().skip(1).map(str::to_owned).collect()
}

#[cfg(not(unix))]
fn command_line_of_parent() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destroy_is_known_by_its_command_or_its_flag() {
        let check = |line: &str, expected: Goal| {
            let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(Goal::of(&arguments), expected, "{line}");
        };
        check("destroy", Goal::Destroy);
        check("-chdir=stacks/one destroy -auto-approve", Goal::Destroy);
        check("plan -destroy -out=plan", Goal::Destroy);
        check("apply --destroy", Goal::Destroy);
        check("apply -destroy=true", Goal::Destroy);
        check("plan -destroy=false", Goal::Other);
        check("apply destroy", Goal::Other);
        check("plan -var=destroy -target=module.destroy", Goal::Other);
        check("", Goal::Other);
    }
}
