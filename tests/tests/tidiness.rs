//! What a run leaves behind, and what it must not disclose.

use serde_json::json;

use crate::scene::{PROVIDER, Scene};

#[test]
fn no_secret_is_in_any_log_or_state() {
    let mut scene = Scene::with_groups(&["/app/a"]);
    let keys = format!(
        "provider \"logagg\" {{\n  access_key = \"{}\"\n  secret_key = \"planted-secret\"\n  \
         token = \"planted-token\"",
        scene.account.id()
    );
    let provider = PROVIDER.replace("provider \"logagg\" {", &keys);
    let policy = scene.usual_policy();
    let configuration = format!("{provider}\nresource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    scene.terraform.write("main.tf", &configuration).unwrap();
    scene.terraform.set_environment(vec![("TF_LOG", "TRACE".to_owned())]);
    let apply = scene.apply();
    let state = scene.terraform.run(&["state", "pull"]).unwrap();
    assert!(apply.stderr.contains("PutSubscriptionFilter"), "the log has the calls");
    for secret in ["planted-secret", "planted-token"] {
        assert!(!apply.stdout.contains(secret), "{secret} in the output");
        assert!(!state.stdout.contains(secret), "{secret} in the state");
        let leak = apply.stderr.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret} in the log");
    }
    scene.ships("/app/a", &scene.shipper());
}

#[test]
fn nothing_is_left_in_the_temporary_folder() {
    let scene = Scene::governed(&["/app/a"]);
    scene.plan_is_empty();
    let temporary = scene.terraform.dir().parent().unwrap();
    let left: Vec<_> = std::fs::read_dir(temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "work" && name != "terraform.rc")
        .collect();
    assert_eq!(json!(left), json!([]), "sockets and the like");
}
