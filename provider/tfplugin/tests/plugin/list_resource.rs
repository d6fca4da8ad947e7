//! Listing objects of a resource.

use serde_json::{Value, json};
use tfplugin::proto::tfplugin5 as wire;

use crate::operations::{Probe, summaries};
use crate::value::{dynamic, json};

async fn list(
    probe: &mut Probe,
    config: Option<Value>,
    limit: i64,
) -> Vec<wire::list_resource::Event> {
    let request = wire::list_resource::Request {
        type_name: "probe_thing".to_owned(),
        config: dynamic(&config.unwrap_or_default()),
        include_resource_object: limit == 1,
        limit,
    };
    let listed = probe.connected.provider.list_resource(request).await.unwrap();
    let mut events = listed.into_inner();
    let mut all = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        all.push(event);
    }
    all
}

#[tokio::test]
async fn objects_are_listed_up_to_the_limit() {
    let mut probe = Probe::start().await;
    let names = |events: &[wire::list_resource::Event]| {
        events.iter().map(|event| event.display_name.clone()).collect::<Vec<_>>()
    };
    let all = list(&mut probe, None, 100).await;
    assert_eq!(names(&all), ["the thing 1", "the thing 2", "the thing 3"]);
    assert!(all.iter().all(|event| event.resource_object.is_none()), "not asked for");
    let identity = all[1].identity.clone().unwrap().identity_data;
    assert_eq!(json(identity), json!({"id": "2"}));
    let five = json!({"count": 5, "report": null});
    let one = list(&mut probe, Some(five.clone()), 1).await;
    assert_eq!(names(&one), ["the thing 1"]);
    assert_eq!(json(one[0].resource_object.clone())["id"], "1");
    assert_eq!(list(&mut probe, Some(five), 4).await.len(), 4);
}

#[tokio::test]
async fn diagnostics_come_before_what_is_listed_and_errors_instead_of_it() {
    let mut probe = Probe::start().await;
    for (report, summary, listed) in [
        ("warning", "Listed in part", 2),
        ("error", "Not listed", 0),
        ("panic", "Provider panicked", 0),
    ] {
        let config = json!({"count": 2, "report": report});
        let events = list(&mut probe, Some(config), 2).await;
        assert_eq!(summaries(&events[0].diagnostic), [summary]);
        assert_eq!(events[0].identity, None);
        assert_eq!(events[1..].len(), listed, "{report}");
    }
}

#[tokio::test]
async fn the_configuration_of_a_list_is_validated() {
    let mut probe = Probe::start().await;
    let mut request = wire::validate_list_resource_config::Request {
        type_name: "probe_thing".to_owned(),
        config: dynamic(&json!({"count": 1, "report": "error"})),
        ..Default::default()
    };
    let provider = &mut probe.connected.provider;
    let validated = provider.validate_list_resource_config(request.clone()).await.unwrap();
    let [deprecated] = &validated.into_inner().diagnostics[..] else { panic!("one warning") };
    assert_eq!(deprecated.detail, "Report less.");
    request.type_name = "probe_other".to_owned();
    let unknown = provider.validate_list_resource_config(request).await.unwrap().into_inner();
    assert_eq!(summaries(&unknown.diagnostics), ["Unknown list resource"]);
}
