//! Loops that only AWS can show: each is built, and shown to be impossible. All of it in the
//! simulator, which plays the services behind a destination.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{
    DeliversTo, DeliveryStream, Destination, Function, Pipe, Refusal, Region, Role, Simulator,
};
use logagg_e2e::terraform::Terraform;
use serde_json::json;

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, says};

const ITSELF: &str = "loop: the destination itself writes to this log group";

fn scene(groups: &[&str]) -> Scene {
    Scene::simulated(Simulator::builder(), groups)
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

/// A function that logs to this group, and that CloudWatch Logs may invoke.
fn function(here: &Region, name: &str, log_group: &str) -> String {
    let arn = here.add_function(Function::named(name).logging_to(log_group));
    let permission = json!({
        "FunctionName": name,
        "StatementId": "logs",
        "Action": "lambda:InvokeFunction",
        "Principal": "logs.amazonaws.com",
    });
    here.call("AddPermission", permission).unwrap();
    arn
}

fn role(scene: &Scene) -> String {
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.add_role(Role::named("to-stream").trusting("logs.amazonaws.com"))
}

/// Why a group is skipped: what writes to it, and the way there.
fn by_way_of(writer: &str, way: &str) -> String {
    format!("loop: {writer} writes to this log group, and forwarded events reach it: {way}")
}

#[track_caller]
fn asked(scene: &Scene, operation: &str) -> u64 {
    scene.simulator.as_ref().unwrap().counts().of(operation)
}

/// A centralization rule copies the log group of the function, which what is behind it shows.
#[test]
fn a_function_does_not_receive_a_centralized_copy_of_its_log_group() {
    let copy = format!("/app/{SIMULATED_ACCOUNT}/eu-west-1//logs/own");
    let other = format!("/app/444455556666/{REGION}//logs/own");
    let scene = scene(&[&copy, &other, "/logs/own"]);
    let tail = function(&here(&scene), "tail", "/logs/own");
    scene.policy(&scene.policy_to(&tail));
    scene.apply();
    scene.ships(&other, &tail);
    scene.ships_nowhere(&copy);
    let why = ITSELF.strip_prefix("loop: ").unwrap();
    let reason = format!("loop: named as a centralized copy of /logs/own: {why}");
    assert_eq!(scene.state()["skipped"], json!({&copy: reason}));
    scene.plan_is_empty();
    // The plan knows it by the name of the next destination, too.
    let next = here(&scene).add_shipper("next");
    let copy = format!("/app/{SIMULATED_ACCOUNT}/eu-west-1//aws/lambda/next");
    scene.logs.create_group(&copy).unwrap();
    scene.policy(&scene.policy_to(&next));
    let plan = scene.plan();
    assert!(!plan.text().contains(&format!("\"{copy}\" = {{ ~ subscription")), "{plan}");
    scene.apply_plan();
    scene.ships_nowhere(&copy);
    scene.plan_is_empty();
}

#[test]
fn a_function_does_not_receive_its_configured_log_group() {
    let scene = scene(&["/app/a", "/app/own"]);
    let tail = function(&here(&scene), "tail", "/app/own");
    scene.policy(&scene.policy_to(&tail));
    scene.apply();
    scene.ships("/app/a", &tail);
    scene.ships_nowhere("/app/own");
    assert_eq!(scene.state()["skipped"], json!({"/app/own": ITSELF}));
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.plan_is_empty();
    assert_eq!(asked(&scene, "GetFunctionConfiguration"), 1);
}

#[test]
fn a_stream_is_not_sent_the_log_groups_of_the_functions_that_read_it() {
    let scene = scene(&["/app/a", "/app/reader", "/app/consumer"]);
    let here = here(&scene);
    let stream = here.add_stream("logs", &["fan-out"]);
    let consumers = here.call("ListStreamConsumers", json!({"StreamARN": stream})).unwrap();
    let consumer = consumers["Consumers"][0]["ConsumerARN"].as_str().unwrap();
    here.add_mapping(&stream, &function(&here, "reader", "/app/reader"));
    here.add_mapping(consumer, &function(&here, "fed", "/app/consumer"));
    let role = role(&scene);
    scene.policy(&format!("{}\nrole_arn = \"{role}\"", scene.policy_to(&stream)));
    scene.apply();
    scene.ships("/app/a", &stream);
    let skipped = json!({
        "/app/reader": by_way_of("function reader", "Kinesis stream logs -> function reader"),
        "/app/consumer": by_way_of("function fed", "Kinesis stream logs -> function fed"),
    });
    assert_eq!(scene.state()["skipped"], skipped);
    scene.ships_nowhere("/app/reader");
    scene.ships_nowhere("/app/consumer");
    scene.plan_is_empty();
}

#[test]
fn a_firehose_is_not_sent_its_error_groups_nor_its_transformers() {
    let scene = scene(&["/app/a", "/app/errors", "/app/backup", "/app/transformer"]);
    let here = here(&scene);
    let stream = here.add_delivery_stream(
        DeliveryStream::named("out")
            .to(DeliversTo::Splunk)
            .logging_to("/app/errors")
            .backup_logging_to("/app/backup")
            .transformed_by(&function(&here, "shape", "/app/transformer")),
    );
    let role = role(&scene);
    scene.policy(&format!("{}\nrole_arn = \"{role}\"", scene.policy_to(&stream)));
    scene.apply();
    scene.ships("/app/a", &stream);
    let skipped = json!({
        "/app/errors": ITSELF,
        "/app/backup": ITSELF,
        "/app/transformer": by_way_of("function shape", "Firehose stream out -> function shape"),
    });
    assert_eq!(scene.state()["skipped"], skipped);
    scene.plan_is_empty();
}

/// A policy that ships what is below `/app/` to a stream.
fn policy_to_stream(scene: &Scene, stream: &str) {
    let role = role(scene);
    scene.policy(&format!("{}\nrole_arn = \"{role}\"", scene.policy_to(stream)));
}

#[test]
fn a_stream_is_not_sent_the_log_groups_of_the_firehose_that_reads_it() {
    let scene = scene(&["/app/a", "/app/errors", "/app/transformer", "/app/of-another"]);
    let here = here(&scene);
    let stream = here.add_stream("logs", &[]);
    // Its name begins as that of the first.
    let another = here.add_stream("logs-two", &[]);
    here.add_delivery_stream(
        DeliveryStream::named("out")
            .reading(&stream)
            .logging_to("/app/errors")
            .transformed_by(&function(&here, "shape", "/app/transformer")),
    );
    here.add_delivery_stream(
        DeliveryStream::named("another").reading(&another).logging_to("/app/of-another"),
    );
    here.add_delivery_stream(DeliveryStream::named("direct").logging_to("/app/of-another"));
    policy_to_stream(&scene, &stream);
    scene.apply();
    scene.ships("/app/a", &stream);
    scene.ships("/app/of-another", &stream);
    let firehose = "Kinesis stream logs -> Firehose stream out";
    let skipped = json!({
        "/app/errors": by_way_of("Firehose stream out", firehose),
        "/app/transformer": by_way_of("function shape", &format!("{firehose} -> function shape")),
    });
    assert_eq!(scene.state()["skipped"], skipped);
    scene.ships_nowhere("/app/transformer");
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.plan_is_empty();
    // Two that read a stream are asked which, the right one for the rest; the third is not asked.
    assert_eq!(asked(&scene, "ListDeliveryStreams"), 1);
    assert_eq!(asked(&scene, "DescribeDeliveryStream"), 3);
}

#[test]
fn a_firehose_that_reads_a_stream_is_found_behind_eleven_others() {
    let scene = scene(&["/app/a", "/app/errors"]);
    let here = here(&scene);
    let stream = here.add_stream("logs", &[]);
    let another = here.add_stream("another", &[]);
    for n in 10..21 {
        here.add_delivery_stream(DeliveryStream::named(&format!("f{n}")).reading(&another));
    }
    here.add_delivery_stream(
        DeliveryStream::named("last").reading(&stream).logging_to("/app/errors"),
    );
    policy_to_stream(&scene, &stream);
    scene.apply();
    scene.ships_nowhere("/app/errors");
    scene.plan_is_empty();
}

#[test]
fn a_stream_is_not_sent_the_log_groups_behind_the_pipes_that_read_it() {
    let groups = ["/app/a", "/app/enrich", "/app/target", "/app/copy", "/app/pipe", "/app/other"];
    let scene = scene(&groups);
    let here = here(&scene);
    let stream = here.add_stream("logs", &[]);
    let another = here.add_stream("logs-two", &[]);
    let log_group = |name: &str| here.place().arn("logs", format_args!("log-group:{name}"));
    let target = function(&here, "target", "/app/target");
    here.add_pipe(
        Pipe::between("enriched", &stream, &target)
            .enriched_by(&function(&here, "enrich", "/app/enrich"))
            .logging_to(&log_group("/app/pipe")),
    );
    here.add_pipe(Pipe::between("copied", &stream, &log_group("/app/copy")));
    let other = function(&here, "other", "/app/other");
    here.add_pipe(Pipe::between("another", &another, &other));
    policy_to_stream(&scene, &stream);
    scene.apply();
    scene.ships("/app/a", &stream);
    scene.ships("/app/other", &stream);
    let enriched = "Kinesis stream logs -> pipe enriched";
    let skipped = json!({
        "/app/copy": by_way_of("pipe copied", "Kinesis stream logs -> pipe copied"),
        "/app/pipe": by_way_of("pipe enriched", enriched),
        "/app/enrich": by_way_of("function enrich", &format!("{enriched} -> function enrich")),
        "/app/target": by_way_of("function target", &format!("{enriched} -> function target")),
    });
    assert_eq!(scene.state()["skipped"], skipped);
    for group in ["/app/copy", "/app/pipe", "/app/enrich", "/app/target"] {
        scene.ships_nowhere(group);
    }
    scene.plan_is_empty();
}

#[test]
fn each_permission_that_a_stream_needs_is_named_where_it_is_missing() {
    let scene = scene(&["/app/a"]);
    let here = here(&scene);
    let stream = here.add_stream("logs", &[]);
    let firehose = DeliveryStream::named("out").reading(&stream);
    here.add_delivery_stream(firehose);
    let target = function(&here, "target", "/app/target");
    here.add_pipe(Pipe::between("piped", &stream, &target));
    policy_to_stream(&scene, &stream);
    scene.apply();
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("firehose:DescribeDeliveryStream");
    account.deny("pipes:DescribePipe");
    let refresh = scene.run(0, |terraform| terraform.plan(&[]));
    says(&refresh, "\"Action\": [\"firehose:DescribeDeliveryStream\", \"pipes:DescribePipe\"]");
    account.deny("firehose:ListDeliveryStreams");
    account.deny("pipes:ListPipes");
    let refresh = scene.run(0, |terraform| terraform.plan(&[]));
    says(&refresh, "\"Action\": [\"firehose:ListDeliveryStreams\", \"pipes:ListPipes\"]");
}

#[test]
fn pipes_and_firehoses_are_listed_only_behind_a_stream() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.plan_is_empty();
    for operation in ["ListDeliveryStreams", "ListPipes"] {
        assert_eq!(asked(&scene, operation), 0, "{operation}");
    }
}

#[test]
fn a_logical_destination_is_followed_to_where_it_delivers() {
    let scene = scene(&["/app/a", "/app/reader"]);
    let here = here(&scene);
    let stream = here.add_stream("logs", &[]);
    here.add_mapping(&stream, &function(&here, "reader", "/app/reader"));
    let central = Destination::named("central", &stream, &role(&scene)).open_to(&["*"]);
    // A name that begins alike is another destination.
    here.add_destination(Destination::named("central-two", "", ""));
    let central = here.add_destination(central);
    scene.policy(&scene.policy_to(&central));
    scene.apply();
    scene.ships("/app/a", &central);
    let way = "destination central -> Kinesis stream logs -> function reader";
    let reason = by_way_of("function reader", way);
    assert_eq!(scene.state()["skipped"], json!({"/app/reader": reason}));
    scene.plan_is_empty();
}

#[test]
fn what_the_shippers_own_logs_are_shipped_to_is_followed_too() {
    let scene = scene(&["/app/a", "/app/second", "/aws/lambda/shipper"]);
    let second = function(&here(&scene), "second", "/app/second");
    scene.logs.put_filter("/aws/lambda/shipper", "somebody's", &second).unwrap();
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    let way = "function shipper -> /aws/lambda/shipper -> function second";
    let reason = by_way_of("function second", way);
    assert_eq!(scene.state()["skipped"], json!({"/app/second": reason}));
    scene.plan_is_empty();
}

#[test]
fn two_policies_of_one_configuration_cannot_ship_each_others_shippers() {
    let scene = scene(&["/x/a", "/x/of-second", "/y/a", "/y/of-first"]);
    let here = here(&scene);
    let first = function(&here, "first", "/y/of-first");
    let second = function(&here, "second", "/x/of-second");
    let policy = |name: &str, destination: &str, prefix: &str| {
        format!(
            "resource \"logagg_policy\" \"{name}\" {{\n  name = \"{name}\"\n  \
             destination_arn = \"{destination}\"\n  \
             select {{\n    name_prefixes = [\"{prefix}\"]\n  }}\n}}\n"
        )
    };
    let both = policy("first", &first, "/x/") + &policy("second", &second, "/y/");
    scene.configuration(&both);
    scene.plan();
    // Neither writes before both have looked at their own log groups and at their destination's.
    let aws = scene.simulator.as_ref().unwrap();
    aws.forget_calls();
    let gate = aws.on("PutSubscriptionFilter").hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "plan"]).unwrap();
    aws.wait_for("DescribeSubscriptionFilters", 8).unwrap();
    gate.open();
    let apply = apply.finish().unwrap();
    assert_eq!(apply.code(), 0, "{apply}");
    for (group, destination) in [("/x/a", &first), ("/y/a", &second)] {
        let filters = here.filters(group);
        assert_eq!(filters.len(), 1, "{group}");
        assert_eq!(&filters[0].destination_arn, destination, "{group}");
    }
    // Whichever went first ships the other's; the other does not.
    let shipped = ["/x/of-second", "/y/of-first"].map(|group| here.filters(group).len());
    assert_eq!(shipped.iter().sum::<usize>(), 1, "{shipped:?}");
    scene.plan_is_empty();
}

#[test]
fn a_filter_on_a_group_that_becomes_a_loop_is_planned_away() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    here(&scene).add_function(Function::named("shipper").logging_to("/app/a"));
    scene.plan();
    let planned = scene.planned();
    assert_eq!(planned.after["log_groups"]["/app/a"]["subscription"], json!(null));
    assert_eq!(planned.after["skipped"], json!({"/app/a": ITSELF}));
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_loop_that_arises_between_plan_and_apply_is_that_groups_error() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.logs.create_group("/app/new").unwrap();
    scene.logs.create_group("/app/other").unwrap();
    scene.plan();
    let here = here(&scene);
    function(&here, "shipper", "/app/new");
    let apply = scene.run(1, Terraform::apply_plan);
    says(&apply, &format!("Forwarding it would create a {ITSELF}."));
    scene.ships_nowhere("/app/new");
    scene.ships("/app/other", &scene.shipper());
    // From then on it is known.
    scene.apply();
    assert_eq!(scene.state()["skipped"], json!({"/app/new": ITSELF}));
    scene.plan_is_empty();
}

#[test]
fn without_a_permission_the_names_still_hold_and_one_warning_tells_the_action() {
    let scene = scene(&["/app/a", "/aws/lambda/shipper"]);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("lambda:GetFunctionConfiguration");
    scene.policy(&scene.usual_policy().replace("\"/app/\"", "\"/\""));
    let apply = scene.apply();
    says(&apply, "Warning: Loop detection is incomplete");
    says(&apply, "\"Action\": \"lambda:GetFunctionConfiguration\"");
    assert_eq!(apply.text().matches("Loop detection is incomplete").count(), 1, "{apply}");
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/aws/lambda/shipper");
    assert_eq!(scene.state()["skipped"], json!({"/aws/lambda/shipper": ITSELF}));
}

#[test]
fn a_deleted_destination_is_reported_by_every_plan() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let apply = scene.apply();
    assert!(!apply.text().contains("Destination not found"), "{apply}");
    here(&scene).remove_function("shipper");
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "Warning: Destination not found: function shipper");
    says(&plan, "CloudWatch Logs drops their log events, which are lost.");
    says(&plan, "on main.tf line");
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("lambda:GetFunctionConfiguration");
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    assert!(!plan.text().contains("Destination not found"), "{plan}");
}

#[test]
fn a_deleted_stream_is_reported_too() {
    let scene = scene(&["/app/a"]);
    let stream = here(&scene).add_stream("logs", &[]);
    policy_to_stream(&scene, &stream);
    scene.apply();
    here(&scene).remove_stream("logs");
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "Warning: Destination not found: Kinesis stream logs");
}

#[test]
fn unreadable_pipes_are_a_warning() {
    let scene = scene(&["/app/a"]);
    let stream = here(&scene).add_stream("logs", &[]);
    let aws = scene.simulator.as_ref().unwrap();
    aws.on("ListPipes").fail(Refusal::internal_failure());
    policy_to_stream(&scene, &stream);
    let apply = scene.apply();
    says(&apply, "Warning: Loop detection is incomplete");
    says(&apply, "ListPipes failed");
    scene.ships("/app/a", &stream);
}

#[test]
fn a_policy_without_a_destination_reads_no_destinations() {
    let scene = scene(&["/app/a"]);
    scene.policy(&format!(
        "name = \"{NAME}\"\nretention_in_days = 30\nselect {{\n  name_prefixes = [\"/app/\"]\n}}"
    ));
    scene.apply();
    scene.plan_is_empty();
    for operation in ["GetFunctionConfiguration", "DescribeSubscriptionFilters"] {
        assert_eq!(asked(&scene, operation), 0, "{operation}");
    }
}
