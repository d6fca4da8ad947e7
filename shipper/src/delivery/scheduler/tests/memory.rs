//! What a delivery knows from earlier ones, and what it checks before it sends.

use super::*;

/// Runs a delivery from `now` on, with responses by the content of a request.
fn deliver(
    fake: &Fake,
    endpoint_state: EndpointState,
    mut now: SystemTime,
    mut service: impl FnMut(&str) -> Result<Response, Fault>,
) -> (Vec<String>, u64, Vec<(String, usize)>, EndpointState) {
    let log_source = LogSource::new("1", "g", "s");
    let records =
        ["a", "b"].map(|message| Record { time: now, ..Record::of(&log_source, message) });
    let settings = Settings { give_up_at: now + Duration::from_secs(60), ..settings() };
    let mut scheduler =
        Scheduler::new(fake, &records, settings, endpoint_state, fastrand::Rng::with_seed(7));
    let mut requests = Vec::new();
    loop {
        match scheduler.next(now) {
            Step::Send { send_id, request, .. } => {
                let request = text(&request);
                let response = service(&request);
                requests.push(request);
                scheduler.on_response(now, send_id, &response);
            }
            Step::Await => panic!("every request is answered"),
            Step::Wait(wait) => now += wait,
            Step::Done(delivered) => {
                let undelivered = delivered.undelivered.iter();
                let undelivered = undelivered.map(|undelivered| {
                    (undelivered.reason.as_str().to_owned(), undelivered.records.len())
                });
                let duplicates = delivered.counts.possible_duplicates;
                return (requests, duplicates, undelivered.collect(), delivered.endpoint_state);
            }
        }
    }
}

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

fn asks_to_wait(seconds: &str) -> Result<Response, Fault> {
    let retry_after = Some(seconds.to_owned());
    response("503").map(|response| Response { retry_after, ..response })
}

#[test]
fn a_retry_after_applies_to_later_invocations() {
    let fake = Fake::new(Deduplication::None);
    let (requests, _, undelivered, endpoint_state) =
        deliver(&fake, known(), START, |_| asks_to_wait("90"));
    assert_eq!((requests.len(), undelivered), (1, vec![("fake".to_owned(), 2)]));
    // It asks for a longer wait than the remaining time.
    let (requests, _, undelivered, endpoint_state) =
        deliver(&fake, endpoint_state, after(10), |_| panic!("it was to be left alone"));
    assert_eq!((requests.len(), undelivered), (0, vec![("asked_to_wait".to_owned(), 2)]));
    // The wait is over.
    let (requests, _, undelivered, endpoint_state) =
        deliver(&fake, endpoint_state, after(50), |_| response("++"));
    assert_eq!((requests.len(), undelivered.len()), (1, 0));
    assert_eq!(endpoint_state.pause(after(50)), None);
}

#[test]
fn no_wait_is_longer_than_two_minutes() {
    let fake = Fake::new(Deduplication::None);
    let (_, _, _, endpoint_state) = deliver(&fake, known(), START, |_| asks_to_wait("86400"));
    assert_eq!(endpoint_state.pause(START), Some(Duration::from_secs(120)));
    assert_eq!(endpoint_state.pause(after(120)), None);
    // Not even with a clock that was set back.
    let endpoint_state = EndpointState { busy: Some((START, after(1_000_000))), ..known() };
    assert_eq!(endpoint_state.pause(START), None);
}

#[test]
fn acknowledgement_support_is_checked_before_anything_is_sent() {
    let fake = Fake::new(Deduplication::None);
    let (requests, duplicates, undelivered, endpoint_state) =
        deliver(&fake, EndpointState::default(), START, |_| response("!"));
    assert_eq!((requests, duplicates), (vec!["[0]".to_owned()], 0));
    assert_eq!(
        (undelivered, endpoint_state.supports_acknowledgement),
        (vec![("fake".to_owned(), 2)], false)
    );
    // The destination is not sure at first.
    let mut responses = ["?", "?", "", "++"].into_iter();
    let next = |_: &str| response(responses.next().unwrap());
    let (requests, _, undelivered, endpoint_state) =
        deliver(&fake, EndpointState::default(), START, next);
    assert_eq!(
        (requests, undelivered),
        (["[0]", "[0]", "[0]", "a;b;"].map(str::to_owned).into(), vec![])
    );
    // It asks only once.
    let (requests, ..) = deliver(&fake, endpoint_state, START, |_| response("++"));
    assert_eq!(requests, ["a;b;"]);
}

#[test]
fn a_request_that_cannot_be_built_in_time_does_not_begin() {
    let fake = Fake::new(Deduplication::None);
    let log_source = LogSource::new("1", "g", "s");
    let records = [Record::of(&log_source, "a")];
    let slow = EndpointState { build_time: Duration::from_secs(10), ..known() };
    let rng = fastrand::Rng::with_seed(7);
    let mut scheduler = Scheduler::new(&fake, &records, settings(), slow, rng);
    // An in-flight batch keeps its buffer.
    scheduler.time = Some(Duration::from_secs(60));
    let late = settings().give_up_at - Duration::from_secs(9);
    let Step::Done(delivered) = scheduler.next(late) else { panic!("something is sent") };
    assert_eq!(delivered.undelivered[0].reason, NO_TIME_LEFT);
    assert_eq!(delivered.endpoint_state.build_time, Duration::from_secs(5));
}

#[test]
fn a_single_slow_build_does_not_prevent_the_first_attempt() {
    let fake = Fake::new(Deduplication::None);
    let slow = EndpointState { build_time: Duration::from_secs(1_000), ..known() };
    let (requests, ..) = deliver(&fake, slow, START, |_| response("++"));
    assert_eq!(requests.len(), 1);
}

#[test]
fn a_response_that_is_not_http_is_ambiguous_and_not_retried() {
    let fake = Fake::new(Deduplication::None);
    let (requests, duplicates, undelivered, _) =
        deliver(&fake, known(), START, |_| Err(Fault::NotHttp));
    assert_eq!((requests.len(), duplicates), (1, 2));
    assert_eq!(undelivered, [("not_http".to_owned(), 2)]);
}

#[test]
fn a_destination_that_ignores_ids_may_hold_duplicates() {
    // A response of a gateway says nothing about it.
    let responses = || [Err(Fault::Timeout), response("++")].into_iter();
    let mut fake = Fake::new(Deduplication::PerRecord);
    let mut next = responses();
    assert_eq!(deliver(&fake, known(), START, |_| next.next().unwrap()).1, 0);
    fake.honors_ids = false;
    let mut next = responses();
    let (_, duplicates, _, endpoint_state) =
        deliver(&fake, known(), START, |_| next.next().unwrap());
    assert_eq!((duplicates, endpoint_state.ignores_ids), (2, true));
    // Later invocations know it.
    let mut next = responses();
    assert_eq!(deliver(&fake, endpoint_state, START, |_| next.next().unwrap()).1, 2);
}

#[test]
fn an_earlier_request_does_not_end_the_wait() {
    let mut endpoint_state = known();
    endpoint_state.asked_to_wait(after(10), Duration::from_secs(60));
    endpoint_state.took(after(9));
    assert_eq!(endpoint_state.pause(after(11)), Some(Duration::from_secs(59)));
    endpoint_state.took(after(10));
    assert_eq!(endpoint_state.pause(after(11)), None);
}

#[test]
fn with_storage_a_long_retry_after_ends_the_delivery() {
    let fake = Fake::new(Deduplication::None);
    let log_source = LogSource::new("1", "g", "s");
    let records = [Record::of(&log_source, "a")];
    let mut endpoint_state = known();
    endpoint_state.asked_to_wait(START, Duration::from_secs(5));
    let settings = Settings { outage: Outage::StopSending, ..settings() };
    let mut scheduler =
        Scheduler::new(&fake, &records, settings, endpoint_state, fastrand::Rng::with_seed(7));
    let Step::Done(delivered) = scheduler.next(START) else { panic!("something is waited for") };
    assert_eq!(delivered.undelivered[0].reason, ASKED_TO_WAIT);
}
