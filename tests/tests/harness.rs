//! The instruments themselves: a test that trusts a broken proxy proves nothing.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::cloudwatch::CloudWatchLogs;
use logagg_e2e::fault_proxy::{AwsError, FaultProxy};
use logagg_e2e::ministack::Ministack;

fn behind_a_proxy() -> (Account, FaultProxy, CloudWatchLogs) {
    let account = Account::new(Ministack::shared());
    let proxy = FaultProxy::start(account.endpoint()).unwrap();
    let logs = CloudWatchLogs::new(&proxy.endpoint(), account.id(), REGION);
    (account, proxy, logs)
}

#[test]
fn accounts_do_not_see_each_other() {
    let one = Account::new(Ministack::shared());
    let other = Account::new(Ministack::shared());
    one.logs().create_group("/only/here").unwrap();
    assert_eq!(one.logs().groups().unwrap(), ["/only/here"]);
    assert!(other.logs().groups().unwrap().is_empty());
}

#[test]
fn the_proxy_forwards_and_records_calls() {
    let (account, proxy, logs) = behind_a_proxy();
    logs.create_group("/a").unwrap();
    logs.set_retention("/a", 30).unwrap();
    assert_eq!(account.logs().retention("/a").unwrap(), Some(30));
    let seen: Vec<_> = proxy.calls().into_iter().map(|call| (call.operation, call.group)).collect();
    assert_eq!(
        seen,
        [
            ("CreateLogGroup".to_owned(), Some("/a".to_owned())),
            ("PutRetentionPolicy".to_owned(), Some("/a".to_owned())),
        ]
    );
    assert_eq!(proxy.writes().len(), 1);
}

#[test]
fn a_rule_fails_the_calls_it_names_and_no_others() {
    let (account, proxy, logs) = behind_a_proxy();
    proxy.on("CreateLogGroup").group("/b").after(1).times(1).fail(AwsError::throttled());
    logs.create_group("/a").unwrap();
    logs.create_group("/b").unwrap();
    let refused = logs.create_group("/b").unwrap_err().to_string();
    assert!(refused.contains("ThrottlingException: Rate exceeded"), "{refused}");
    let exists = logs.create_group("/b").unwrap_err().to_string();
    assert!(exists.contains("ResourceAlreadyExistsException"), "{exists}");
    assert_eq!(account.logs().groups().unwrap(), ["/a", "/b"]);
}

#[test]
fn a_lost_answer_is_not_a_lost_call() {
    let (account, proxy, logs) = behind_a_proxy();
    proxy.on("CreateLogGroup").group("/lost").lose_answer();
    proxy.on("CreateLogGroup").group("/dropped").drop_connection();
    logs.create_group("/lost").unwrap_err();
    logs.create_group("/dropped").unwrap_err();
    assert_eq!(account.logs().groups().unwrap(), ["/lost"]);
}

#[test]
fn a_gate_holds_calls_until_it_opens() {
    let (account, proxy, logs) = behind_a_proxy();
    let gate = proxy.on("CreateLogGroup").hold();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| logs.create_group("/held"));
        proxy.wait_for("CreateLogGroup", 1).unwrap();
        assert!(account.logs().groups().unwrap().is_empty());
        gate.open();
        held.join().unwrap().unwrap();
    });
    assert_eq!(account.logs().groups().unwrap(), ["/held"]);
}

#[test]
fn a_call_held_for_a_client_that_died_never_reaches_aws() {
    let (account, proxy, _) = behind_a_proxy();
    for number in 0..100 {
        proxy.forget_calls();
        let gate = proxy.on("CreateLogGroup").times(1).hold();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let body = format!("{{\"logGroupName\":\"/held/{number}\"}}");
        let credential = format!("Credential={}/20260101/{REGION}/logs/aws4_request", account.id());
        write!(
            client,
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Logs_20140328.CreateLogGroup\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0\r\n\r\n\
             {body}",
            proxy.address(),
            body.len()
        )
        .unwrap();
        proxy.wait_for("CreateLogGroup", 1).unwrap();
        drop(client);
        gate.open();
        proxy.wait_until_idle().unwrap();
    }
    assert_eq!(account.logs().groups().unwrap(), [""; 0]);
}

#[test]
fn a_hook_runs_before_the_call_is_passed_on() {
    let (account, proxy, logs) = behind_a_proxy();
    let seen = Arc::new(AtomicUsize::new(usize::MAX));
    let hook = {
        let (account, seen) = (account.clone(), Arc::clone(&seen));
        move || seen.store(account.logs().groups().unwrap().len(), Ordering::SeqCst)
    };
    proxy.on("CreateLogGroup").run(hook);
    logs.create_group("/a").unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    assert_eq!(account.logs().groups().unwrap(), ["/a"]);
}
