//! Everything a user of Terraform can read from this provider, one function each: what was
//! attempted, on what, why it failed and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write};

use logagg_policy::{
    AccountPolicy, Arn, Demand, Destination, Fight, Grant, Retention, RetentionMode,
    SubscriptionFilter,
};
use tfplugin::{AttributePath, Diagnostic};

use crate::aws::{Api, CallError, CannotConnect, Cause, Dispute, ForbiddenAccount, Given};
use crate::policy::{Announcement, Failure, Unseen, Unverified};

/// The log groups that are named before the rest is only counted.
const NAMED: usize = 20;

// ---- The configuration.

pub(crate) fn invalid(summary: &str, detail: String) -> Diagnostic {
    Diagnostic::error(summary, detail)
}

pub(crate) fn no_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "A policy needs a select block that says which log groups it governs, as in\n\n  \
         select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\n\
         To choose every log group on purpose write name_regex = \".*\" in it.",
    )
}

pub(crate) fn empty_rule(block: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        format!("Empty {block} block"),
        format!(
            "An empty {block} block would hold for every log group. Give it names, name_prefixes, \
             name_regex, tags or log_group_classes; to mean every log group on purpose write name_regex = \".*\"."
        ),
    )
    .on(path)
}

pub(crate) fn nothing_to_do() -> Diagnostic {
    Diagnostic::error(
        "Policy without effect",
        "A policy ships log groups to destination_arn, keeps them for retention_in_days, or both. \
         This one gives neither.",
    )
}

pub(crate) fn needs_destination(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without destination_arn"),
        format!(
            "{argument} is about the subscription filters, and without destination_arn the policy \
             makes none. Add destination_arn or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_retention(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without retention_in_days"),
        format!(
            "{argument} is about the retention that the policy sets, and without retention_in_days \
             it sets none. Add retention_in_days or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_incremental_refresh() -> Diagnostic {
    Diagnostic::error(
        "full_refresh_after_hours without an incremental refresh",
        "full_refresh_after_hours says when an incremental refresh is made a full one, and here every \
         refresh is full. Write refresh = \"incremental\" or remove full_refresh_after_hours.",
    )
    .on(AttributePath::root("full_refresh_after_hours"))
}

pub(crate) fn replaces_itself(arn: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination replaces itself",
        format!(
            "{arn} is the policy's destination and among those it replaces, so its own filters \
             would be deleted for having another name. Remove it from replace_destination_arns."
        ),
    )
    .on(AttributePath::root("replace_destination_arns"))
}

pub(crate) fn needs_role() -> Diagnostic {
    Diagnostic::error(
        "Missing role_arn",
        "To deliver to a Kinesis or Firehose stream CloudWatch Logs assumes a role. Give its ARN in \
         role_arn.",
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn needs_no_role() -> Diagnostic {
    Diagnostic::error(
        "role_arn for a Lambda function",
        "CloudWatch Logs assumes no role to invoke a function: the function's resource policy lets \
         logs.amazonaws.com invoke it (aws_lambda_permission). Remove role_arn.",
    )
    .on(AttributePath::root("role_arn"))
}

pub(crate) fn needs_no_distribution() -> Diagnostic {
    Diagnostic::error(
        "distribution for a destination without shards",
        "Only a Kinesis stream has shards to spread events over. Remove distribution.",
    )
    .on(AttributePath::root("distribution"))
}

pub(crate) fn grant_needs_function(destination: &Destination) -> Diagnostic {
    Diagnostic::error(
        "grant_invoke without a Lambda function",
        format!(
            "Only a function has a resource policy in which the policy could let CloudWatch Logs \
             invoke it, and destination_arn is that of {destination}. Remove grant_invoke."
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn destination_in_another_region(arn: &Arn, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another region",
        format!(
            "CloudWatch Logs delivers within a region: the policy governs log groups in {region}, \
             and {arn} lies in {}. Give a destination in {region}, or set the policy's region.",
            arn.region()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn destination_in_another_account(arn: &Arn, account: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another account",
        format!(
            "CloudWatch Logs delivers to a function or stream of the same account only: the \
             credentials in hand are those of account {account}, and {arn} belongs to {}. To ship to \
             another account give the ARN of a CloudWatch Logs destination there.",
            arn.account()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

// ---- The provider block.

pub(crate) fn cannot_connect(error: &CannotConnect) -> Diagnostic {
    match error {
        CannotConnect::NoRegion => Diagnostic::error(
            "No region",
            format!(
                "The provider cannot reach AWS: {error}. Set region in the provider block, or \
                 AWS_REGION."
            ),
        )
        .on(AttributePath::root("region")),
        CannotConnect::UnreadableFile { given, why, .. } => {
            let detail = format!(
                "{error}: {why}. It is written in {}; correct the path there, or make the file \
                 readable.",
                place(*given)
            );
            at(*given, Diagnostic::error("File cannot be read", detail))
        }
        CannotConnect::UnreadableProfiles(why) => Diagnostic::error(
            "Shared configuration files cannot be read",
            format!("{why}. Correct the file, or leave the profile out."),
        ),
        CannotConnect::NoProfile { given, .. } => {
            let detail = format!(
                "The profile is named in {}, and {error}. Correct the name, or add the profile to \
                 ~/.aws/config or ~/.aws/credentials.",
                place(*given)
            );
            at(*given, Diagnostic::error("No such profile", detail))
        }
        CannotConnect::NoAttempts { given, .. } => {
            let detail = format!(
                "{error}. It is written in {}; give a number from 1 on, or set max_retries in the \
                 provider block.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid number of attempts", detail))
        }
        CannotConnect::NoCertificate { given, .. } => {
            let detail = format!(
                "{error}. It is written in {}; give a file with certificates that begin with \
                 -----BEGIN CERTIFICATE-----.",
                place(*given)
            );
            at(*given, Diagnostic::error("No certificate authority", detail))
        }
        CannotConnect::NotAProxy { given } => {
            let detail = format!(
                "What is written in {} is not the address of a proxy, as in \
                 http://proxy.example.com:3128.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid proxy", detail))
        }
        CannotConnect::NoClient(why) => Diagnostic::error(
            "No HTTP client",
            format!("The provider cannot make connections as the provider block says: {why}."),
        ),
        CannotConnect::UnknownAccount => Diagnostic::error(
            "Account not known",
            "With skip_requesting_account_id nobody is asked whose the credentials are, and nothing \
             else tells. Add an assume_role block, or allowed_account_ids with the one account.",
        )
        .on(AttributePath::root("skip_requesting_account_id")),
        CannotConnect::NoToken => Diagnostic::error(
            "No web identity token",
            "A role is to be assumed with a token, and nothing says where that is. Give \
             web_identity_token or web_identity_token_file, or set AWS_WEB_IDENTITY_TOKEN_FILE.",
        )
        .on(AttributePath::root("assume_role_with_web_identity").index(0)),
    }
}

fn place(given: Given) -> String {
    match given {
        Given::Argument(name) | Given::Element(name, _) => {
            format!("{name} of the provider block")
        }
        Given::Variable(name) => format!("the environment variable {name}"),
        Given::Profile(name) => format!("{name} of the profile"),
    }
}

fn at(given: Given, diagnostic: Diagnostic) -> Diagnostic {
    match given {
        Given::Argument(name) => diagnostic.on(AttributePath::root(name)),
        Given::Element(name, index) => diagnostic.on(AttributePath::root(name).index(index)),
        Given::Variable(_) | Given::Profile(_) => diagnostic,
    }
}

/// The account of the provider block's own credentials.
pub(crate) fn forbidden_account(error: &ForbiddenAccount) -> Diagnostic {
    let argument = match error {
        ForbiddenAccount::NotAllowed(_) => "allowed_account_ids",
        ForbiddenAccount::Forbidden(_) => "forbidden_account_ids",
    };
    Diagnostic::error(
        "Account not allowed",
        format!(
            "The credentials in hand are not to be used: {error}. Nothing was read or written. Use \
             credentials of another account, or correct {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

/// The account of a role that a resource or data source names.
pub(crate) fn forbidden_role(error: &ForbiddenAccount) -> Diagnostic {
    Diagnostic::error(
        "Account not allowed",
        format!(
            "The role's account is kept out by the provider block: {error}. Nothing was read or \
             written there. Name a role of another account, or correct the provider block."
        ),
    )
}

pub(crate) fn profile_and_keys() -> Diagnostic {
    Diagnostic::error(
        "Both profile and access_key",
        "Credentials come from a profile or from keys, and this gives both. Remove one of them.",
    )
    .on(AttributePath::root("profile"))
}

pub(crate) fn allowed_and_forbidden() -> Diagnostic {
    Diagnostic::error(
        "Both allowed_account_ids and forbidden_account_ids",
        "Accounts that are allowed leave no others to forbid. Remove one of them.",
    )
    .on(AttributePath::root("forbidden_account_ids"))
}

pub(crate) fn nothing_allowed() -> Diagnostic {
    Diagnostic::error(
        "No account is allowed",
        "An empty allowed_account_ids leaves no account to work in. Name those that may be worked \
         in, or remove it.",
    )
    .on(AttributePath::root("allowed_account_ids"))
}

pub(crate) fn no_such_tag(key: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "No such tag",
        format!(
            "{key:?} is to be kept by roles assumed after, and tags has no such key. Add it there."
        ),
    )
    .on(path)
}

pub(crate) fn two_tokens(path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Two web identity tokens",
        "Give web_identity_token or web_identity_token_file, not both.",
    )
    .on(path)
}

pub(crate) fn needless_ca_bundle() -> Diagnostic {
    Diagnostic::error(
        "custom_ca_bundle without effect",
        "With insecure = true anybody's certificate is accepted, and no certificate authority is \
         asked. Remove one of them.",
    )
    .on(AttributePath::root("custom_ca_bundle"))
}

pub(crate) fn incomplete_keys(missing: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Missing {missing}"),
        "access_key and secret_key go together, and token with both of them. Give all that belong \
         together, or none to use the credentials of the environment.",
    )
    .on(AttributePath::root(missing))
}

pub(crate) fn unknown_api(name: &str, path: AttributePath) -> Diagnostic {
    let known = Api::ALL.map(Api::name).join(", ");
    Diagnostic::error(
        "Unknown call",
        format!("{name:?} is not a call that the provider makes. It makes {known}."),
    )
    .on(path)
}

pub(crate) fn impossible_rate(api: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Impossible rate",
        format!("{api} can be called 0.01 to 10000 times a second. Give a number between these."),
    )
    .on(path)
}

pub(crate) fn not_configured() -> Diagnostic {
    Diagnostic::error(
        "Provider not configured",
        "An argument of the provider block is not known, so AWS cannot be reached. Apply first what \
         it depends on (terraform apply -target=...), then this.",
    )
}

pub(crate) fn not_refreshed() -> Diagnostic {
    Diagnostic::warning(
        "Log groups were not read",
        "An argument of the provider block is only known after apply, so AWS cannot be reached yet. \
         The plan goes by what was last known of the log groups.",
    )
}

// ---- Reading AWS.

pub(crate) fn no_account(error: &CallError) -> Diagnostic {
    Diagnostic::error(
        "AWS account not known",
        format!(
            "The provider asked STS whose credentials it was given, and could not tell. {}\n\n{}",
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn other_account(stated: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "State of another account",
        format!(
            "This policy was made in account {stated}, and the credentials in hand are those of \
             account {in_hand}. Nothing was touched. Use credentials of {stated}; to give the policy \
             up there without deleting its filters, remove it from the state (terraform state rm)."
        ),
    )
}

pub(crate) fn not_read(error: &CallError, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider looked for the policy's log groups in {region}. {}\n\nWithout the whole \
             list it would take log groups for deleted that are not, so it goes no further. {}",
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn named_but_absent(names: &BTreeSet<String>, region: &str) -> Diagnostic {
    Diagnostic::warning(
        format!("{} does not exist", counted(names.len(), "named log group")),
        format!(
            "The policy names log groups that are not in {region}:\n\n{}\n\nOnce one is created, the \
             next plan shows it. If a name is mistyped, correct it.",
            listed(names)
        ),
    )
}

pub(crate) fn unusable_state(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "State cannot be used",
        format!(
            "The policy in the state is not one that this provider writes: {error}. If the state was \
             edited, undo that; otherwise remove the policy from the state and import it again."
        ),
    )
}

pub(crate) fn unusable_memory(error: &impl Display) -> Diagnostic {
    Diagnostic::error(
        "State cannot be used",
        format!(
            "What the policy in the state remembers is not what this provider writes: {error}. Remove \
             the moved block, and import the policy instead."
        ),
    )
}

// ---- Plan.

pub(crate) fn announcement(
    name: &str,
    region: &str,
    destination: Option<&str>,
    announcement: &Announcement,
) -> Diagnostic {
    let Announcement { chosen, subscribed, retained, unsubscribed, skipped, grants } = announcement;
    let mut detail =
        format!("In {region} its selection matches {}.", counted(*chosen, "log group"));
    let mut tell = |what: String, names: &[String]| {
        if !names.is_empty() {
            detail.push_str(&format!("\n\n{what}\n\n{}", listed(names)));
        }
    };
    let to = destination.unwrap_or("a destination known after apply");
    tell(
        format!("At most {} to {to}:", counted(subscribed.len(), "subscription filter")),
        subscribed,
    );
    tell(format!("{}:", counted(retained.len(), "change of retention")), retained);
    tell(format!("{} no longer shipped:", counted(unsubscribed.len(), "log group")), unsubscribed);
    if !skipped.is_empty() {
        let reasons: Vec<_> =
            skipped.iter().map(|(name, reason)| format!("{name} ({reason})")).collect();
        tell(format!("{} not subscribed:", counted(reasons.len(), "log group")), &reasons);
    }
    if *grants {
        detail.push_str(&format!(
            "\n\nA statement in the resource policy of {to} lets CloudWatch Logs invoke it."
        ));
    }
    Diagnostic::warning(format!("What the policy {name:?} is about to do"), detail)
}

pub(crate) fn shortened(log_groups: usize, bytes: u64) -> Diagnostic {
    Diagnostic::warning(
        format!("Retention is shortened on {}", counted(log_groups, "log group")),
        format!(
            "Together they hold {}. CloudWatch Logs deletes what is older than the new retention \
             within 72 hours, and for good. To leave longer retentions alone set retention_mode = \
             \"at_least\".",
            size(bytes)
        ),
    )
    .on(AttributePath::root("retention_in_days"))
}

pub(crate) fn too_many_changes(changes: usize, most: usize) -> Diagnostic {
    Diagnostic::error(
        "More changes than max_changes allows",
        format!(
            "The policy would change {}, and max_changes is {most}. Nothing was written. If that is \
             what you want, raise max_changes. (To destroy the policy all the same: terraform \
             destroy -refresh=false.)",
            counted(changes, "log group")
        ),
    )
    .on(AttributePath::root("max_changes"))
}

pub(crate) fn too_few_matches(matches: usize, least: usize) -> Diagnostic {
    Diagnostic::error(
        "Fewer log groups than min_matches asks for",
        format!(
            "The selection chooses {}, and min_matches is {least}. Nothing was written. If that is \
             right, lower min_matches. (To destroy the policy all the same: terraform destroy \
             -refresh=false.)",
            counted(matches, "log group")
        ),
    )
    .on(AttributePath::root("min_matches"))
}

pub(crate) fn name_will_be_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::warning(
        format!("Filter name taken on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that ship elsewhere are not this policy's, and apply will leave \
             them alone and report an error for:\n\n{}\n\n{FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}

/// Two policies of one run. The one that comes second reads it, whichever that is.
pub(crate) fn fight(dispute: &Dispute) -> Diagnostic {
    let Dispute { fight, log_groups, stakes } = dispute;
    let mut stakes = stakes.each_ref();
    stakes.sort_by_key(|stake| &stake.name);
    let [one, other] = stakes;
    let who = if one.name == other.name {
        format!("Two policies named {:?}", one.name)
    } else {
        format!("The policies {:?} and {:?}", one.name, other.name)
    };
    let (count, names) = (counted(log_groups.len(), "log group"), listed(log_groups));
    let [ours, theirs] = [one, other].map(|stake| stake.wanted.as_ref());
    let to = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.destination_arn.clone()).unwrap_or_default()
    };
    let name = |wanted: Option<&SubscriptionFilter>| {
        wanted.map(|wanted| wanted.name.clone()).unwrap_or_default()
    };
    match fight {
        Fight::Retention => Diagnostic::error(
            format!("Policies fight over the retention of {count}"),
            format!(
                "{who} both set the retention of:\n\n{names}\n\nOne keeps events for {}, the other \
                 for {}: what one sets the other changes back, with every apply. Leave these log \
                 groups out of one of them with an exclude block, or give both a retention_in_days \
                 and a retention_mode that can hold together.",
                kept(&one.demand),
                kept(&other.demand)
            ),
        )
        .on(AttributePath::root("retention_in_days")),
        Fight::Filter(arguments) => {
            let arguments: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
            Diagnostic::error(
                format!("Policies fight over a filter on {count}"),
                format!(
                    "{who} both want a filter named {:?} on:\n\n{names}\n\nThere can be only one of \
                     a name, and they differ in {}: one ships to {}, the other to {}. Give one of \
                     them another filter_name, or leave these log groups out of it with an exclude \
                     block.",
                    name(ours),
                    arguments.join(", "),
                    to(ours),
                    to(theirs)
                ),
            )
            .on(AttributePath::root("name"))
        }
        Fight::Replaced => Diagnostic::error(
            format!("Policies fight over the filters of {count}"),
            format!(
                "{who} ship to {} and to {}, and one names the other's destination in \
                 replace_destination_arns: it deletes the filters that the other makes, with every \
                 apply, on:\n\n{names}\n\nRemove it from replace_destination_arns, or leave these \
                 log groups out of one of them with an exclude block.",
                to(ours),
                to(theirs)
            ),
        )
        .on(AttributePath::root("replace_destination_arns")),
        Fight::Twice => Diagnostic::warning(
            format!("{count} shipped to one destination twice"),
            format!(
                "{who} ship the same events to {}, through the filters {:?} and {:?}. They arrive \
                 there twice, and are paid for twice, from:\n\n{names}\n\nLeave these log groups out \
                 of one of them with an exclude block.",
                to(ours),
                name(ours),
                name(theirs)
            ),
        )
        .on(AttributePath::root("destination_arn")),
    }
}

/// The account's subscription policy ships there too.
pub(crate) fn shipped_by_account(
    account_policy: &AccountPolicy,
    log_groups: &BTreeSet<&str>,
    loops: &BTreeSet<&str>,
) -> Diagnostic {
    let AccountPolicy { name, destination_arn, .. } = account_policy;
    let count = counted(log_groups.len(), "log group");
    let mut text = format!(
        "The account's subscription policy {name:?} ships to {destination_arn}, and so does this \
         policy. Events arrive there twice, and are paid for twice, from:\n\n{}\n\nLeave these log \
         groups out of one of the two: with an exclude block here, or with the selection criteria of \
         the account's policy.",
        listed(log_groups)
    );
    if !loops.is_empty() {
        let _ = write!(
            text,
            "\n\nThe account's policy also ships what the destination itself writes to, which goes on \
             for ever. Leave these out of it at once:\n\n{}",
            listed(loops)
        );
    }
    Diagnostic::warning(format!("{count} shipped by the account's policy too"), text)
        .on(AttributePath::root("destination_arn"))
}

/// How long a policy keeps events, as in "for at least 30 days".
fn kept(demand: &Demand) -> String {
    let (says, mode) = match (demand.retention, demand.mode) {
        (None | Some(Retention::Never), _) => return "ever".to_owned(),
        (Some(says), mode) => (says, mode),
    };
    match mode {
        RetentionMode::Exact => format!("exactly {says}"),
        RetentionMode::AtLeast => format!("at least {says}"),
        RetentionMode::AtMost => format!("at most {says}"),
        RetentionMode::IfUnset => format!("{says} where they were kept for ever"),
    }
}

// ---- Apply.

pub(crate) fn name_is_taken(name: &str, conflicts: &BTreeMap<&String, &String>) -> Diagnostic {
    Diagnostic::error(
        format!("Filter name taken on {}", counted(conflicts.len(), "log group")),
        format!(
            "Filters named {name:?} that ship elsewhere are not this policy's:\n\n{}\n\nNothing was \
             written. {FREE_THE_NAME}",
            listed_pairs(conflicts)
        ),
    )
}

const FREE_THE_NAME: &str =
    "Delete them if nobody needs them, or give the policy another filter_name.";

pub(crate) fn first_write_failed(failure: &Failure, log_group: &str, rest: usize) -> Diagnostic {
    let others = match rest {
        0 => String::new(),
        rest => format!(" The {} were not tried.", counted(rest, "other log group")),
    };
    // A write without an answer may have been done.
    let outcome = match failure {
        Failure::Call(error) if error.cause == Cause::Passing => {
            "got no clear answer, so it may have been done; if it was, the next apply takes it over."
        }
        _ => "did not succeed, so nothing was written.",
    };
    Diagnostic::error(
        "Policy could not be applied",
        format!(
            "The first write, on {log_group}, {outcome}{others} {}\n\n{}",
            reason(failure),
            remedy(failure)
        ),
    )
}

pub(crate) fn left_undone(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::warning(
        format!("{} not yet as the policy says", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nThe policy was created, and counts these in pending. The next plan \
             shows them, and apply tries them again.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

pub(crate) fn not_mended(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("{} could not be changed", counted(log_groups.len(), "log group")),
        format!(
            "{}\n\n{}\n\n{}\n\nWhat was done is in the state; the next plan shows the rest.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

pub(crate) fn not_deleted(failure: &Failure, log_groups: &[&str]) -> Diagnostic {
    Diagnostic::error(
        format!("{} still subscribed", counted(log_groups.len(), "log group")),
        format!(
            "The policy's filters could not be deleted everywhere. {}\n\n{}\n\n{}\n\nThese stay in \
             the state; destroy again to delete the rest.",
            reason(failure),
            listed(log_groups),
            remedy(failure)
        ),
    )
}

pub(crate) fn gone_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!("{} deleted since the plan", counted(log_groups.len(), "log group")),
        format!(
            "There was nothing to change on:\n\n{}\n\nThe next plan no longer shows them.",
            listed(log_groups)
        ),
    )
}

pub(crate) fn born_meanwhile(log_groups: &BTreeSet<String>) -> Diagnostic {
    Diagnostic::warning(
        format!(
            "{} came into the selection since the plan",
            counted(log_groups.len(), "log group")
        ),
        format!(
            "Apply does what the plan says and leaves these as they are:\n\n{}\n\nThe next plan \
             shows them.",
            listed(log_groups)
        ),
    )
}

/// An incremental refresh that could not be one.
pub(crate) fn refreshed_in_full(why: &Unverified, region: &str) -> Diagnostic {
    let (why, advice) = match why {
        Unverified::Failed(error) => (stop(error), advice(error)),
        Unverified::Behind { log_group } => (
            format!(
                "It does not tell of the filter that this policy itself put on {log_group} or deleted \
                 from it, more than an hour ago."
            ),
            "The events of CloudWatch Logs usually come within 15 minutes. Where they never come, \
             leave refresh out."
                .to_owned(),
        ),
    };
    Diagnostic::warning(
        "Refreshed in full",
        format!(
            "The provider looked in CloudTrail for subscription filters that were put or deleted in \
             {region} since the last refresh. {why}\n\nSo every log group was asked for its filters, \
             which takes longer and is as exact. {advice}"
        ),
    )
    .on(AttributePath::root("refresh"))
}

// ---- The permission to invoke the destination.

pub(crate) fn permission_not_read(error: &CallError, grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Permission could not be read",
        format!(
            "The provider looked for {} that lets CloudWatch Logs invoke it. {}\n\n{}",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn not_granted(error: &CallError, grant: &Grant) -> Diagnostic {
    // A write without an answer may have been done.
    let outcome = match error.cause {
        Cause::Passing => "That got no clear answer; if it was done, the next apply takes it over.",
        _ => "No filter was written.",
    };
    Diagnostic::error(
        "Permission could not be granted",
        format!(
            "The provider tried to write {} that lets CloudWatch Logs invoke it. {outcome} {}\n\n{}",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn not_revoked(error: &CallError, grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Permission could not be revoked",
        format!(
            "The provider tried to remove {} that lets CloudWatch Logs invoke it, and that the \
             policy no longer needs. {}\n\n{}\n\nIt stays in the state; the next apply or destroy \
             tries again.",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn statement_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Statement of somebody else",
        format!(
            "There is {} already, and it does not say what this policy's would: it is somebody \
             else's and was left alone. Nothing was written. {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn statement_will_be_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement of somebody else",
        format!(
            "There is {} already, and it does not say what this policy's would: it is somebody \
             else's. Apply will leave it alone and report an error. {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

const FREE_THE_STATEMENT: &str = "Remove it if nobody needs it (aws lambda remove-permission), give \
                                  the policy another name, or give the permission yourself and \
                                  remove grant_invoke.";

pub(crate) fn statement_left(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement of somebody else",
        format!(
            "There is {}, which is no longer the one that this policy made. It was left alone.",
            statement(grant)
        ),
    )
}

fn statement(grant: &Grant) -> String {
    format!(
        "the statement {:?} in the resource policy of {}",
        grant.statement_id(),
        grant.function_arn()
    )
}

// ---- Import.

pub(crate) fn invalid_identity(why: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid identity",
        format!(
            "The identity does not name a policy: {why}. It reads filter_name, the name of the \
             policy's filters, and where that is not the provider's, region."
        ),
    )
}

pub(crate) fn import_from_another_account(named: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "Policy of another account",
        format!(
            "The identity names account {named}, and the credentials in hand are those of account \
             {in_hand}. Import looks in the account of the provider block: use a provider block of \
             {named}."
        ),
    )
}

pub(crate) fn invalid_import_id(id: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        format!("{id:?} is not the id of a policy. It reads NAME, or NAME@REGION."),
    )
}

pub(crate) fn nothing_to_import(name: &str, region: &str) -> Diagnostic {
    Diagnostic::error(
        "No such policy",
        format!(
            "No log group in {region} has a subscription filter named {name:?}. If the policy's \
             filters have another name, import by that; a policy that only sets retention leaves \
             nothing to be found by, and is created rather than imported."
        ),
    )
}

pub(crate) fn imported_in_part(
    name: &str,
    destination: &str,
    foreign: &BTreeMap<&String, &String>,
) -> Diagnostic {
    Diagnostic::warning(
        format!("Filters named {name:?} ship to several destinations"),
        format!(
            "Most of them ship to {destination}, and these were imported. The others are taken for \
             somebody else's and left alone:\n\n{}",
            listed_pairs(foreign)
        ),
    )
}

// ---- The data source of log groups.

pub(crate) fn no_preview_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "The data source needs a select block that says which log groups to look for, as in\n\n  \
         select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\n\
         To choose every log group on purpose write name_regex = \".*\" in it.",
    )
}

pub(crate) fn groups_not_listed(error: &CallError, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider listed log groups in {region}. {}\n\nA list that is not whole would be \
             wrong, so there is none. {}",
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn filters_not_read(error: &CallError, log_group: &str, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Subscription filters could not be read",
        format!(
            "The provider looked for the subscription filters of {log_group} in {region}. {}\n\n{}",
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn loops_unseen(unseen: &Unseen) -> Diagnostic {
    let mut text = String::from(
        "The provider followed the policy's destination, to leave out every log group that would \
         ship the destination's own logs back to it.",
    );
    if !unseen.denied.is_empty() {
        let actions: Vec<_> = unseen.denied.iter().map(|api| api.iam_action()).collect();
        let actions = format!("\"{}\"", actions.join("\", \""));
        let _ = write!(
            text,
            " It may not see all of it, so only what the names tell is left out there. The \
             credentials in hand need this statement in an IAM policy:\n\n  \
             {{ \"Effect\": \"Allow\", \"Action\": [{actions}], \"Resource\": \"*\" }}"
        );
    }
    if let Some(error) = &unseen.account_policy {
        let _ = write!(
            text,
            "\n\nWhat the account ships by a subscription policy of its own could not be seen, so \
             that is left out of account. {}",
            stop(error)
        );
    }
    if unseen.more {
        text.push_str(
            "\n\nThere is more behind the destination than the provider looks at. Leave log groups \
             of what works there out with an exclude block.",
        );
    }
    Diagnostic::warning("Loops can only be seen in part", text)
}

// ---- Words.

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => stop(error),
        Failure::NameTaken { by } => {
            format!("A filter of this policy's name ships to {by}, and is not this policy's.")
        }
        Failure::Loop { why } => format!("Shipping it would close a loop: {why}."),
    }
}

fn remedy(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => advice(error),
        Failure::NameTaken { .. } => FREE_THE_NAME.to_owned(),
        Failure::Loop { .. } => {
            "It was not subscribed. From the next read on it is in skipped, with the \
             reason."
                .to_owned()
        }
    }
}

/// What to do about a call that failed.
fn advice(error: &CallError) -> String {
    match error.cause {
        Cause::Denied => format!(
            "The credentials in hand need this statement in an IAM policy:\n\n  \
             {{ \"Effect\": \"Allow\", \"Action\": \"{}\", \"Resource\": \"*\" }}",
            error.api.iam_action()
        ),
        Cause::NotYetPermitted => "CloudWatch Logs may not use the destination, also after a minute \
             for fresh permissions to become known. A Lambda function needs this in its resource \
             policy (aws_lambda_permission):\n\n  \
             principal  = \"logs.amazonaws.com\"\n  \
             action     = \"lambda:InvokeFunction\"\n  \
             source_arn = \"arn:aws:logs:REGION:ACCOUNT:log-group:*:*\"\n\n\
             grant_invoke = true has the policy see to that itself. A stream needs a role_arn that logs.amazonaws.com may assume and that may write to the \
             stream."
            .to_owned(),
        Cause::Full if error.api == Api::AddPermission => "A function's resource policy holds 20,480 \
             bytes, and this one has no room left. Remove statements that nobody needs (aws lambda \
             get-policy, remove-permission): one for all log groups takes the place of one for each."
            .to_owned(),
        Cause::Full => "The log group has no free slot for a subscription filter. Delete one that \
             nobody needs, or leave the group out with an exclude block."
            .to_owned(),
        Cause::Class => {
            "The log group's class does not take this. Leave it out with an exclude block.".to_owned()
        }
        Cause::Unsupported => "The endpoint does not have this call, as some emulators do not. AWS has \
             it; if this is AWS, see whether endpoints in the provider block is right."
            .to_owned(),
        Cause::Unreachable => "No connection came about. See whether this machine reaches AWS, and \
             whether endpoints, proxy and region are right."
            .to_owned(),
        Cause::Passing => "AWS did not serve the call, again and again. Try \
             again later; where throttling is the reason, lower requests_per_second in the provider \
             block or have AWS raise the quota."
            .to_owned(),
        Cause::NotSent => "The request never left this machine. Where credentials are missing, give \
             the provider block a profile or keys, or set AWS_PROFILE or AWS_ACCESS_KEY_ID."
            .to_owned(),
        Cause::NotAssumed => "The credentials that the role is assumed with need sts:AssumeRole on it \
             (sts:TagSession too where tags are given), and the role's trust policy has to let them, \
             with the external_id it asks for."
            .to_owned(),
        Cause::Untrusted => "Nothing was sent, because nobody whom this machine trusts vouches for \
             the other end. Where a proxy or private endpoint has its own certificate authority, give \
             that in custom_ca_bundle or AWS_CA_BUNDLE."
            .to_owned(),
        Cause::Stopped => "Apply again to do the rest.".to_owned(),
        Cause::Missing if error.api == Api::AddPermission => {
            "Correct destination_arn, or create the function first.".to_owned()
        }
        Cause::Missing | Cause::Exists | Cause::Refused => {
            "AWS's message says what it refused; correct that and apply again.".to_owned()
        }
    }
}

fn stop(error: &CallError) -> String {
    let text = error.to_string();
    if text.ends_with('.') { text } else { format!("{text}.") }
}

fn counted(count: usize, what: &str) -> String {
    match (count, what.strip_suffix(" of retention")) {
        (1, _) => format!("1 {what}"),
        (count, Some(head)) => format!("{count} {head}s of retention"),
        (count, None) => format!("{count} {what}s"),
    }
}

/// Bytes in the unit a person would use.
fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{amount:.digits$} {}", units[unit])
}

fn listed<'a, T: AsRef<str> + 'a>(names: impl IntoIterator<Item = &'a T>) -> String {
    let names: Vec<_> = names.into_iter().map(AsRef::as_ref).collect();
    let mut lines: Vec<_> = names.iter().take(NAMED).map(|name| format!("  {name}")).collect();
    if names.len() > NAMED {
        lines.push(format!("  and {} more", names.len() - NAMED));
    }
    lines.join("\n")
}

fn listed_pairs(pairs: &BTreeMap<&String, &String>) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(name, destination)| format!("{name} ships to {destination}")).collect();
    listed(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_twenty_are_named_and_the_rest_is_counted() {
        let names: Vec<_> = (0..23).map(|n| format!("/aws/lambda/{n:02}")).collect();
        let text = listed(&names);
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("  /aws/lambda/19\n  and 3 more"), "{text}");
    }

    #[test]
    fn bytes_are_told_in_the_unit_a_person_would_use() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_250_000_000), "1.2 GB");
        assert_eq!(size(u64::MAX), "18446.7 PB");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "log group"), "1 log group");
        assert_eq!(counted(2, "log group"), "2 log groups");
        assert_eq!(counted(2, "change of retention"), "2 changes of retention");
    }
}
