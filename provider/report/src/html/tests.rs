use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use logagg_policy::{
    Argument, Document, GroupState, LogGroup, LogGroupClass, Retention, Subscription,
};
use terraform_provider_logagg::engine::{Survey, Surveyed};
use tfplugin::{Diagnostic, Diagnostics};

use super::render;
use crate::group::State;
use crate::ingestion::Ingestion;
use crate::prices::{Prices, RegionPrices};
use crate::read::{Found, TargetFound};
use crate::review::{Outcome, Review};
use crate::target::Target;
use crate::{csv, json, markdown, visible};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn document(name: &str, rest: &str) -> Document {
    let text = format!(
        "{{\"version\":1,\"name\":\"{name}\",\"region\":\"eu-west-1\",\
         \"account_id\":\"123456789012\",{rest},\"select\":[{{\"name_prefixes\":[\"/app/\"]}}]}}"
    );
    text.parse().unwrap()
}

fn forwarding(name: &str) -> Document {
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";
    document(name, &format!("\"destination_arn\":\"{arn}\",\"retention_in_days\":30"))
}

fn group(name: &str, retention: Retention, stored_bytes: u64) -> LogGroup {
    LogGroup {
        name: name.to_owned(),
        class: LogGroupClass::Standard,
        retention,
        governed_by: None,
        is_protected: false,
        arn: String::new(),
        stored_bytes,
        created_ms: 1_000 * DAY_MS,
    }
}

/// A log group under a policy that forwards it and keeps events for 30 days.
fn found(group: &LogGroup, subscription: Subscription) -> (String, Surveyed) {
    let surveyed = Surveyed {
        current: GroupState {
            subscription: Some(subscription),
            retention: group.retention,
            deletion_protection: None,
        },
        desired: GroupState {
            subscription: Some(Subscription::Active),
            retention: Retention::Days(30),
            deletion_protection: None,
        },
        skip: None,
        foreign: None,
    };
    (group.name.clone(), surveyed)
}

fn prices(storage: &str, ingestion: &str) -> RegionPrices {
    let (storage, ingestion) = (storage.parse().unwrap(), ingestion.parse().unwrap());
    Prices { storage, ingestion }.in_region("eu-west-1")
}

fn target(
    policies: Vec<(Document, Result<Survey, String>)>,
    listed: Vec<LogGroup>,
    ingestion: Ingestion,
) -> TargetFound {
    TargetFound {
        target: Target::of(&forwarding("any")),
        prices: prices("0.03", "0.5"),
        policies,
        listed: Ok(listed.into_iter().map(|group| (group.name.clone(), group)).collect()),
        ingestion,
    }
}

/// The report of the 2,000th day after 1970.
fn review_of(targets: Vec<TargetFound>) -> Review {
    let at = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 2_000);
    Review::of(at, Found { targets, unknown: Vec::new() })
}

fn review(surveys: Vec<(Document, Survey)>, listed: Vec<LogGroup>) -> Review {
    let policies = surveys.into_iter().map(|(document, survey)| (document, Ok(survey)));
    review_of(vec![target(policies.collect(), listed, Ingestion::Skipped)])
}

fn survey(groups: impl IntoIterator<Item = (String, Surveyed)>) -> Survey {
    Survey { groups: groups.into_iter().collect(), diagnostics: Diagnostics::new() }
}

/// The report in every format, as it is written.
fn every_format(review: &Review) -> [String; 4] {
    [
        render(review),
        json::render(review).unwrap(),
        csv::render(review).unwrap(),
        markdown::render(review),
    ]
    .map(|text| visible::visible(&text))
}

#[test]
fn the_most_urgent_state_comes_first_and_of_that_the_largest() {
    let groups = [
        group("/app/a", Retention::Days(30), 5_000),
        group("/app/b", Retention::Never, 7_000),
        group("/app/c", Retention::Days(30), 9_000),
        group("/app/d", Retention::Days(30), 1_000),
        group("/other", Retention::Never, 100),
    ];
    let [a, b, c, d, _] = &groups;
    let differs = Subscription::Differs(vec![Argument::RoleArn]);
    let survey = survey([
        found(a, Subscription::Active),
        found(b, Subscription::Missing),
        found(c, Subscription::Missing),
        found(d, differs),
    ]);
    let review = review(vec![(forwarding("logs"), survey)], groups.to_vec());
    let (.., policy) = review.found().next().unwrap();
    let order: Vec<_> = policy.groups.iter().map(|it| it.usage.group.name.as_str()).collect();
    assert_eq!(order, ["/app/c", "/app/b", "/app/d", "/app/a"]);
    assert_eq!(policy.count(State::Missing), 2);
    assert_eq!(review.outcome(), Outcome::Drift);
    let totals = &review.totals;
    assert_eq!((totals.groups, totals.selected, totals.drifted), (5, 4, 3));
    assert_eq!(
        (totals.bytes, totals.never_expire, totals.never_expiring_bytes),
        (22_100, 2, 7_100)
    );
    let unmanaged = review.targets[0].unmanaged.as_ref().unwrap();
    let unmanaged: Vec<_> = unmanaged.iter().map(|it| &it.group.name).collect();
    assert_eq!(unmanaged, ["/other"]);
    let page = render(&review);
    assert!(page.contains("<h1>3 of 4 log groups drifted</h1>"), "{page}");
}

#[test]
fn a_group_that_two_policies_select_is_counted_once_with_the_smallest_saving() {
    let shared = group("/app/a", Retention::Never, 1_000);
    let ours = survey([found(&shared, Subscription::Active)]);
    let mut theirs = survey([found(&shared, Subscription::Active)]);
    theirs.groups.get_mut("/app/a").unwrap().desired.retention = Retention::Days(365);
    let surveys = vec![(forwarding("one"), ours), (forwarding("other"), theirs)];
    let review = review(surveys, vec![shared]);
    assert_eq!((review.totals.selected, review.totals.drifted), (1, 1));
    let deleted: Vec<_> = review.found().map(|(.., found)| found.deleted_bytes()).collect();
    assert_eq!(review.totals.deleted_bytes, deleted[1]);
    assert!(deleted[0] > deleted[1]);
    assert_eq!(review.shared().into_values().collect::<Vec<_>>(), [[0, 1]]);
    assert!(render(&review).contains("Log groups that several policies select"));
    let csv = csv::render(&review).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.contains(",one other,retention_differs,"), "{csv}");
}

#[test]
fn groups_that_are_created_or_deleted_during_the_read_are_left_out() {
    let deleted = group("/app/deleted", Retention::Never, 1);
    let created = group("/app/created", Retention::Never, 1);
    let survey = survey([found(&deleted, Subscription::Missing)]);
    let review = review(vec![(forwarding("logs"), survey)], vec![created]);
    assert!(review.found().all(|(.., found)| found.groups.is_empty()));
    assert_eq!(review.targets[0].unmanaged, Ok(Vec::new()));
    assert_eq!(review.outcome(), Outcome::Compliant);
}

#[test]
fn an_error_of_the_plan_is_drift() {
    let group = group("/app/a", Retention::Days(30), 1);
    let mut survey = survey([found(&group, Subscription::Active)]);
    survey.diagnostics.push(Diagnostic::error("Policies conflict", "Over <this>."));
    let review = review(vec![(forwarding("logs"), survey)], vec![group]);
    assert_eq!(review.outcome(), Outcome::Drift);
    let page = render(&review);
    assert!(page.contains("<h1>The policies cannot be applied</h1>"));
    assert!(page.contains("Error: blocks apply: Policies conflict"));
    assert!(page.contains("Over &lt;this&gt;."));
}

#[test]
fn a_failure_stands_in_place_of_its_policy_and_the_others_are_complete() {
    let group = group("/app/a", Retention::Days(30), 1_000);
    let there = Target { account_id: "999999999999".to_owned(), region: "us-east-1".to_owned() };
    let mut lost = forwarding("lost");
    (lost.account_id, lost.region) = (there.account_id.clone(), there.region.clone());
    let failed = TargetFound {
        target: there,
        prices: RegionPrices::default(),
        policies: vec![(lost, Err("Denied <there>".to_owned()))],
        listed: Err("Denied <there>".to_owned()),
        ingestion: Ingestion::Skipped,
    };
    let survey = survey([found(&group, Subscription::Active)]);
    let here = target(vec![(forwarding("kept"), Ok(survey))], vec![group], Ingestion::Skipped);
    let review = review_of(vec![here, failed]);
    assert!(!review.is_complete());
    let page = render(&review);
    assert!(
        page.contains("<h1>1 log group is compliant; 1 policy could not be read</h1>"),
        "{page}"
    );
    assert!(page.contains("Policy lost in account 999999999999, us-east-1</h2>"), "{page}");
    assert!(page.contains("Policy kept in account 123456789012, eu-west-1</h2>"), "{page}");
    assert_eq!(page.matches("Denied &lt;there&gt;").count(), 2, "{page}");
    let json: serde_json::Value = serde_json::from_str(&json::render(&review).unwrap()).unwrap();
    assert_eq!(json["complete"], false);
    assert_eq!(json["accounts"][1]["regions"][0]["policies"][0]["error"], "Denied <there>");
    assert_eq!(json["accounts"][0]["regions"][0]["policies"][0]["log_groups"][0]["name"], "/app/a");
    assert!(markdown::render(&review).contains("- `lost` in account 999999999999, us-east-1"));
}

#[test]
fn nothing_has_a_price_that_is_not_given_or_known() {
    let group = group("/app/a", Retention::Never, 5_000_000_000);
    let survey = survey([found(&group, Subscription::Active)]);
    let ingestion = Ingestion::Read(BTreeMap::from([("/app/a".to_owned(), 7_000_000_000)]));
    let policies = vec![(forwarding("logs"), Ok(survey))];
    let mut found = target(policies, vec![group], ingestion);
    found.prices = RegionPrices::default();
    let review = review_of(vec![found]);
    for text in every_format(&review) {
        // A link to the console has `$` for what it escapes.
        assert!(!text.replace("$252F", "").contains('$'), "{text}");
    }
    let page = render(&review);
    assert!(page.contains("No price is given or known for eu-west-1"), "{page}");
    assert!(page.contains("7.0 GB"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&json::render(&review).unwrap()).unwrap();
    assert_eq!(json["totals"]["storage_usd_per_month"], serde_json::Value::Null);
    assert_eq!(json["totals"]["ingested_bytes"], 7_000_000_000_u64);
}

#[test]
fn storage_and_ingestion_have_their_cost() {
    let mut rare = group("/app/rare", Retention::Days(30), 1_000_000_000);
    rare.class = LogGroupClass::InfrequentAccess;
    let group = group("/app/a", Retention::Days(30), 5_000_000_000);
    let survey = survey([found(&group, Subscription::Active), found(&rare, Subscription::Active)]);
    let ingested = [("/app/a", 7_000_000_000), ("/app/rare", 1_000_000_000)];
    let ingested = ingested.map(|(name, bytes)| (name.to_owned(), bytes));
    let policies = vec![(forwarding("logs"), Ok(survey))];
    let ingestion = Ingestion::Read(BTreeMap::from(ingested));
    let review = review_of(vec![target(policies, vec![group, rare], ingestion)]);
    let page = render(&review);
    assert!(page.contains("5.0 GB<span class=\"beside\">$0.15</span>"), "{page}");
    assert!(page.contains("7.0 GB<span class=\"beside\">$3.50</span>"), "{page}");
    assert!(page.contains("<td class=\"amount\">1.0 GB</td>"), "{page}");
    assert!(page.contains("$0.03 per GB and month (given as an option)"), "{page}");
    let json: serde_json::Value = serde_json::from_str(&json::render(&review).unwrap()).unwrap();
    assert_eq!(json["totals"]["ingestion_usd"], 3.5);
    assert_eq!(json["totals"]["storage_usd_per_month"], 0.18);
}

#[test]
fn a_failed_read_of_ingestion_is_stated_and_the_rest_is_there() {
    let group = group("/app/a", Retention::Days(30), 5_000);
    let survey = survey([found(&group, Subscription::Active)]);
    let ingestion = Ingestion::Failed("GetMetricData failed. <AccessDenied>".to_owned());
    let policies = vec![(forwarding("logs"), Ok(survey))];
    let review = review_of(vec![target(policies, vec![group], ingestion)]);
    assert!(review.is_complete());
    let page = render(&review);
    assert!(page.contains("GetMetricData failed. &lt;AccessDenied&gt;"), "{page}");
    assert!(page.contains("permission cloudwatch:GetMetricData"), "{page}");
    assert!(page.contains("/app/a"), "{page}");
}

#[test]
fn no_string_of_aws_becomes_markup() {
    let hostile = "/app/<script>alert('x')</script>\"onload=\"&amp;";
    let group = group(hostile, Retention::Never, 1);
    let mut found = found(&group, Subscription::Missing);
    found.1.skip = Some("<b>loop</b>".to_owned());
    found.1.foreign = Some("<i>arn</i>".to_owned());
    let mut survey = survey([found]);
    survey.diagnostics.push(Diagnostic::warning("<u>summary</u>", "</p><p>detail"));
    let mut document = forwarding("<script>name");
    document.wanted.as_mut().unwrap().pattern = "<script>pattern".to_owned();
    let mut unmanaged = group.clone();
    unmanaged.name = "/<script>other".to_owned();
    unmanaged.class = LogGroupClass::Other("<script>class".to_owned());
    let page = render(&review(vec![(document, survey)], vec![group, unmanaged]));
    for planted in ["<script", "<b>", "<i>arn", "<u>", "</p><p>detail", "\"onload"] {
        assert!(!page.contains(planted), "{planted}\n{page}");
    }
    for text in ["&lt;script&gt;name", "&lt;script&gt;pattern", "/&lt;script&gt;other", "&amp;amp;"]
    {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn a_character_that_reorders_others_is_shown_in_every_format() {
    let group = group("/app/\u{202e}gpj.exe", Retention::Never, 1);
    let survey = survey([found(&group, Subscription::Missing)]);
    let review = review(vec![(forwarding("a\u{2066}b"), survey)], vec![group]);
    for text in every_format(&review) {
        assert!(!text.contains(['\u{202e}', '\u{2066}']), "{text}");
        assert!(text.contains("/app/\\u202egpj.exe") && text.contains("a\\u2066b"), "{text}");
    }
}

#[test]
fn the_page_loads_nothing() {
    let group = group("/app/a", Retention::Never, 1);
    let survey = survey([found(&group, Subscription::Missing)]);
    let page = render(&review(vec![(forwarding("logs"), survey)], vec![group]));
    for outside in ["http:", "src=", "<link", "<script", "<img", "<iframe", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}\n{page}");
    }
    // A link to the console is followed by a click only, and does not say where from.
    let links = page.matches("https:").count();
    assert_eq!(links, page.matches("<a href=\"https:").count());
    assert_eq!(links, page.matches("\" rel=\"noreferrer\">").count());
    assert!(page.contains(
        "<a href=\"https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
         #logsV2:log-groups/log-group/$252Fapp$252Fa\" rel=\"noreferrer\">/app/a</a>"
    ));
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
}

#[test]
fn every_table_has_a_caption_and_headers() {
    let group = group("/app/a", Retention::Never, 1);
    let survey = survey([found(&group, Subscription::Missing)]);
    let surveys = vec![(forwarding("logs"), survey)];
    let page = render(&review(surveys, vec![group.clone(), self::group("/b", group.retention, 2)]));
    let tables: Vec<_> = page.split("<table>").skip(1).collect();
    assert_eq!(tables.len(), 2);
    for table in tables {
        assert!(table.starts_with("<caption>"), "{table}");
        assert!(table.contains("<th scope=\"col\">"), "{table}");
        assert!(table.contains("scope=\"row\""), "{table}");
    }
}

#[test]
fn the_page_has_the_words_of_the_docs() {
    let group = group("/app/a", Retention::Never, 1_000);
    let mut survey = survey([found(&group, Subscription::Missing)]);
    survey.diagnostics.push(Diagnostic::warning("summary", "detail"));
    let page = render(&review(vec![(forwarding("logs"), survey)], vec![group]));
    for word in [
        "Drifted",
        "Never expires",
        "Unmanaged",
        "Warning: ",
        "compliant",
        "Potential savings / month",
        "Method and definitions",
    ] {
        assert!(page.contains(word), "{word}\n{page}");
    }
}
