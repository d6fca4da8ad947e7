//! Security Token Service: who am I, and who can I become.

use std::time::{Duration, SystemTime};

use super::clock::iso;
use super::iam::{Session, Who};
use super::input::{Input, Text};
use super::refusal::Refusal;
use super::world::Scope;

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "GetCallerIdentity" => get_caller_identity(scope, input),
        "AssumeRole" => assume_role(scope, input),
        other => unreachable!("{other} is no operation of STS"),
    }
}

fn get_caller_identity(scope: &Scope<'_>, input: Input) -> Result<Vec<u8>, Refusal> {
    input.finish()?;
    let Who { arn, account, id, .. } = scope.who;
    let result = format!("<Arn>{arn}</Arn><UserId>{id}</UserId><Account>{account}</Account>");
    Ok(document("GetCallerIdentity", &result))
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn assume_role(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    const WORD: fn(char) -> bool = |c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let arn = input.required("RoleArn", Text::of(20, 2048));
    let session_name =
        input.required("RoleSessionName", Text::of(2, 64).matching("[\\w+=,.@-]*", WORD));
    let external_id = input.text("ExternalId", Text::of(2, 1224));
    input.text("SourceIdentity", Text::of(2, 64));
    input.text("Policy", Text::of(1, 2048));
    let seconds = input.text("DurationSeconds", Text::of(1, 5));
    input.finish()?;
    let seconds = match seconds.as_deref().map(str::parse::<u64>) {
        None => 3_600,
        Some(Ok(seconds @ 900..=43_200)) => seconds,
        Some(_) => {
            let message = "1 validation error detected: Value at 'durationSeconds' failed to \
                           satisfy constraint: Member must have value between 900 and 43200";
            return Err(Refusal::bad("ValidationError", message));
        }
    };
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            scope.who.arn
        );
        Refusal::new(403, "AccessDenied", message)
    };
    let role = scope.world.iam.roles.get(&arn).ok_or_else(denied)?;
    let trusted = role.trusts.contains(&scope.who.account) && role.known(scope.now);
    if !trusted || role.external_id.is_some() && role.external_id != external_id {
        return Err(denied());
    }
    let account = arn.split(':').nth(4).unwrap_or_default();
    let assumed = format!("arn:aws:sts::{account}:assumed-role/{}/{session_name}", role.name);
    let mut rng = scope.world.chance.next(&["session", &arn, &session_name]);
    let access_key = format!("ASIA{:016X}", rng.u64(..));
    let token = format!("session-{:032x}", rng.u128(..));
    let id = format!("AROA{:016X}:{session_name}", rng.u64(..));
    let who = Who {
        arn: assumed.clone(),
        account: account.to_owned(),
        id: id.clone(),
        access_key: access_key.clone(),
    };
    // SDKs compare it with their own clock, which is not simulated. The session ends when the test
    // says so: a fast clock would end it before its first use.
    let expiration = iso(SystemTime::now() + Duration::from_secs(seconds));
    let result = format!(
        "<Credentials><AccessKeyId>{access_key}</AccessKeyId>\
         <SecretAccessKey>simulated</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>{id}</AssumedRoleId><Arn>{assumed}</Arn>\
         </AssumedRoleUser>"
    );
    scope.world.iam.sessions.insert(access_key, Session { who, token, valid: true });
    Ok(document("AssumeRole", &result))
}

fn document(operation: &str, result: &str) -> Vec<u8> {
    format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <{operation}Result>{result}</{operation}Result><ResponseMetadata>\
         <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
    .into_bytes()
}

/// Text as XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
