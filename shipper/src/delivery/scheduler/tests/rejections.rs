//! Requests that are rejected as a whole, by a destination that does not say why.

use super::*;

/// The counts and the requests of a delivery.
struct Course {
    counts: Counts,
    requests: Vec<String>,
    undelivered: u64,
}

/// Runs a delivery with responses by the content of a request.
fn play(
    fake: &Fake,
    messages: &[&str],
    settings: Settings,
    service: impl FnMut(&str) -> Result<Response, Fault>,
) -> Course {
    let (requests, counts) = play_with(fake, messages, settings, service);
    Course { undelivered: counts.returned_to_source, counts, requests }
}

/// A parser that rejects a request because of one of its events.
fn strict(request: &str) -> Result<Response, Fault> {
    if request.contains("bad") { response("400") } else { all(request) }
}

/// Accepts everything.
fn all(request: &str) -> Result<Response, Fault> {
    response(&"+".repeat(request.matches(';').count()))
}

#[test]
fn an_invalid_event_is_found_with_few_requests_without_affecting_others() {
    let mut messages = vec!["good"; 1_000];
    messages[617] = "bad";
    let fake = Fake::new(Deduplication::None);
    let mut large = Fake::new(Deduplication::None);
    large.limits = Limits::of_bytes(100_000, 100_000);
    for (fake, most) in [(fake, 40), (large, 25)] {
        let course = play(&fake, &messages, settings(), strict);
        assert_eq!(
            (course.counts.delivered, course.counts.rejected, course.undelivered),
            (999, 1, 0)
        );
        assert!(course.requests.len() <= most, "{} requests", course.requests.len());
        assert_eq!(course.counts.possible_duplicates, 0);
    }
}

#[test]
fn a_rejected_event_is_retried_once_without_json_fields() {
    let messages = ["a", "{\"bad\":1}", "c"];
    // Without the fields, `bad` occurs only in the message.
    let service = |request: &str| {
        if request.matches("bad").count() > 1 { response("400") } else { all(request) }
    };
    let course = play(&Fake::new(Deduplication::None), &messages, settings(), service);
    assert_eq!((course.counts.delivered, course.counts.rejected), (3, 0));
    assert_eq!(course.counts.sent_without_json_fields, 1);
}

#[test]
fn a_destination_that_rejects_everything_is_stopped_early() {
    for messages in [&["one"][..], &["one", "two"], &["{\"a\":1}"; 500]] {
        let mut fake = Fake::new(Deduplication::None);
        fake.limits = Limits::of_bytes(100_000, 100_000);
        let course = play(&fake, messages, settings(), |_| response("400"));
        assert_eq!((course.counts.rejected, course.undelivered), (0, messages.len() as u64));
        assert!(course.requests.len() <= 14, "{} requests", course.requests.len());
    }
}

#[test]
fn the_number_of_requests_is_bounded_however_many_records_are_invalid() {
    let messages: Vec<&str> = (0..4_000).map(|n| ["good", "bad"][n % 2]).collect();
    let mut fake = Fake::new(Deduplication::None);
    fake.limits = Limits::of_bytes(100_000, 100_000);
    let course = play(&fake, &messages, settings(), strict);
    assert!(course.undelivered > 0 && course.counts.rejected > 0, "{:?}", course.counts);
    assert!(course.requests.len() <= 210, "{} requests", course.requests.len());
}

#[test]
fn the_accepted_size_limits_later_requests() {
    let messages = vec!["0123456789"; 1_000];
    let mut fake = Fake::new(Deduplication::None);
    fake.limits = Limits::of_bytes(2_000, 2_000);
    // It does not say that the size is the reason.
    let service = |request: &str| if request.len() > 600 { response("400") } else { all(request) };
    let course = play(&fake, &messages, Settings { max_in_flight: 1, ..settings() }, service);
    assert_eq!(course.counts.delivered, 1_000);
    let large = course.requests.iter().filter(|request| request.len() > 600).count();
    assert!(large <= 4, "{large} requests were too large");
}

#[test]
fn a_single_rejected_record_above_the_accepted_size_is_too_large() {
    let large = "x".repeat(900);
    let mut messages = vec!["0123456789"; 200];
    messages[150] = &large;
    let mut fake = Fake::new(Deduplication::None);
    fake.limits = Limits::of_bytes(2_000, 2_000);
    let service = |request: &str| if request.len() > 600 { response("400") } else { all(request) };
    let course = play(&fake, &messages, Settings { max_in_flight: 1, ..settings() }, service);
    assert_eq!((course.counts.delivered, course.counts.rejected), (199, 1));
    let reasons = &course.counts.reasons["rejected"];
    assert!(reasons.contains_key(&TOO_LARGE), "{reasons:?}");
}

#[test]
fn a_request_that_is_throttled_twice_is_split() {
    let messages = vec!["0123456789"; 100];
    let mut fake = Fake::new(Deduplication::None);
    fake.limits = Limits::of_bytes(2_000, 2_000);
    // A limit on the memory of a request, not on their number.
    let service = |request: &str| {
        if request.len() > 600 {
            response("503").map(|response| Response { status: 429, ..response })
        } else {
            all(request)
        }
    };
    let course = play(&fake, &messages, settings(), service);
    assert_eq!((course.counts.delivered, course.undelivered), (100, 0));
    assert_eq!(course.counts.possible_duplicates, 0);
    // If the destination specifies when to retry, the size is not the reason.
    let mut asked = 0;
    let patient = |request: &str| {
        asked += 1;
        if asked > 6 {
            return all(request);
        }
        let retry_after = Some("1".to_owned());
        response("503").map(|response| Response { status: 429, retry_after, ..response })
    };
    let course = play(&fake, &messages[..50], settings(), patient);
    assert_eq!((course.counts.delivered, course.requests.len()), (50, 7));
}

#[test]
fn retries_continue_until_the_deadline() {
    for seconds in [2, 8, 30] {
        let give_up_at = START + Duration::from_secs(seconds);
        let settings = Settings { give_up_at, ..settings() };
        let course = play(&Fake::new(Deduplication::None), &["a"], settings, |_| response("503"));
        assert_eq!(course.undelivered, 1);
        // Each wait is at most half of the remaining time, down to the minimum of a request.
        assert!(course.requests.len() >= 5, "{} requests in {seconds} s", course.requests.len());
    }
}

#[test]
fn a_limit_on_the_number_of_requests_causes_no_split() {
    let messages = vec!["0123456789"; 400];
    let mut fake = Fake::new(Deduplication::None);
    fake.limits = Limits::of_bytes(500, 500);
    // A limit on the number of requests.
    let mut asked = 0;
    let limited = |request: &str| {
        asked += 1;
        if asked % 3 == 0 {
            response("503").map(|response| Response { status: 429, ..response })
        } else {
            all(request)
        }
    };
    let course = play(&fake, &messages, settings(), limited);
    assert_eq!((course.counts.delivered, course.undelivered), (400, 0));
    let (largest, smallest) = (45 * 11, 40 * 11);
    let sizes: Vec<usize> = course.requests.iter().map(String::len).collect();
    assert!(sizes.iter().all(|size| (smallest..=largest).contains(size)), "{sizes:?}");
}
