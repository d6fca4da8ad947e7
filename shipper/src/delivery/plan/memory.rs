//! What is known of a destination from earlier deliveries, and what is asked before anything is sent.

use super::tests::{Fake, START, answer, known, settings, text};
use super::*;
use crate::origin::Origin;

/// Has a service answer requests by what is in them, from `now` on.
fn deliver(
    fake: &Fake,
    health: Health,
    mut now: SystemTime,
    mut service: impl FnMut(&str) -> Result<Answer, Fault>,
) -> (Vec<String>, u64, Vec<(String, usize)>, Health) {
    let origin = Origin::new("1", "g", "s");
    let records = ["a", "b"].map(|message| Record { time: now, ..Record::of(&origin, message) });
    let settings = Settings { give_up_at: now + Duration::from_secs(60), ..settings() };
    let mut plan = Plan::new(fake, &records, settings, health, fastrand::Rng::with_seed(7));
    let mut requests = Vec::new();
    loop {
        match plan.next(now) {
            Step::Send { ticket, request, .. } => {
                let request = text(&request);
                let answer = service(&request);
                requests.push(request);
                plan.answered(now, ticket, &answer);
            }
            Step::Await => panic!("every request is answered"),
            Step::Wait(wait) => now += wait,
            Step::Done(delivered) => {
                let left = delivered.left.iter();
                let left = left.map(|left| (left.class.as_str().to_owned(), left.records.len()));
                let doubles = delivered.counts.possible_duplicates;
                return (requests, doubles, left.collect(), delivered.health);
            }
        }
    }
}

fn after(seconds: u64) -> SystemTime {
    START + Duration::from_secs(seconds)
}

fn asks_to_wait(seconds: &str) -> Result<Answer, Fault> {
    let retry_after = Some(seconds.to_owned());
    answer("503").map(|answer| Answer { retry_after, ..answer })
}

#[test]
fn a_service_that_asks_to_wait_is_left_alone_by_later_invocations_for_as_long() {
    let fake = Fake::new(Keys::NotTaken);
    let (requests, _, left, health) = deliver(&fake, known(), START, |_| asks_to_wait("90"));
    assert_eq!((requests.len(), left), (1, vec![("fake".to_owned(), 2)]));
    // It wants longer than there is time.
    let (requests, _, left, health) =
        deliver(&fake, health, after(10), |_| panic!("it was to be left alone"));
    assert_eq!((requests.len(), left), (0, vec![("asked_to_wait".to_owned(), 2)]));
    // It does no more.
    let (requests, _, left, health) = deliver(&fake, health, after(50), |_| answer("++"));
    assert_eq!((requests.len(), left.len()), (1, 0));
    assert_eq!(health.pause(after(50)), None);
}

#[test]
fn nobody_is_left_alone_for_longer_than_two_minutes() {
    let fake = Fake::new(Keys::NotTaken);
    let (_, _, _, health) = deliver(&fake, known(), START, |_| asks_to_wait("86400"));
    assert_eq!(health.pause(START), Some(Duration::from_secs(120)));
    assert_eq!(health.pause(after(120)), None);
    // Not even by a clock that was set back.
    let health = Health { busy_until: Some(after(1_000_000)), ..known() };
    assert_eq!(health.pause(START), None);
}

#[test]
fn a_service_is_asked_whether_it_gives_receipts_before_it_is_sent_anything() {
    let fake = Fake::new(Keys::NotTaken);
    let (requests, doubles, left, health) =
        deliver(&fake, Health::default(), START, |_| answer("!"));
    assert_eq!((requests, doubles), (vec!["[0]".to_owned()], 0));
    assert_eq!((left, health.gives_receipts), (vec![("fake".to_owned(), 2)], false));
    // It cannot say so at once.
    let mut answers = ["?", "?", "", "++"].into_iter();
    let next = |_: &str| answer(answers.next().unwrap());
    let (requests, _, left, health) = deliver(&fake, Health::default(), START, next);
    assert_eq!((requests, left), (["[0]", "[0]", "[0]", "a;b;"].map(str::to_owned).into(), vec![]));
    // Once is enough.
    let (requests, ..) = deliver(&fake, health, START, |_| answer("++"));
    assert_eq!(requests, ["a;b;"]);
}

#[test]
fn a_request_is_not_begun_that_would_not_be_made_in_time() {
    let fake = Fake::new(Keys::NotTaken);
    let slow = |seconds| Health { making: Duration::from_secs(seconds), ..known() };
    let (requests, _, left, _) = deliver(&fake, slow(61), START, |_| panic!("there was no time"));
    assert_eq!((requests.len(), left), (0, vec![("no_time_left".to_owned(), 2)]));
    let (requests, ..) = deliver(&fake, slow(59), START, |_| answer("++"));
    assert_eq!(requests.len(), 1);
}

#[test]
fn what_is_no_http_is_not_tried_again_and_may_have_taken_what_was_sent() {
    let fake = Fake::new(Keys::NotTaken);
    let (requests, doubles, left, _) = deliver(&fake, known(), START, |_| Err(Fault::NotHttp));
    assert_eq!((requests.len(), doubles), (1, 2));
    assert_eq!(left, [("not_http".to_owned(), 2)]);
}

#[test]
fn a_service_that_pays_no_attention_to_ids_may_have_what_is_sent_again_twice() {
    let mut answers = ["504", "++"].into_iter();
    let mut next = |_: &str| answer(answers.next().unwrap());
    let mut fake = Fake::new(Keys::Taken);
    assert_eq!(deliver(&fake, known(), START, &mut next).1, 0);
    fake.knows_keys = false;
    let mut answers = ["504", "++"].into_iter();
    assert_eq!(deliver(&fake, known(), START, |_| answer(answers.next().unwrap())).1, 2);
}
