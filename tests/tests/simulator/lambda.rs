//! Functions: their policy's limits, and what they read.

use logagg_e2e::simulator::Function;
use serde_json::{Value, json};

use super::{Simulated, each};

#[test]
fn a_policy_holds_twenty_kilobytes() {
    let simulated = Simulated::new();
    simulated.here.add_function(Function::named("shipper"));
    let account = simulated.account.id();
    let mut added = 0;
    let refusal = loop {
        let input = json!({
            "StatementId": format!("group-{added}"),
            "Action": "lambda:InvokeFunction",
            "Principal": "logs.amazonaws.com",
            "SourceArn": format!("arn:aws:logs:eu-central-1:{account}:log-group:/app/{added}:*"),
            "SourceAccount": account,
        });
        match simulated.api.lambda("POST", "/2015-03-31/functions/shipper/policy", &input).unwrap()
        {
            Ok(_) => added += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!((refusal.status, refusal.code.as_str()), (400, "PolicyLengthExceededException"));
    assert!((44..=60).contains(&added), "{added} statements fit");
}

#[test]
fn the_readers_of_a_stream_are_listed() {
    let simulated = Simulated::new();
    let stream = simulated.here.add_stream("s", &[]);
    let functions: Vec<_> = (0..3)
        .map(|n| simulated.here.add_function(Function::named(&format!("reader-{n}"))))
        .collect();
    for function in &functions {
        simulated.here.add_mapping(&stream, function);
    }
    simulated.here.add_mapping("arn:aws:sqs:eu-central-1:1:other", &functions[0]);
    let source = stream.replace(':', "%3A").replace('/', "%2F");
    let list = |more: &str| {
        let path = format!("/2015-03-31/event-source-mappings?EventSourceArn={source}{more}");
        simulated.api.lambda("GET", &path, &Value::Null).unwrap().unwrap()
    };
    assert_eq!(each(&list(""), "EventSourceMappings", "FunctionArn"), functions);
    let page = list("&MaxItems=2");
    assert_eq!(each(&page, "EventSourceMappings", "FunctionArn"), functions[..2]);
    let marker = page["NextMarker"].as_str().unwrap();
    let rest = list(&format!("&MaxItems=2&Marker={marker}"));
    assert_eq!(each(&rest, "EventSourceMappings", "FunctionArn"), functions[2..]);
}

#[test]
fn a_function_is_found_by_its_arn_too() {
    let simulated = Simulated::new();
    let arn = simulated.here.add_function(Function::named("shipper").logging_to("/elsewhere"));
    let path =
        |arn: &str| format!("/2015-03-31/functions/{}/configuration", arn.replace(':', "%3A"));
    let answer = simulated.api.lambda("GET", &path(&arn), &Value::Null).unwrap().unwrap();
    assert_eq!(answer["LoggingConfig"]["LogGroup"], "/elsewhere");
    let foreign = arn.replace(simulated.account.id(), "999999999999");
    let refusal = simulated.api.lambda("GET", &path(&foreign), &Value::Null).unwrap().unwrap_err();
    assert_eq!(refusal.status, 404);
}
