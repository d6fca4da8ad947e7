//! What AWS says of a call that it denied: whose, which action, on what, and which policy did so.

/// A denial, as far as AWS explains it. It says less to other accounts, and nothing to some calls.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// The ARN of who called, or the number of the account.
    pub(crate) principal: Option<String>,
    pub(crate) action: String,
    pub(crate) resource: Option<String>,
    pub(crate) reason: Option<Reason>,
}

/// Which policy denied a call, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No policy of the kind has a statement that allows it.
    NotAllowed { by: PolicyKind },
    /// A statement denies it, whatever others allow. AWS may name the policy.
    ExplicitDeny { by: PolicyKind, policy_arn: Option<String> },
}

/// The kinds of policies that AWS asks before it serves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    IdentityBased,
    ResourceBased,
    ServiceControl,
    ResourceControl,
    PermissionsBoundary,
    Session,
    VpcEndpoint,
    RoleTrust,
}

impl PolicyKind {
    const ALL: [Self; 8] = [
        Self::IdentityBased,
        Self::ResourceBased,
        Self::ServiceControl,
        Self::ResourceControl,
        Self::PermissionsBoundary,
        Self::Session,
        Self::VpcEndpoint,
        Self::RoleTrust,
    ];

    /// As AWS writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::IdentityBased => "identity-based policy",
            Self::ResourceBased => "resource-based policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::PermissionsBoundary => "permissions boundary",
            Self::Session => "session policy",
            Self::VpcEndpoint => "VPC endpoint policy",
            Self::RoleTrust => "role trust policy",
        }
    }

    fn at_start(text: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|kind| Some((kind, text.strip_prefix(kind.name())?)))
    }
}

const NOT_AUTHORIZED: &str = " is not authorized to perform";
const NOT_ALLOWED: &str = "because no ";
const EXPLICIT_DENY: &str = "with an explicit deny in ";

impl Denial {
    /// Reads a message, where it is one of those that AWS documents, or the one that CloudWatch
    /// Logs has for a destination's access policy, which names the account and no user:
    /// <https://github.com/aws/aws-cli/issues/4422>.
    pub(super) fn read(message: &str) -> Option<Self> {
        let (who, what) = message.split_once(NOT_AUTHORIZED)?;
        let what = what.trim_start_matches(':').trim_start();
        let action = what.split_whitespace().next().map(bare).filter(|word| word.contains(':'))?;
        let resource = what.split_once(" on resource").map(|(_, rest)| rest);
        let resource = resource.and_then(|rest| {
            rest.trim_start_matches('s').trim_start_matches(':').split_whitespace().next()
        });
        Some(Self {
            principal: who.rsplit_once(": ").map(|(_, principal)| principal.to_owned()),
            action: action.to_owned(),
            resource: resource.map(|resource| bare(resource).to_owned()),
            reason: Reason::read(what),
        })
    }

    /// Whether it is a CloudWatch Logs destination's own access policy that does not let the caller
    /// ship to it.
    pub(super) fn is_by_destination(&self) -> bool {
        let destination = self.resource.as_deref().is_some_and(|arn| arn.contains(":destination:"));
        let by_resource = match &self.reason {
            None => true,
            Some(Reason::NotAllowed { by }) => *by == PolicyKind::ResourceBased,
            Some(Reason::ExplicitDeny { .. }) => false,
        };
        self.action == "logs:PutSubscriptionFilter" && destination && by_resource
    }
}

impl Reason {
    fn read(text: &str) -> Option<Self> {
        if let Some((_, rest)) = text.split_once(EXPLICIT_DENY) {
            let rest = ["an ", "a ", "the "].iter().find_map(|word| rest.strip_prefix(word))?;
            let (by, rest) = PolicyKind::at_start(rest)?;
            let arn = rest.strip_prefix(": ").and_then(|rest| rest.split_whitespace().next());
            let policy_arn = arn.map(|arn| bare(arn).to_owned());
            return Some(Self::ExplicitDeny { by, policy_arn });
        }
        let (_, rest) = text.split_once(NOT_ALLOWED)?;
        PolicyKind::at_start(rest).map(|(by, _)| Self::NotAllowed { by })
    }
}

/// A word without quotes, and without what ends the sentence.
fn bare(word: &str) -> &str {
    word.trim_end_matches(['.', ',']).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "arn:aws:sts::111122223333:assumed-role/ci/run";

    fn check(rest: &str, expected: (&str, Option<&str>, Option<Reason>)) {
        let message = format!("User: {CALLER} is not authorized to perform: {rest}");
        let (action, resource, reason) = expected;
        let expected = Denial {
            principal: Some(CALLER.to_owned()),
            action: action.to_owned(),
            resource: resource.map(str::to_owned),
            reason,
        };
        assert_eq!(Denial::read(&message), Some(expected), "{message}");
    }

    #[test]
    fn a_denial_names_the_kind_of_policy_that_does_not_allow() {
        for by in PolicyKind::ALL {
            let kind = by.name();
            check(
                &format!("logs:DescribeLogGroups because no {kind} allows the logs:X action"),
                ("logs:DescribeLogGroups", None, Some(Reason::NotAllowed { by })),
            );
        }
        let role = "arn:aws:iam::111122223333:role/cwl";
        check(
            &format!("iam:PassRole on resource: {role} because no identity-based policy allows it"),
            (
                "iam:PassRole",
                Some(role),
                Some(Reason::NotAllowed { by: PolicyKind::IdentityBased }),
            ),
        );
    }

    #[test]
    fn an_explicit_deny_names_its_policy() {
        let deny = |by, policy_arn: Option<&str>| {
            Some(Reason::ExplicitDeny { by, policy_arn: policy_arn.map(str::to_owned) })
        };
        check(
            "logs:X on resource: * with an explicit deny in a service control policy",
            ("logs:X", Some("*"), deny(PolicyKind::ServiceControl, None)),
        );
        check(
            "sts:AssumeRole with an explicit deny in the role trust policy",
            ("sts:AssumeRole", None, deny(PolicyKind::RoleTrust, None)),
        );
        let policy = "arn:aws:iam::111122223333:policy/NoLogs";
        check(
            &format!(
                "logs:X on resource: \"arn:b\" with an explicit deny in an identity-based policy: \
                 {policy}. Go to https://console.aws.amazon.com/"
            ),
            ("logs:X", Some("arn:b"), deny(PolicyKind::IdentityBased, Some(policy))),
        );
    }

    #[test]
    fn the_access_policy_of_a_destination_is_known_by_its_message() {
        let arn = "arn:aws:logs:eu-west-1:444455556666:destination:central";
        for colon in [":", ""] {
            let message = format!(
                "User with accountId: 111122223333 is not authorized to perform{colon} \
                 logs:PutSubscriptionFilter on resource: {arn}"
            );
            let denial = Denial::read(&message).unwrap();
            assert_eq!(denial.principal.as_deref(), Some("111122223333"));
            assert_eq!(denial.resource.as_deref(), Some(arn));
            assert!(denial.is_by_destination());
            for reason in [
                "because no identity-based policy allows the logs:PutSubscriptionFilter action",
                "with an explicit deny in a resource-based policy",
            ] {
                let denial = Denial::read(&format!("{message} {reason}")).unwrap();
                assert!(!denial.is_by_destination(), "{reason}");
            }
        }
    }

    #[test]
    fn other_messages_explain_nothing() {
        for message in [
            "",
            "Access Denied",
            "Outdated permission. User with accountId: 1 is not authorized to perform \
             GetLogGroupFields on resources /a",
        ] {
            assert_eq!(Denial::read(message), None, "{message}");
        }
    }
}
