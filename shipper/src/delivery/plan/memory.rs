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
    let health = Health { busy: Some((START, after(1_000_000))), ..known() };
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
    let origin = Origin::new("1", "g", "s");
    let records = [Record::of(&origin, "a")];
    let slow = Health { making: Duration::from_secs(10), ..known() };
    let rng = fastrand::Rng::with_seed(7);
    let mut plan = Plan::new(&fake, &records, settings(), slow, rng);
    // A batch that was made is under way for a while.
    plan.time = Some(Duration::from_secs(60));
    let late = settings().give_up_at - Duration::from_secs(9);
    let Step::Done(delivered) = plan.next(late) else { panic!("something is sent") };
    assert_eq!(delivered.left[0].class, NO_TIME_LEFT);
    assert_eq!(delivered.health.making, Duration::from_secs(5));
}

#[test]
fn a_request_that_took_long_to_make_once_is_no_reason_to_make_none() {
    let fake = Fake::new(Keys::NotTaken);
    let slow = Health { making: Duration::from_secs(1_000), ..known() };
    let (requests, ..) = deliver(&fake, slow, START, |_| answer("++"));
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
    // A gateway that answers in its place says nothing about that.
    let answers = || [Err(Fault::Timeout), answer("++")].into_iter();
    let mut fake = Fake::new(Keys::Taken);
    let mut next = answers();
    assert_eq!(deliver(&fake, known(), START, |_| next.next().unwrap()).1, 0);
    fake.knows_keys = false;
    let mut next = answers();
    let (_, doubles, _, health) = deliver(&fake, known(), START, |_| next.next().unwrap());
    assert_eq!((doubles, health.ignores_keys), (2, true));
    // Later invocations know.
    let mut next = answers();
    assert_eq!(deliver(&fake, health, START, |_| next.next().unwrap()).1, 2);
}

#[test]
fn what_was_sent_before_a_service_asked_to_wait_does_not_end_the_wait() {
    let mut health = known();
    health.asked_to_wait(after(10), Duration::from_secs(60));
    health.took(after(9));
    assert_eq!(health.pause(after(11)), Some(Duration::from_secs(59)));
    health.took(after(10));
    assert_eq!(health.pause(after(11)), None);
}

#[test]
fn where_there_is_storage_nobody_waits_for_a_service_that_asked_to_be_left_alone() {
    let fake = Fake::new(Keys::NotTaken);
    let origin = Origin::new("1", "g", "s");
    let records = [Record::of(&origin, "a")];
    let mut health = known();
    health.asked_to_wait(START, Duration::from_secs(5));
    let settings = Settings { outage: Outage::GiveUp, ..settings() };
    let mut plan = Plan::new(&fake, &records, settings, health, fastrand::Rng::with_seed(7));
    let Step::Done(delivered) = plan.next(START) else { panic!("something is waited for") };
    assert_eq!(delivered.left[0].class, ASKED_TO_WAIT);
}
