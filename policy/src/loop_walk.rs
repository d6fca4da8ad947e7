use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{Arn, Destination, LoopGuard};

/// The most places that are looked at behind one destination.
const MOST_PLACES: usize = 100;
/// The most Firehose streams that are asked for the Kinesis stream they read: each costs a call.
const MOST_FIREHOSES: usize = 100;

/// Traces a destination to the resources behind it, to the log groups they write to, to where those
/// are forwarded, and so on until nothing new is found. It returns the next question
/// ([`next`](Self::next)) and takes its [`Answer`]; the caller makes the requests.
///
/// What lies in another region or account ends the way: what works there logs there.
#[derive(Debug)]
pub struct LoopWalk {
    region: String,
    account_id: String,
    found: Walked,
    seen: BTreeSet<String>,
    places: VecDeque<Place>,
    /// The Kinesis streams behind the destination, each with the way there.
    streams: BTreeMap<String, Vec<String>>,
    /// The Firehose streams that read each Kinesis stream, whichever it is; None until they are
    /// asked for.
    firehoses: Option<BTreeMap<String, Vec<String>>>,
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
    /// The Firehose streams of the region that read a Kinesis stream, whichever it is.
    DeliveryStreamsWithSource,
    /// The Kinesis stream that a Firehose stream reads.
    SourceOfDeliveryStream {
        /// The Firehose stream's name.
        name: String,
    },
    /// The pipes of EventBridge that read a Kinesis stream.
    PipesReading {
        /// The stream's ARN.
        arn: String,
    },
    /// What a pipe has its events enriched by, delivers to and logs to.
    Pipe {
        /// The pipe's name.
        name: String,
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
        /// What is delivered to, written to, or read by, or who reads.
        arns: Vec<String>,
    },
    /// Names of what was asked for.
    Names(Vec<String>),
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

/// What following a destination showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// Every log group that would create a loop.
    pub guard: LoopGuard,
    /// Whether there was more behind the destination than is looked at.
    pub more: bool,
    /// Whether the destination itself does not exist.
    pub missing: bool,
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
            found: Walked {
                guard: LoopGuard::default().in_account(account_id),
                ..Walked::default()
            },
            seen: BTreeSet::new(),
            places: VecDeque::from([Place { arn: destination_arn.to_owned(), way: Vec::new() }]),
            streams: BTreeMap::new(),
            firehoses: None,
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
                self.found.more = true;
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
        let missing = answer == Answer::Missing;
        let (log_groups, arns, names) = match answer {
            Answer::Found { log_groups, arns } => (log_groups, arns, Vec::new()),
            Answer::Names(names) => (Vec::new(), Vec::new(), names),
            Answer::Missing | Answer::Unseen => (Vec::new(), Vec::new(), Vec::new()),
        };
        if missing && way.len() == 1 && question.is_about_a_destination() {
            self.found.missing = true;
        }
        match question {
            // The resource does not exist, so it writes no logs.
            Question::LogGroupOfFunction { .. } if missing => {}
            Question::LogGroupOfFunction { arn } => self.writes(&arn, log_groups, &way),
            Question::DeliveryStream { name } => {
                let usual = Destination::Firehose { name }.usual_log_group();
                self.write(usual.into_iter().chain(log_groups), &way);
                self.go_on(arns, &way);
            }
            Question::ConsumersOfStream { arn } => {
                for arn in [arn].into_iter().chain(arns) {
                    self.ask(Question::FunctionsReading { arn }, &way);
                }
            }
            Question::DeliveryStreamsWithSource => {
                self.found.more |= names.len() > MOST_FIREHOSES;
                for name in names.into_iter().take(MOST_FIREHOSES) {
                    self.ask(Question::SourceOfDeliveryStream { name }, &way);
                }
            }
            Question::SourceOfDeliveryStream { name } => {
                for stream in arns {
                    self.reads(&name, stream);
                }
            }
            Question::FunctionsReading { .. }
            | Question::PipesReading { .. }
            | Question::Pipe { .. }
            | Question::TargetOfDestination { .. }
            | Question::DestinationsOf { .. } => self.go_on(arns, &way),
        }
    }

    /// All that was found.
    #[must_use]
    pub fn end(self) -> Walked {
        self.found
    }

    fn visit(&mut self, Place { arn: text, mut way }: Place) {
        let Ok(arn) = text.parse::<Arn>() else { return };
        let Some(stop) = Stop::at(&arn) else { return };
        if arn.region() != self.region || arn.account() != self.account_id {
            return;
        }
        let destination = match stop {
            Stop::LogGroup { name } => return self.write([name].into_iter(), &way),
            Stop::Pipe { name } => {
                way.push(format!("pipe {name}"));
                return self.ask(Question::Pipe { name }, &way);
            }
            Stop::Destination(destination) => destination,
        };
        way.push(destination.to_string());
        if let Some(log_group) = destination.usual_log_group() {
            self.found.guard.written_by(&log_group, &way);
        }
        let question = match destination {
            Destination::Function { .. } => Question::LogGroupOfFunction { arn: text },
            Destination::Stream { .. } => return self.visit_stream(&arn, &way),
            Destination::Firehose { name } => Question::DeliveryStream { name },
            Destination::Logical { name } => Question::TargetOfDestination { name },
        };
        self.ask(question, &way);
    }

    fn visit_stream(&mut self, stream: &Arn, way: &[String]) {
        let arn = stream.to_string();
        self.streams.insert(arn.clone(), way.to_vec());
        self.ask(Question::ConsumersOfStream { arn: arn.clone() }, way);
        self.ask(Question::PipesReading { arn: arn.clone() }, way);
        match &self.firehoses {
            Some(firehoses) => {
                let known = firehoses.get(&arn).into_iter().flatten();
                let arns = known.map(|name| firehose_beside(stream, name)).collect();
                self.go_on(arns, way);
            }
            None => {
                self.firehoses = Some(BTreeMap::new());
                self.ask(Question::DeliveryStreamsWithSource, way);
            }
        }
    }

    /// A Firehose stream reads a Kinesis stream, which may be one that was come to already.
    fn reads(&mut self, firehose: &str, stream: String) {
        if let Some((way, stream)) = self.streams.get(&stream).cloned().zip(stream.parse().ok()) {
            self.go_on(vec![firehose_beside(&stream, firehose)], &way);
        }
        let readers = self.firehoses.get_or_insert_default().entry(stream).or_default();
        readers.push(firehose.to_owned());
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
            self.found.guard.written_by(&log_group, way);
            let onwards = [way, std::slice::from_ref(&log_group)].concat();
            self.ask(Question::DestinationsOf { log_group }, &onwards);
        }
    }

    fn ask(&mut self, question: Question, way: &[String]) {
        self.questions.push_back((question, way.to_vec()));
    }

    fn go_on(&mut self, arns: Vec<String>, way: &[String]) {
        self.places.extend(arns.into_iter().map(|arn| Place { arn, way: way.to_vec() }));
    }
}

impl Question {
    /// Whether its answer shows whether a destination exists.
    fn is_about_a_destination(&self) -> bool {
        matches!(
            self,
            Self::LogGroupOfFunction { .. }
                | Self::ConsumersOfStream { .. }
                | Self::DeliveryStream { .. }
                | Self::TargetOfDestination { .. }
        )
    }
}

/// What an ARN behind a destination can name, as far as it can be followed.
enum Stop {
    Destination(Destination),
    Pipe { name: String },
    LogGroup { name: String },
}

impl Stop {
    fn at(arn: &Arn) -> Option<Self> {
        let name = |rest: &str| Some(rest.to_owned()).filter(|name| !name.is_empty());
        if arn.service() == "pipes" {
            let name = name(arn.resource().strip_prefix("pipe/")?)?;
            return Some(Self::Pipe { name });
        }
        if let Some(rest) = arn.resource().strip_prefix("log-group:") {
            let name = name(rest.split(':').next().unwrap_or_default())?;
            return Some(Self::LogGroup { name });
        }
        Destination::of(arn).ok().map(Self::Destination)
    }
}

/// A Firehose stream reads Kinesis streams of its own region and account alone.
fn firehose_beside(stream: &Arn, name: &str) -> String {
    let (partition, region, account) = (stream.partition(), stream.region(), stream.account());
    format!("arn:{partition}:firehose:{region}:{account}:deliverystream/{name}")
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
    fn walk(from: &str, answers: &[(Question, Answer)]) -> Walked {
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
    fn shippers_that_forward_to_each_other_are_a_loop() {
        let Walked { guard, more, missing } = walk(
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
            guard.why("/aws/lambda/b").as_deref(),
            Some(
                "function b writes to this log group, and forwarded events reach it: function a -> \
                 /a -> function b"
            )
        );
        assert!(!more && !missing);
    }

    #[test]
    fn the_readers_of_a_stream_and_of_its_consumers_are_found() {
        let stream = arn("kinesis", "stream/logs");
        let consumer = arn("kinesis", "stream/logs/consumer/fan:1");
        let Walked { guard, .. } = walk(
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

    fn firehose(name: &str) -> String {
        arn("firehose", &format!("deliverystream/{name}"))
    }

    #[test]
    fn the_firehose_that_reads_a_stream_is_found_and_no_other() {
        let (stream, other) = (arn("kinesis", "stream/logs"), arn("kinesis", "stream/logs-two"));
        let source = |name: &str| Question::SourceOfDeliveryStream { name: name.into() };
        let transformed = |by: &str| Answer::arns([function(by)]);
        let walked = walk(
            &stream,
            &[
                (
                    Question::DeliveryStreamsWithSource,
                    Answer::Names(vec!["of-another".into(), "to-s3".into()]),
                ),
                (source("of-another"), Answer::arns([other])),
                (source("to-s3"), Answer::arns([stream.clone()])),
                (Question::DeliveryStream { name: "to-s3".into() }, transformed("shape")),
                (Question::DeliveryStream { name: "of-another".into() }, transformed("else")),
            ],
        );
        let expected = ["/aws/kinesisfirehose/to-s3", "/aws/lambda/shape"];
        assert_eq!(groups(&walked.guard), expected);
        assert_eq!(
            walked.guard.why("/aws/lambda/shape").as_deref(),
            Some(
                "function shape writes to this log group, and forwarded events reach it: Kinesis \
                 stream logs -> Firehose stream to-s3 -> function shape"
            )
        );
    }

    #[test]
    fn the_sources_of_firehoses_are_read_once_for_all_streams() {
        let (first, second) = (arn("kinesis", "stream/a"), arn("kinesis", "stream/b"));
        let mut walk = LoopWalk::behind(&first, "eu-west-1", "123456789012");
        let mut asked = Vec::new();
        while let Some(question) = walk.next() {
            walk.answer(match &question {
                Question::FunctionsReading { arn } if *arn == first => {
                    Answer::arns([function("f")])
                }
                Question::DestinationsOf { log_group } if log_group == "/aws/lambda/f" => {
                    Answer::arns([second.clone()])
                }
                Question::DeliveryStreamsWithSource => Answer::Names(vec!["of-b".into()]),
                Question::SourceOfDeliveryStream { .. } => Answer::arns([second.clone()]),
                _ => Answer::arns([]),
            });
            asked.push(question);
        }
        let listed = asked.iter().filter(|asked| **asked == Question::DeliveryStreamsWithSource);
        assert_eq!(listed.count(), 1);
        let guard = walk.end().guard;
        assert_eq!(groups(&guard), ["/aws/kinesisfirehose/of-b", "/aws/lambda/f"]);
    }

    #[test]
    fn more_firehoses_than_are_traced_are_reported() {
        let names = (0..=MOST_FIREHOSES).map(|n| format!("f{n}")).collect();
        let asked = (Question::DeliveryStreamsWithSource, Answer::Names(names));
        assert!(walk(&arn("kinesis", "stream/logs"), &[asked]).more);
    }

    #[test]
    fn enrichment_target_and_log_group_of_a_pipe_are_found() {
        let stream = arn("kinesis", "stream/logs");
        let walked = walk(
            &stream,
            &[
                (
                    Question::PipesReading { arn: stream.clone() },
                    Answer::arns([arn("pipes", "pipe/enriched")]),
                ),
                (
                    Question::Pipe { name: "enriched".into() },
                    Answer::arns([
                        function("enrich"),
                        arn("logs", "log-group:/copy"),
                        arn("logs", "log-group:/aws/vendedlogs/pipes/enriched:*"),
                        firehose("traces"),
                        arn("states", "stateMachine:other"),
                    ]),
                ),
            ],
        );
        let expected = [
            "/aws/kinesisfirehose/traces",
            "/aws/lambda/enrich",
            "/aws/vendedlogs/pipes/enriched",
            "/copy",
        ];
        assert_eq!(groups(&walked.guard), expected);
        assert_eq!(
            walked.guard.why("/copy").as_deref(),
            Some(
                "pipe enriched writes to this log group, and forwarded events reach it: Kinesis \
                 stream logs -> pipe enriched"
            )
        );
    }

    #[test]
    fn a_missing_destination_is_reported_and_missing_resources_behind_it_are_not() {
        let stream = arn("kinesis", "stream/logs");
        let gone = [
            (function("a"), Question::LogGroupOfFunction { arn: function("a") }),
            (stream.clone(), Question::ConsumersOfStream { arn: stream }),
            (firehose("f"), Question::DeliveryStream { name: "f".into() }),
            (
                arn("logs", "destination:central"),
                Question::TargetOfDestination { name: "central".into() },
            ),
        ];
        for (destination, question) in gone {
            assert!(walk(&destination, &[(question.clone(), Answer::Missing)]).missing);
            assert!(!walk(&destination, &[(question, Answer::Unseen)]).missing);
        }
        let behind = [
            (group("/aws/lambda/a"), Answer::arns([function("b")])),
            (Question::LogGroupOfFunction { arn: function("b") }, Answer::Missing),
        ];
        assert!(!walk(&function("a"), &behind).missing);
    }

    #[test]
    fn a_firehose_its_errors_and_its_transformer_are_found_behind_a_logical_destination() {
        let central = arn("logs", "destination:central");
        let Walked { guard, .. } = walk(
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
    fn an_unreadable_function_still_has_its_default_log_group() {
        let asked = Question::LogGroupOfFunction { arn: function("a") };
        let Walked { guard, .. } = walk(&function("a"), &[(asked, Answer::Unseen)]);
        assert_eq!(groups(&guard), ["/aws/lambda/a"]);
    }

    #[test]
    fn a_function_that_does_not_exist_ships_nothing_on() {
        let Walked { guard, .. } = walk(
            &function("a"),
            &[
                (Question::LogGroupOfFunction { arn: function("a") }, Answer::Missing),
                (group("/aws/lambda/a"), Answer::arns([function("b")])),
            ],
        );
        assert_eq!(groups(&guard), ["/aws/lambda/a"]);
    }

    #[test]
    fn resources_of_other_regions_are_not_traced() {
        let abroad = "arn:aws:lambda:eu-west-1:999999999999:function:a";
        let Walked { guard, .. } = walk(abroad, &[]);
        assert_eq!(groups(&guard), [""; 0]);
    }

    #[test]
    fn an_endless_graph_is_cut_off_and_reported() {
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
        let Walked { guard, more, .. } = walk.end();
        assert!(more);
        assert_eq!(guard.groups().count(), MOST_PLACES);
    }
}
