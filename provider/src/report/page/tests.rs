use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use logagg_policy::{
    Argument, Document, GroupState, LogGroup, LogGroupClass, Retention, Subscription,
};
use tfplugin::{Diagnostic, Diagnostics};

use super::render;
use crate::policy::{Survey, Surveyed};
use crate::report::ask::Answers;
use crate::report::estimate::Price;
use crate::report::group::State;
use crate::report::review::{Outcome, Review};
use crate::report::target::Target;

const DAYS_MS: i64 = 24 * 60 * 60 * 1_000;

fn document(name: &str, rest: &str) -> Document {
    let text = format!(
        "{{\"version\":1,\"name\":\"{name}\",\"region\":\"eu-west-1\",\
         \"account_id\":\"123456789012\",{rest},\"select\":[{{\"name_prefixes\":[\"/app/\"]}}]}}"
    );
    text.parse().unwrap()
}

fn shipping(name: &str) -> Document {
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";
    document(name, &format!("\"destination_arn\":\"{arn}\",\"retention_in_days\":30"))
}

fn group(name: &str, retention: Retention, stored_bytes: u64) -> LogGroup {
    LogGroup {
        name: name.to_owned(),
        class: LogGroupClass::Standard,
        retention,
        arn: String::new(),
        stored_bytes,
        created_ms: 1_000 * DAYS_MS,
    }
}

/// A log group's way to a policy that ships it and keeps it for 30 days.
fn found(group: &LogGroup, subscription: Subscription) -> (String, Surveyed) {
    let surveyed = Surveyed {
        current: GroupState { subscription: Some(subscription), retention: group.retention },
        desired: GroupState {
            subscription: Some(Subscription::Active),
            retention: Retention::Days(30),
        },
        skip: None,
        foreign: None,
    };
    (group.name.clone(), surveyed)
}

/// What is known on the 2000th day of a new time.
fn review(surveys: Vec<(Document, Survey)>, listed: Vec<LogGroup>) -> Review {
    let listed = listed.into_iter().map(|group| (group.name.clone(), group)).collect();
    let listings = BTreeMap::from([(Target::of(&shipping("any")), listed)]);
    let at = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 2_000);
    Review::of(at, Price::default(), Answers { surveys, listings })
}

fn survey(groups: impl IntoIterator<Item = (String, Surveyed)>) -> Survey {
    Survey { groups: groups.into_iter().collect(), diagnostics: Diagnostics::new() }
}

#[test]
fn drifted_groups_come_first_and_the_largest_of_them() {
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
    let review = review(vec![(shipping("logs"), survey)], groups.to_vec());
    let policy = &review.policies[0];
    let order: Vec<_> = policy.groups.iter().map(|it| it.group.name.as_str()).collect();
    assert_eq!(order, ["/app/c", "/app/b", "/app/d", "/app/a"]);
    assert_eq!(policy.count(State::Missing), 2);
    assert_eq!(review.outcome(), Outcome::Differs);
    let totals = &review.totals;
    assert_eq!((totals.groups, totals.covered, totals.differing), (5, 4, 3));
    assert_eq!(
        (totals.bytes, totals.never_expiring, totals.bytes_never_expiring),
        (22_100, 2, 7_100)
    );
    let uncovered: Vec<_> = review.uncovered.values().flatten().map(|it| &it.name).collect();
    assert_eq!(uncovered, ["/other"]);
    let page = render(&review);
    assert!(page.contains("<h1>3 of 4 log groups have drifted</h1>"), "{page}");
}

#[test]
fn a_group_that_two_policies_select_counts_once_with_the_smaller_savings() {
    let shared = group("/app/a", Retention::Never, 1_000);
    let ours = survey([found(&shared, Subscription::Active)]);
    let mut theirs = survey([found(&shared, Subscription::Active)]);
    theirs.groups.get_mut("/app/a").unwrap().desired.retention = Retention::Days(365);
    let surveys = vec![(shipping("one"), ours), (shipping("other"), theirs)];
    let review = review(surveys, vec![shared]);
    assert_eq!((review.totals.covered, review.totals.differing), (1, 1));
    assert_eq!(review.totals.deleted_bytes, review.policies[1].deleted_bytes());
    assert!(review.policies[0].deleted_bytes() > review.policies[1].deleted_bytes());
    assert_eq!(review.shared().into_values().collect::<Vec<_>>(), [[0, 1]]);
    assert!(render(&review).contains("Log groups that several policies select"));
}

#[test]
fn groups_created_or_deleted_during_the_read_are_left_out() {
    let gone = group("/app/gone", Retention::Never, 1);
    let added = group("/app/born", Retention::Never, 1);
    let survey = survey([found(&gone, Subscription::Missing)]);
    let review = review(vec![(shipping("logs"), survey)], vec![added]);
    assert!(review.policies[0].groups.is_empty());
    assert!(review.uncovered.values().all(Vec::is_empty));
    assert_eq!(review.outcome(), Outcome::AsItShouldBe);
}

#[test]
fn an_error_of_the_plan_counts_as_drift() {
    let group = group("/app/a", Retention::Days(30), 1);
    let mut survey = survey([found(&group, Subscription::Active)]);
    survey.diagnostics.push(Diagnostic::error("Policies conflict", "Over <this>."));
    let review = review(vec![(shipping("logs"), survey)], vec![group]);
    assert_eq!(review.outcome(), Outcome::Differs);
    let page = render(&review);
    assert!(page.contains("<h1>the policies cannot be applied</h1>"));
    assert!(page.contains("Error: blocks apply: Policies conflict"));
    assert!(page.contains("Over &lt;this&gt;."));
}

#[test]
fn markup_in_aws_responses_is_escaped() {
    let hostile = "/app/<script>alert('x')</script>\"onload=\"&amp;";
    let group = group(hostile, Retention::Never, 1);
    let mut found = found(&group, Subscription::Missing);
    found.1.skip = Some("<b>loop</b>".to_owned());
    found.1.foreign = Some("<i>arn</i>".to_owned());
    let mut survey = survey([found]);
    survey.diagnostics.push(Diagnostic::warning("<u>summary</u>", "</p><p>detail"));
    let mut document = shipping("<script>name");
    document.wanted.as_mut().unwrap().pattern = "<script>pattern".to_owned();
    let mut uncovered = group.clone();
    uncovered.name = "/<script>other".to_owned();
    uncovered.class = LogGroupClass::Other("<script>class".to_owned());
    let page = render(&review(vec![(document, survey)], vec![group, uncovered]));
    for planted in ["<script", "<b>", "<i>arn", "<u>", "</p><p>detail", "\"onload"] {
        assert!(!page.contains(planted), "{planted}\n{page}");
    }
    for text in ["&lt;script&gt;name", "&lt;script&gt;pattern", "/&lt;script&gt;other", "&amp;amp;"]
    {
        assert!(page.contains(text), "{text}\n{page}");
    }
}

#[test]
fn the_page_makes_no_requests() {
    let group = group("/app/a", Retention::Never, 1);
    let survey = survey([found(&group, Subscription::Missing)]);
    let page = render(&review(vec![(shipping("logs"), survey)], vec![group]));
    for outside in
        ["http:", "https:", "src=", "<link", "<script", "<img", "<iframe", "url(", "@import"]
    {
        assert!(!page.contains(outside), "{outside}\n{page}");
    }
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
}

#[test]
fn every_table_has_a_caption_and_headers() {
    let group = group("/app/a", Retention::Never, 1);
    let survey = survey([found(&group, Subscription::Missing)]);
    let surveys = vec![(shipping("logs"), survey)];
    let page = render(&review(surveys, vec![group.clone(), self::group("/b", group.retention, 2)]));
    let tables: Vec<_> = page.split("<table>").skip(1).collect();
    assert_eq!(tables.len(), 2);
    for table in tables {
        assert!(table.starts_with("<caption>"), "{table}");
        assert!(table.contains("<th scope=\"col\">"), "{table}");
        assert!(table.contains("scope=\"row\""), "{table}");
    }
}
