//! An endpoint that takes no connections: a mistyped port, an emulator that is not started.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scene::{Scene, says};

/// Closes every connection that it accepts, and counts them. It ends with the tests.
fn closing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    std::thread::spawn(move || {
        while let Ok((connection, _)) = listener.accept() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (endpoint, accepted)
}

fn two_policies(scene: &Scene, arguments: &str) {
    let policy = |name: &str, prefix: &str| {
        format!(
            "resource \"logagg_policy\" \"{name}\" {{\n  name = \"{name}\"\n  retention_in_days = 7\n  \
             select {{\n    name_prefixes = [\"{prefix}\"]\n  }}\n}}\n"
        )
    };
    let provider = format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         provider \"logagg\" {{\n{arguments}\n}}\n"
    );
    let text = format!("{provider}{}{}", policy("one", "/app/"), policy("two", "/other/"));
    scene.terraform.write("main.tf", &text).unwrap();
}

#[test]
fn an_endpoint_that_closes_every_connection_is_given_up_after_three() {
    let scene = Scene::with_groups(&["/app/a"]);
    let (endpoint, accepted) = closing();
    two_policies(&scene, &format!("endpoints {{\n  logs = \"{endpoint}\"\n}}"));
    let plan = scene.plan_fails();
    assert_eq!(accepted.load(Ordering::SeqCst), 3, "{plan}");
    says(&plan, &format!("could not connect to {endpoint} after 3 attempts: "));
}

#[test]
fn an_endpoint_that_refuses_connections_is_given_up_after_three() {
    let scene = Scene::with_groups(&["/app/a"]);
    // No server listens there.
    let endpoint = "http://127.0.0.1:9";
    two_policies(&scene, &format!("endpoints {{\n  logs = \"{endpoint}\"\n}}"));
    let plan = scene.plan_fails();
    says(&plan, &format!("could not connect to {endpoint} after 3 attempts: "));
    says(&plan, "Connection refused");
    says(&plan, "Check network access, endpoints (AWS_ENDPOINT_URL), proxy and region.");
}

#[test]
fn requests_for_credentials_have_the_same_time_limit() {
    let scene = Scene::with_groups(&["/app/a"]);
    let (endpoint, accepted) = closing();
    let role = "arn:aws:iam::111122223333:role/logs";
    two_policies(
        &scene,
        &format!(
            "endpoints {{\n  sts = \"{endpoint}\"\n}}\nassume_role {{\n  role_arn = \"{role}\"\n}}"
        ),
    );
    let plan = scene.plan_fails();
    assert_eq!(accepted.load(Ordering::SeqCst), 3, "{plan}");
    says(&plan, &format!("could not connect to {endpoint} after 3 attempts: "));
}
