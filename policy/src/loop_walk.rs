use std::collections::{BTreeSet, VecDeque};

use crate::{Arn, Destination, LoopGuard};

/// The most places that are looked at behind one destination.
const MOST_PLACES: usize = 100;

/// Follows a destination to whoever works behind it, to the log groups they write to, to where
/// those are shipped themselves, and so on until nothing new is found. It says what has to be asked
/// ([`next`](Self::next)) and is told the [`Answer`]; who asks, and how, is somebody else's matter.
///
/// What lies in another region or account ends the way: what works there logs there.
#[derive(Debug)]
pub struct LoopWalk {
    region: String,
    account_id: String,
    guard: LoopGuard,
    more: bool,
    seen: BTreeSet<String>,
    places: VecDeque<Place>,
    questions: VecDeque<(Question, Vec<String>)>,
    /// The way to what was asked about last.
    asked: Option<(Question, Vec<String>)>,
}

/// What has to be known to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The log group that a function writes to, where it names one.
    LogGroupOfFunction {
        /// The function's ARN, perhaps with a version or an alias.
        arn: String,
    },
    /// The registered consumers of a Kinesis stream.
    ConsumersOfStream {
        /// The stream's ARN.
        arn: String,
    },
    /// The functions that Lambda feeds from a stream or from a registered consumer.
    FunctionsReading {
        /// The ARN of the stream or of the consumer.
        arn: String,
    },
    /// Where a Firehose stream logs, and the function that transforms what it delivers.
    DeliveryStream {
        /// The stream's name.
        name: String,
    },
    /// Where a logical destination delivers.
    TargetOfDestination {
        /// The destination's name.
        name: String,
    },
    /// The destinations that a log group is shipped to.
    DestinationsOf {
        /// The log group's name.
        log_group: String,
    },
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These log groups are written to, and these ARNs are behind it.
    Found {
        /// Names of log groups.
        log_groups: Vec<String>,
        /// What is delivered to, or who reads.
        arns: Vec<String>,
    },
    /// What was asked about does not exist.
    Missing,
    /// It may not be looked at.
    Unseen,
}

impl Answer {
    /// Log groups alone.
    #[must_use]
    pub fn log_groups(log_groups: impl IntoIterator<Item = String>) -> Self {
        Self::Found { log_groups: log_groups.into_iter().collect(), arns: Vec::new() }
    }

    /// ARNs alone.
    #[must_use]
    pub fn arns(arns: impl IntoIterator<Item = String>) -> Self {
        Self::Found { log_groups: Vec::new(), arns: arns.into_iter().collect() }
    }
}

/// Somewhere that what is shipped comes to.
#[derive(Debug)]
struct Place {
    arn: String,
    /// How it comes there: destinations and log groups in turn, the policy's destination first.
    way: Vec<String>,
}

impl LoopWalk {
    /// Begins at a destination, in the region and the account of the log groups.
    #[must_use]
    pub fn behind(destination_arn: &str, region: &str, account_id: &str) -> Self {
        Self {
            region: region.to_owned(),
            account_id: account_id.to_owned(),
            guard: LoopGuard::default(),
            more: false,
            seen: BTreeSet::new(),
            places: VecDeque::from([Place { arn: destination_arn.to_owned(), way: Vec::new() }]),
            questions: VecDeque::new(),
            asked: None,
        }
    }

    /// What to ask next; nothing once the walk is at its end.
    #[expect(clippy::should_implement_trait, reason = "an answer stands between two questions")]
    pub fn next(&mut self) -> Option<Question> {
        while self.questions.is_empty() {
            let place = self.places.pop_front()?;
            if self.seen.contains(&place.arn) {
                continue;
            }
            if self.seen.len() == MOST_PLACES {
                self.more = true;
                self.places.clear();
                return None;
            }
            self.seen.insert(place.arn.clone());
            self.visit(place);
        }
        self.asked = self.questions.pop_front();
        self.asked.as_ref().map(|(question, _)| question.clone())
    }

    /// Takes in what came of the last question.
    pub fn answer(&mut self, answer: Answer) {
        let Some((question, way)) = self.asked.take() else { return };
        let (missing, log_groups, arns) = match answer {
            Answer::Found { log_groups, arns } => (false, log_groups, arns),
            Answer::Missing => (true, Vec::new(), Vec::new()),
            Answer::Unseen => (false, Vec::new(), Vec::new()),
        };
        match question {
            // Nobody works there, so nobody logs.
            Question::LogGroupOfFunction { .. } if missing => {}
            Question::LogGroupOfFunction { arn } => self.writes(&arn, log_groups, &way),
            Question::DeliveryStream { name } => {
                let usual = Destination::Firehose { name }.usual_log_group();
                self.write(usual.into_iter().chain(log_groups), &way);
                self.go_on(arns, &way);
            }
            Question::ConsumersOfStream { arn } => {
                for arn in [arn].into_iter().chain(arns) {
                    self.questions.push_back((Question::FunctionsReading { arn }, way.clone()));
                }
            }
            Question::FunctionsReading { .. }
            | Question::TargetOfDestination { .. }
            | Question::DestinationsOf { .. } => self.go_on(arns, &way),
        }
    }

    /// Every log group that must not be shipped, and whether there was more behind the destination
    /// than is looked at.
    #[must_use]
    pub fn end(self) -> (LoopGuard, bool) {
        (self.guard, self.more)
    }

    fn visit(&mut self, Place { arn: text, mut way }: Place) {
        let Ok(arn) = text.parse::<Arn>() else { return };
        let Ok(destination) = Destination::of(&arn) else { return };
        if arn.region() != self.region || arn.account() != self.account_id {
            return;
        }
        way.push(destination.to_string());
        if let Some(log_group) = destination.usual_log_group() {
            self.guard.written_by(&log_group, &way);
        }
        let question = match destination {
            Destination::Function { .. } => Question::LogGroupOfFunction { arn: text },
            Destination::Stream { .. } => Question::ConsumersOfStream { arn: text },
            Destination::Firehose { name } => Question::DeliveryStream { name },
            Destination::Logical { name } => Question::TargetOfDestination { name },
        };
        self.questions.push_back((question, way));
    }

    /// A function writes to the group that it names, and its name alone leads to another.
    fn writes(&mut self, function_arn: &str, named: Vec<String>, way: &[String]) {
        let arn = function_arn.parse::<Arn>().ok();
        let function = arn.and_then(|arn| Destination::of(&arn).ok());
        let usual = function.and_then(|function| function.usual_log_group());
        self.write(usual.into_iter().chain(named), way);
    }

    fn write(&mut self, log_groups: impl Iterator<Item = String>, way: &[String]) {
        for log_group in log_groups.collect::<BTreeSet<_>>() {
            self.guard.written_by(&log_group, way);
            let onwards = [way, std::slice::from_ref(&log_group)].concat();
            self.questions.push_back((Question::DestinationsOf { log_group }, onwards));
        }
    }

    fn go_on(&mut self, arns: Vec<String>, way: &[String]) {
        self.places.extend(arns.into_iter().map(|arn| Place { arn, way: way.to_vec() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:eu-west-1:123456789012:{resource}")
    }

    fn function(name: &str) -> String {
        arn("lambda", &format!("function:{name}"))
    }

    fn group(name: &str) -> Question {
        Question::DestinationsOf { log_group: name.to_owned() }
    }

    /// Walks with these answers; whatever else is asked about leads nowhere.
    fn walk(from: &str, answers: &[(Question, Answer)]) -> (LoopGuard, bool) {
        let mut walk = LoopWalk::behind(from, "eu-west-1", "123456789012");
        while let Some(question) = walk.next() {
            let answer = answers.iter().find(|(asked, _)| *asked == question);
            walk.answer(answer.map_or(Answer::arns([]), |(_, answer)| answer.clone()));
        }
        walk.end()
    }

    fn groups(guard: &LoopGuard) -> Vec<&str> {
        guard.groups().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn shippers_that_are_shipped_to_each_other_are_found() {
        let (guard, more) = walk(
            &function("a"),
            &[
                (
                    Question::LogGroupOfFunction { arn: function("a") },
                    Answer::log_groups(["/a".into()]),
                ),
                (group("/a"), Answer::arns([function("b")])),
                (group("/aws/lambda/b"), Answer::arns([function("a")])),
            ],
        );
        assert_eq!(groups(&guard), ["/a", "/aws/lambda/a", "/aws/lambda/b"]);
        assert_eq!(
            guard.why("/aws/lambda/b"),
            Some(
                "function b writes to this log group, and what is shipped comes to it: \
                 function a -> /a -> function b"
            )
        );
        assert!(!more);
    }

    #[test]
    fn the_readers_of_a_stream_and_of_its_consumers_are_found() {
        let stream = arn("kinesis", "stream/logs");
        let consumer = arn("kinesis", "stream/logs/consumer/fan:1");
        let (guard, _) = walk(
            &stream,
            &[
                (
                    Question::ConsumersOfStream { arn: stream.clone() },
                    Answer::arns([consumer.clone()]),
                ),
                (
                    Question::FunctionsReading { arn: stream.clone() },
                    Answer::arns([function("tail")]),
                ),
                (Question::FunctionsReading { arn: consumer }, Answer::arns([function("fan")])),
            ],
        );
        assert_eq!(groups(&guard), ["/aws/lambda/fan", "/aws/lambda/tail"]);
    }

    #[test]
    fn a_firehose_its_errors_and_its_transformer_are_found_behind_a_logical_destination() {
        let central = arn("logs", "destination:central");
        let (guard, _) = walk(
            &central,
            &[
                (
                    Question::TargetOfDestination { name: "central".into() },
                    Answer::arns([arn("firehose", "deliverystream/s3")]),
                ),
                (
                    Question::DeliveryStream { name: "s3".into() },
                    Answer::Found {
                        log_groups: vec!["/errors".into()],
                        arns: vec![function("transform")],
                    },
                ),
            ],
        );
        let expected = ["/aws/kinesisfirehose/s3", "/aws/lambda/transform", "/errors"];
        assert_eq!(groups(&guard), expected);
    }

    #[test]
    fn what_may_not_be_looked_at_still_has_its_usual_log_group() {
        let asked = Question::LogGroupOfFunction { arn: function("a") };
        let (guard, _) = walk(&function("a"), &[(asked, Answer::Unseen)]);
        assert_eq!(groups(&guard), ["/aws/lambda/a"]);
    }

    #[test]
    fn a_function_that_does_not_exist_ships_nothing_on() {
        let (guard, _) = walk(
            &function("a"),
            &[
                (Question::LogGroupOfFunction { arn: function("a") }, Answer::Missing),
                (group("/aws/lambda/a"), Answer::arns([function("b")])),
            ],
        );
        assert_eq!(groups(&guard), ["/aws/lambda/a"]);
    }

    #[test]
    fn what_works_elsewhere_logs_elsewhere() {
        let abroad = "arn:aws:lambda:eu-west-1:999999999999:function:a";
        let (guard, _) = walk(abroad, &[]);
        assert_eq!(groups(&guard), [""; 0]);
    }

    #[test]
    fn a_graph_without_end_is_left_and_told() {
        let mut walk = LoopWalk::behind(&function("f0"), "eu-west-1", "123456789012");
        let mut places = 0;
        while let Some(question) = walk.next() {
            walk.answer(match question {
                Question::LogGroupOfFunction { .. } => {
                    places += 1;
                    Answer::arns([])
                }
                _ => Answer::arns([function(&format!("f{places}"))]),
            });
        }
        let (guard, more) = walk.end();
        assert!(more);
        assert_eq!(guard.groups().count(), MOST_PLACES);
    }
}
