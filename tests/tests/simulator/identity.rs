//! Who calls, and what he may do.

use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::api::Api;
use logagg_e2e::simulator::{Role, Simulator};
use serde_json::json;

use super::{Simulated, logs, refused};

fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = xml.split_once(&open).unwrap();
    rest.split_once(&close).unwrap().0
}

#[test]
fn a_role_leads_into_its_account() {
    let simulated = Simulated::new();
    let role = Role::named("logs").trusting(simulated.account.id()).external_id("secret");
    let role = simulated.aws.account("999999999999").add_role(role);
    simulated.aws.region("999999999999", REGION).add_groups_named(["/there"]);
    let form = |more: &str| {
        let role = role.replace(':', "%3A").replace('/', "%2F");
        format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=me{more}")
    };
    for wrong in ["", "&ExternalId=guess"] {
        let (status, xml) = simulated.api.sts(&form(wrong)).unwrap();
        assert_eq!((status, element(&xml, "Code")), (403, "AccessDenied"), "{xml}");
        assert!(xml.contains("is not authorized to perform: sts:AssumeRole on resource"), "{xml}");
    }
    let (status, xml) = simulated.api.sts(&form("&ExternalId=secret")).unwrap();
    assert_eq!(status, 200, "{xml}");
    let there = Api::new(&simulated.aws.endpoint(), element(&xml, "AccessKeyId"), REGION);
    let stranger = logs(&there, "DescribeLogGroups", json!({})).unwrap_err();
    assert_eq!(stranger.code, "UnrecognizedClientException", "the token is missing");
    let there = there.with_session_token(element(&xml, "SessionToken"));
    let found = logs(&there, "DescribeLogGroups", json!({})).unwrap();
    assert_eq!(super::each(&found, "logGroups", "logGroupName"), ["/there"]);
    let (_, xml) = there.sts("Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    let arn = "arn:aws:sts::999999999999:assumed-role/logs/me";
    assert_eq!(element(&xml, "Arn"), arn);

    simulated.aws.account("999999999999").end_sessions();
    let message = "The security token included in the request is expired";
    let expired = logs(&there, "DescribeLogGroups", json!({}));
    refused(expired, &format!("400 ExpiredTokenException: {message}"));
}

#[test]
fn a_forbidden_action_is_denied_where_it_is_forbidden() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0));
    simulated.here.add_groups_named(["/a", "/b"]);
    let account = simulated.account.id();
    let identities = simulated.aws.account(account);
    identities.deny_on("logs:PutRetentionPolicy", "/a");
    let put = |group: &str| {
        let input = json!({"logGroupName": group, "retentionInDays": 1});
        simulated.logs("PutRetentionPolicy", input)
    };
    refused(
        put("/a"),
        &format!(
            "400 AccessDeniedException: User: arn:aws:iam::{account}:user/terraform is not \
             authorized to perform: logs:PutRetentionPolicy on resource: \
             arn:aws:logs:{REGION}:{account}:log-group:/a:log-stream: because no identity-based \
             policy allows the logs:PutRetentionPolicy action"
        ),
    );
    put("/b").unwrap();
    identities.allow_all();
    put("/a").unwrap();
    identities.deny_for("logs:*", Duration::from_secs(10));
    assert_eq!(put("/a").unwrap_err().code, "AccessDeniedException");
    simulated.aws.advance(Duration::from_secs(10));
    put("/a").unwrap();
}

#[test]
fn accounts_and_regions_do_not_see_each_other() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/here"]);
    for (account, region) in [(simulated.account.id(), "eu-west-1"), ("999999999999", REGION)] {
        let api = Api::new(&simulated.aws.endpoint(), account, region);
        let found = logs(&api, "DescribeLogGroups", json!({})).unwrap();
        assert_eq!(found, json!({"logGroups": []}));
    }
}
