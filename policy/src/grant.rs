use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{Arn, Destination, PolicyId};

/// Leave for CloudWatch Logs to invoke a function: one statement in the function's resource policy,
/// for all log groups of the function's account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    function: Arn,
    statement_id: String,
}

/// The most characters of a statement's id.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
const MAX_STATEMENT_ID_CHARS: usize = 100;
/// What a name's hash takes, with the hyphen before it.
const HASH_CHARS: usize = 17;
const PREFIX: &str = "logagg-";
/// No policy's name leads to an id that begins so.
const INTERIM_PREFIX: &str = "logagg_interim-";

const ACTION: &str = "lambda:InvokeFunction";

impl Grant {
    /// That of a policy to its destination; None where that is no function, so has no resource
    /// policy that matters here.
    #[must_use]
    pub fn of(destination: &Arn, policy_name: &str, policy: PolicyId) -> Option<Self> {
        let stem = stem(destination.region(), policy_name);
        Self::recalled(destination, format!("{stem}-{policy}"))
    }

    /// The ids of the policies of a name that have their statement among these, as it is wanted:
    /// by them an import knows what it is to take over.
    #[must_use]
    pub fn holders(
        destination: &Arn,
        policy_name: &str,
        statements: &[Statement],
    ) -> Vec<PolicyId> {
        let stem = stem(destination.region(), policy_name);
        let id_of = |statement: &Statement| -> Option<PolicyId> {
            let id = statement.id.strip_prefix(&stem)?.strip_prefix('-')?.parse().ok()?;
            let grant = Self::of(destination, policy_name, id)?;
            (grant.statement() == *statement).then_some(id)
        };
        statements.iter().filter_map(id_of).collect()
    }

    /// One that was made before, by the id it has.
    #[must_use]
    pub fn recalled(destination: &Arn, statement_id: String) -> Option<Self> {
        let is_function = Destination::of(destination).is_ok_and(|to| to.is_function());
        is_function.then(|| Self { function: destination.clone(), statement_id })
    }

    /// The function, with its version or alias where the policy ships to one.
    #[must_use]
    pub fn function_arn(&self) -> &Arn {
        &self.function
    }

    /// The function's name.
    #[must_use]
    pub fn function_name(&self) -> &str {
        self.parts().0
    }

    /// The version or alias, which has a resource policy of its own.
    #[must_use]
    pub fn qualifier(&self) -> Option<&str> {
        self.parts().1
    }

    fn parts(&self) -> (&str, Option<&str>) {
        let resource = self.function.resource();
        let name = resource.strip_prefix("function:").unwrap_or(resource);
        match name.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (name, None),
        }
    }

    /// The statement's id, which no other policy's statement has.
    #[must_use]
    pub fn statement_id(&self) -> &str {
        &self.statement_id
    }

    /// The log groups that the function may be invoked for: all of them.
    #[must_use]
    pub fn source_arn(&self) -> String {
        let (partition, region) = (self.function.partition(), self.function.region());
        format!("arn:{partition}:logs:{region}:{}:log-group:*:*", self.function.account())
    }

    /// CloudWatch Logs' principal in the function's partition.
    #[must_use]
    pub fn principal(&self) -> &'static str {
        logs_principal(self.function.partition())
    }

    /// The account of the log groups.
    #[must_use]
    pub fn source_account(&self) -> &str {
        self.function.account()
    }

    /// The interim statement under another ID while the statement is replaced, so that CloudWatch
    /// Logs stays authorized.
    #[must_use]
    pub fn interim(&self) -> Self {
        let rest = self.statement_id.strip_prefix(PREFIX).unwrap_or(&self.statement_id);
        let room = MAX_STATEMENT_ID_CHARS - INTERIM_PREFIX.len();
        let id = match rest.len() <= room {
            true => format!("{INTERIM_PREFIX}{rest}"),
            false => shortened(INTERIM_PREFIX, rest, MAX_STATEMENT_ID_CHARS),
        };
        Self { function: self.function.clone(), statement_id: id }
    }

    /// Its state in the function's resource policy.
    #[must_use]
    pub fn examine(&self, statements: &[Statement], known: Provenance) -> Permission {
        let interim = self.interim();
        let is_left = statements.iter().any(|statement| *statement == interim.statement());
        match statements.iter().find(|statement| statement.id == self.statement_id) {
            None if is_left => Permission::Differs,
            None => Permission::Missing,
            Some(statement) if *statement == self.statement() && is_left => Permission::Differs,
            Some(statement) if *statement == self.statement() => Permission::Active,
            Some(statement) if known == Provenance::Ours && statement.lets_logs_invoke() => {
                Permission::Differs
            }
            Some(_) => Permission::Conflict,
        }
    }

    /// The statement as it is wanted.
    #[must_use]
    pub fn statement(&self) -> Statement {
        let condition = |operator: &str, key: &str, value: String| {
            ((operator.to_owned(), key.to_owned()), vec![value])
        };
        Statement {
            id: self.statement_id.clone(),
            effect: "Allow".to_owned(),
            principal: Statement::service(self.principal()),
            action: ACTION.to_owned(),
            conditions: BTreeMap::from([
                condition("ArnLike", "aws:sourcearn", self.source_arn()),
                condition("StringEquals", "aws:sourceaccount", self.source_account().to_owned()),
            ]),
        }
    }
}

/// CloudWatch Logs' principal in a partition.
///
/// <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/service_principal>,
/// <https://github.com/serverless/serverless/issues/12087>
#[must_use]
pub fn logs_principal(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "logs.amazonaws.com.cn",
        _ => "logs.amazonaws.com",
    }
}

/// What the ids of all policies of one name in a region begin with. Letters, digits, `-` and `_`
/// are all that an id may have. A hash distinguishes names with other characters and longer names.
fn stem(region: &str, policy_name: &str) -> String {
    let room = MAX_STATEMENT_ID_CHARS - PolicyId::LEN - 1;
    let name = format!("{region}-{policy_name}");
    let is_proper = name.chars().all(is_proper);
    match is_proper && PREFIX.len() + name.len() <= room {
        true => format!("{PREFIX}{name}"),
        false => shortened(PREFIX, &name, room),
    }
}

fn shortened(prefix: &str, text: &str, most_chars: usize) -> String {
    let room = most_chars - HASH_CHARS - prefix.len();
    let proper = text.chars().map(|c| if is_proper(c) { c } else { '-' });
    format!("{prefix}{}-{:016x}", proper.take(room).collect::<String>(), hash(text))
}

fn is_proper(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// FNV-1a: the same in every version of every build.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A statement of a function's resource policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its id within the policy.
    pub id: String,
    /// `Allow`, or something else.
    pub effect: String,
    /// Who is meant: a [service](Self::service), or JSON that says so.
    pub principal: String,
    /// What is meant, or JSON that says so.
    pub action: String,
    /// The values by operator and key, the key in small letters.
    pub conditions: BTreeMap<(String, String), Vec<String>>,
}

impl Statement {
    /// A principal that is a service, as in `logs.amazonaws.com`.
    #[must_use]
    pub fn service(name: &str) -> String {
        format!("Service:{name}")
    }

    /// Whether it lets CloudWatch Logs invoke the function, whatever else it asks for.
    #[must_use]
    pub fn lets_logs_invoke(&self) -> bool {
        let service = self.principal.strip_prefix("Service:").unwrap_or_default();
        let domain = service.strip_prefix("logs.").unwrap_or_default();
        // With a region before it, or without.
        let is_logs = ["amazonaws.com", "amazonaws.com.cn"].iter().any(|suffix| {
            domain
                .strip_suffix(suffix)
                .is_some_and(|region| region.is_empty() || region.ends_with('.'))
        });
        self.effect == "Allow" && self.action == ACTION && is_logs
    }
}

/// What is known of where a statement with a grant's id, or a retention, comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provenance {
    /// The policy wrote it.
    Ours,
    /// Only its content identifies it.
    #[default]
    Unknown,
}

/// How a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The statement is there, as wanted.
    Active,
    /// There is no such statement.
    Missing,
    /// The policy's statement has other content, or is still being replaced.
    Differs,
    /// Another owner's statement has its ID.
    Conflict,
    /// One stands that is no longer wanted: of an earlier destination or name, or of a policy that
    /// no longer grants.
    NotRevoked,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Conflict => "conflict",
            Self::NotRevoked => "not revoked",
        })
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let all = [Self::Active, Self::Missing, Self::Differs, Self::Conflict, Self::NotRevoked]
            .into_iter();
        let mut named = all.filter(|permission| permission.to_string() == text);
        named.next().ok_or_else(|| UnknownPermission { text: text.to_owned() })
    }
}

/// A text that no version of this wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the state of a permission")]
pub struct UnknownPermission {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPER: &str = "arn:aws-cn:lambda:cn-north-1:123456789012:function:shipper";

    fn grant(name: &str) -> Grant {
        Grant::of(&SHIPPER.parse().unwrap(), name, PolicyId::of(0xab)).unwrap()
    }

    #[test]
    fn is_for_all_log_groups_of_the_functions_account_and_region() {
        let grant = grant("ship");
        assert_eq!(grant.statement_id(), "logagg-cn-north-1-ship-000000ab");
        assert_eq!(grant.source_arn(), "arn:aws-cn:logs:cn-north-1:123456789012:log-group:*:*");
        assert_eq!(grant.source_account(), "123456789012");
        assert_eq!((grant.function_name(), grant.qualifier()), ("shipper", None));
    }

    #[test]
    fn the_principal_is_that_of_the_partition() {
        assert_eq!(grant("ship").principal(), "logs.amazonaws.com.cn");
        let arn = SHIPPER.replace("aws-cn", "aws-us-gov").parse().unwrap();
        let grant = Grant::of(&arn, "ship", PolicyId::of(0)).unwrap();
        assert_eq!(grant.statement().principal, "Service:logs.amazonaws.com");
    }

    #[test]
    fn two_policies_of_one_name_have_their_own_statements_with_their_ids() {
        let arn: Arn = SHIPPER.parse().unwrap();
        let of = |name: &str, bits| Grant::of(&arn, name, PolicyId::of(bits)).unwrap().statement();
        let mut altered = of("ship", 3);
        altered.effect = "Deny".to_owned();
        let statements = [of("ship", 1), of("ship", 2), altered, of("shipper", 4), of("a b", 5)];
        let ids = |name: &str| Grant::holders(&arn, name, &statements);
        assert_eq!(ids("ship"), [PolicyId::of(1), PolicyId::of(2)]);
        assert_eq!(ids("a b"), [PolicyId::of(5)]);
        assert_eq!(ids("other"), []);
    }

    #[test]
    fn knows_the_version_or_alias() {
        let arn = format!("{SHIPPER}:live").parse().unwrap();
        let grant = Grant::of(&arn, "ship", PolicyId::of(0)).unwrap();
        assert_eq!((grant.function_name(), grant.qualifier()), ("shipper", Some("live")));
        assert_eq!(grant.source_arn(), "arn:aws-cn:logs:cn-north-1:123456789012:log-group:*:*");
    }

    #[test]
    fn only_a_function_has_one() {
        for arn in
            ["arn:aws:kinesis:eu-west-1:1:stream/x", "arn:aws:logs:eu-west-1:1:destination:x"]
        {
            assert_eq!(Grant::of(&arn.parse().unwrap(), "ship", PolicyId::of(0)), None, "{arn}");
        }
    }

    #[test]
    fn names_that_no_id_can_hold_still_have_ids_of_their_own() {
        let names = ["a b", "a.b", "a-b", &"a".repeat(512), &"a".repeat(511), "ä"];
        let ids: Vec<_> = names.iter().map(|name| grant(name).statement_id).collect();
        for id in ids.iter().chain(&names.map(|name| grant(name).interim().statement_id)) {
            assert!(id.len() <= MAX_STATEMENT_ID_CHARS && id.chars().all(is_proper), "{id}");
        }
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        assert_eq!(
            ids[1], "logagg-cn-north-1-a-b-3e30c446ecc8060e-000000ab",
            "the same in every version"
        );
    }

    #[test]
    fn the_interim_statement_has_an_id_that_no_policy_has() {
        assert_eq!(
            grant("ship").interim().statement_id(),
            "logagg_interim-cn-north-1-ship-000000ab"
        );
        assert_eq!(grant("ship").interim().source_arn(), grant("ship").source_arn());
    }

    fn altered(change: impl FnOnce(&mut Statement)) -> Statement {
        let mut statement = grant("ship").statement();
        change(&mut statement);
        statement
    }

    #[test]
    fn an_equal_statement_is_ours_whatever_its_origin() {
        let same = [altered(|_| {})];
        assert_eq!(grant("ship").examine(&same, Provenance::Unknown), Permission::Active);
        assert_eq!(grant("other").examine(&same, Provenance::Ours), Permission::Missing);
    }

    #[test]
    fn a_different_statement_is_ours_only_by_its_id_and_for_logs() {
        let check = |statement: Statement, known, expected| {
            let shown = format!("{statement:?}");
            assert_eq!(grant("ship").examine(&[statement], known), expected, "{shown}");
        };
        let open = || altered(|statement| statement.conditions.clear());
        check(open(), Provenance::Ours, Permission::Differs);
        check(open(), Provenance::Unknown, Permission::Conflict);
        let by = |principal| altered(|it| it.principal = Statement::service(principal));
        for principal in
            ["logs.x.amazonaws.com", "logs.amazonaws.com", "logs.cn-north-1.amazonaws.com.cn"]
        {
            check(by(principal), Provenance::Ours, Permission::Differs);
        }
        for principal in ["events.amazonaws.com", "logs.xamazonaws.com", "logs.example.com"] {
            check(by(principal), Provenance::Ours, Permission::Conflict);
        }
        let deny = altered(|it| "Deny".clone_into(&mut it.effect));
        check(deny, Provenance::Ours, Permission::Conflict);
    }

    #[test]
    fn what_stood_in_has_to_go() {
        let statements = [grant("ship").statement(), grant("ship").interim().statement()];
        for statements in [&statements[..], &statements[1..]] {
            let state = grant("ship").examine(statements, Provenance::Unknown);
            assert_eq!(state, Permission::Differs);
        }
    }

    #[test]
    fn a_permission_reads_back_as_it_was_written() {
        for permission in [
            Permission::Active,
            Permission::Missing,
            Permission::Differs,
            Permission::Conflict,
            Permission::NotRevoked,
        ] {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        assert!("granted".parse::<Permission>().is_err());
    }
}
