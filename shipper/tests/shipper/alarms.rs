//! The modules' alarms use metrics that the shipper and the enforcer write.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use hcl_edit::expr::{Expression, Object, ObjectKey};
use hcl_edit::structure::{Block, Body};
use logagg_shipper::enforcer;
use serde_json::{Value, json};

use crate::bulk::Bulk;
use crate::event;
use crate::lambda::Lambda;
use crate::storage::Storage;

const KIND: &str = "aws_cloudwatch_metric_alarm";

/// The metrics and the dimensions of a line.
type Written = (BTreeSet<String>, BTreeSet<String>);

fn file(name: &str) -> Body {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../modules").join(name);
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn keys(object: &Object) -> BTreeSet<String> {
    let keys = object.iter().map(|(key, _)| match key {
        ObjectKey::Ident(name) => name.as_str().to_owned(),
        ObjectKey::Expression(key) => key.as_str().unwrap().to_owned(),
    });
    keys.collect()
}

fn value<'a>(block: &'a Block, name: &str) -> &'a Expression {
    &block.body.get_attribute(name).unwrap_or_else(|| panic!("no {name} in {block:?}")).value
}

/// The object with this name among the locals.
fn local(body: &Body, name: &str) -> BTreeSet<String> {
    let locals = body.get_blocks("locals").find_map(|block| block.body.get_attribute(name));
    keys(locals.expect(name).value.as_object().unwrap())
}

/// The metrics of an invocation of the shipper and the enforcer.
fn written() -> Vec<Written> {
    let (bulk, storage) = (Bulk::start(), Storage::start());
    let config = json!({
        "destinations": {"search": bulk.config()}, "undelivered": storage.config_with_queue(),
        "metrics": {},
    });
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    lambda.invoke(&event::of(3));
    lambda.invoke(br#"{"logagg":"replay","dry_run":true}"#);
    let mut lines = lambda.metrics(3);
    let enforced = enforcer::Summary {
        creations: Some(enforcer::Counts::default()),
        sweep: Some(enforcer::SweepCounts::default()),
        ..enforcer::Summary::default()
    };
    lines.extend(enforced.metrics("logagg", "enforcer", SystemTime::now()));
    let texts = |list: &Value, name: &dyn Fn(&Value) -> String| {
        list.as_array().unwrap().iter().map(name).collect::<BTreeSet<_>>()
    };
    let lines = lines.iter().map(|line| {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let metrics = texts(&directive["Metrics"], &|it| it["Name"].as_str().unwrap().to_owned());
        let dimensions = texts(&directive["Dimensions"][0], &|it| it.as_str().unwrap().to_owned());
        assert!(metrics.iter().all(|name| line[name].is_number()));
        (metrics, dimensions)
    });
    lines.collect()
}

/// The fields of a summary line in a metric filter's pattern, without the line's marker.
fn fields(filter: &Block) -> BTreeSet<String> {
    let pattern = value(filter, "pattern").as_str().unwrap();
    let fields = pattern.split("$.").skip(1).map(|rest| rest.split(' ').next().unwrap());
    fields.filter(|field| *field != "logagg").map(str::to_owned).collect()
}

#[test]
fn every_alarm_uses_a_metric_that_the_functions_write() {
    let written = written();
    let mut checked = BTreeSet::new();
    for module in ["shipper", "enforcer"] {
        let alarms = file(&format!("{module}/alarms.tf"));
        for alarm in alarms.get_blocks("resource") {
            let [kind, name] = &alarm.labels[..] else { panic!("{alarm:?}") };
            if kind.as_str() == "aws_cloudwatch_log_metric_filter" {
                // What the tests of decoding and of backfills find in a summary line.
                let field = match name.as_str() {
                    "undecodable" => "undecodable",
                    "backfill_left" => "slices.left",
                    other => panic!("{other}: a metric of another field"),
                };
                assert_eq!(fields(alarm), BTreeSet::from([field.to_owned()]));
                continue;
            }
            let namespace = value(alarm, "namespace").to_string();
            // Metrics of a metric filter have no dimensions.
            if kind.as_str() != KIND
                || namespace.trim() != "local.metrics_namespace"
                || !alarm.body.has_attribute("dimensions")
            {
                continue;
            }
            let dimensions = keys(value(alarm, "dimensions").as_object().unwrap());
            let metrics = match value(alarm, "metric_name").as_str() {
                Some(metric) => BTreeSet::from([metric.to_owned()]),
                None => local(&alarms, &format!("{}_metrics", name.as_str())),
            };
            let of_these = written.iter().filter(|(_, with)| *with == dimensions);
            let metrics_written: BTreeSet<String> =
                of_these.flat_map(|(metrics, _)| metrics.iter().cloned()).collect();
            assert!(!metrics_written.is_empty(), "{}: no line has {dimensions:?}", name.as_str());
            let unknown: Vec<_> = metrics.difference(&metrics_written).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?} are never written", name.as_str());
            checked.extend(metrics);
        }
    }
    let all = [
        "evaluated",
        "failed",
        "failed_backfills",
        "failed_listings",
        "failed_tag_tables",
        "lag_ms",
        "rejected",
        "returned_to_source",
        "stored",
        "unannounced",
        "undelivered_objects",
        "undelivered_without_destination",
        "undelivered_without_pointer",
        "unfinished",
    ]
    .map(str::to_owned);
    assert_eq!(checked, BTreeSet::from(all));
}
