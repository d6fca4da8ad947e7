use std::fmt;
use std::str::FromStr;

/// An Amazon Resource Name, taken apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    text: String,
    /// Where service, region, account and resource begin in `text`.
    starts: [usize; 4],
}

impl Arn {
    /// As in `lambda`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.part(0)
    }

    /// As in `eu-west-1`; empty where the service has no regions.
    #[must_use]
    pub fn region(&self) -> &str {
        self.part(1)
    }

    /// The twelve digits; empty where the resource belongs to no account.
    #[must_use]
    pub fn account(&self) -> &str {
        self.part(2)
    }

    /// All that follows the account, as in `function:shipper`.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.text[self.starts[3]..]
    }

    /// As in `aws` or `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.text["arn:".len()..self.starts[0] - 1]
    }

    /// The whole of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn part(&self, index: usize) -> &str {
        &self.text[self.starts[index]..self.starts[index + 1] - 1]
    }
}

impl FromStr for Arn {
    type Err = InvalidArn;

    fn from_str(text: &str) -> Result<Self, InvalidArn> {
        if text.trim() != text || text.contains(char::is_control) {
            return Err(InvalidArn::Blank { text: text.to_owned() });
        }
        let mut colons = text.match_indices(':').map(|(at, _)| at);
        let mut after = || colons.next().map(|at| at + 1);
        let starts = (|| {
            let partition = after()?;
            let starts = [after()?, after()?, after()?, after()?];
            let named = text.starts_with("arn:")
                && starts[0] - partition > 1
                && starts[1] - starts[0] > 1
                && text.len() > starts[3];
            named.then_some(starts)
        })();
        match starts {
            Some(starts) => Ok(Self { text: text.to_owned(), starts }),
            None => Err(InvalidArn::Form { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// A text that is not an ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidArn {
    /// It is of another form.
    #[error("{text:?} is not an ARN: the format is arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE")]
    Form {
        /// The whole of it.
        text: String,
    },
    /// It begins or ends with a blank, or holds a line break.
    #[error("{text:?} is not an ARN: it contains white space")]
    Blank {
        /// The whole of it.
        text: String,
    },
}

/// What CloudWatch Logs can deliver a log group's events to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A Lambda function, with its name less version or alias.
    Function {
        /// As in `shipper`.
        name: String,
    },
    /// A Kinesis data stream.
    Stream {
        /// As in `logs`.
        name: String,
    },
    /// A Firehose stream.
    Firehose {
        /// As in `logs-to-s3`.
        name: String,
    },
    /// A logical destination of CloudWatch Logs, which may lie in another account.
    Logical {
        /// As in `central`.
        name: String,
    },
}

impl Destination {
    /// What an ARN names.
    ///
    /// # Errors
    /// When CloudWatch Logs cannot deliver to it.
    pub fn of(arn: &Arn) -> Result<Self, UnsupportedDestination> {
        let unsupported = || UnsupportedDestination::Service { arn: arn.clone() };
        let named = |prefix: &str| {
            let name = arn.resource().strip_prefix(prefix).filter(|name| !name.is_empty());
            name.map(str::to_owned).ok_or_else(unsupported)
        };
        let (destination, is_name) = match arn.service() {
            "lambda" => {
                let resource = named("function:")?;
                let (name, qualifier) = resource.split_once(':').unwrap_or((&resource, "1"));
                let is_name = is_made_of(name, "-_") && is_made_of(qualifier, "-_$");
                (Self::Function { name: name.to_owned() }, is_name)
            }
            "kinesis" => {
                let name = named("stream/")?;
                let is_name = is_made_of(&name, "-_.");
                (Self::Stream { name }, is_name)
            }
            "firehose" => {
                let name = named("deliverystream/")?;
                let is_name = is_made_of(&name, "-_.");
                (Self::Firehose { name }, is_name)
            }
            "logs" => {
                let name = named("destination:")?;
                let is_name = !name.contains([':', '*']);
                (Self::Logical { name }, is_name)
            }
            _ => return Err(unsupported()),
        };
        if is_name {
            return Ok(destination);
        }
        Err(UnsupportedDestination::Name { arn: arn.clone(), form: destination.form() })
    }

    /// How an ARN ends that names one.
    fn form(&self) -> &'static str {
        match self {
            Self::Function { .. } => "function:NAME, function:NAME:VERSION or function:NAME:ALIAS",
            Self::Stream { .. } => "stream/NAME",
            Self::Firehose { .. } => "deliverystream/NAME",
            Self::Logical { .. } => "destination:NAME",
        }
    }

    /// Its default log group, if the name determines it.
    #[must_use]
    pub fn usual_log_group(&self) -> Option<String> {
        match self {
            Self::Function { name } => Some(format!("/aws/lambda/{name}")),
            Self::Firehose { name } => Some(format!("/aws/kinesisfirehose/{name}")),
            Self::Stream { .. } | Self::Logical { .. } => None,
        }
    }

    /// Whether it is a Lambda function, the only destination with a resource policy that lets
    /// CloudWatch Logs in.
    #[must_use]
    pub fn is_function(&self) -> bool {
        matches!(self, Self::Function { .. })
    }

    /// Whether a subscription filter to it must name a role for CloudWatch Logs to assume.
    #[must_use]
    pub fn needs_role(&self) -> bool {
        matches!(self, Self::Stream { .. } | Self::Firehose { .. })
    }

    /// Whether it can have shards to spread events over.
    #[must_use]
    pub fn takes_distribution(&self) -> bool {
        matches!(self, Self::Stream { .. } | Self::Logical { .. })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { name } => write!(f, "function {name}"),
            Self::Stream { name } => write!(f, "Kinesis stream {name}"),
            Self::Firehose { name } => write!(f, "Firehose stream {name}"),
            Self::Logical { name } => write!(f, "destination {name}"),
        }
    }
}

/// An ARN of something that CloudWatch Logs does not deliver to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedDestination {
    /// It is of something else.
    #[error(
        "CloudWatch Logs cannot deliver to {arn}: a destination is a Lambda function, a Kinesis \
         stream, a Firehose stream or a CloudWatch Logs destination"
    )]
    Service {
        /// The whole of it.
        arn: Arn,
    },
    /// What it names cannot be the name of such a thing.
    #[error("CloudWatch Logs cannot deliver to {arn}: it must end in {form}")]
    Name {
        /// The whole of it.
        arn: Arn,
        /// As in `stream/NAME`.
        form: &'static str,
    },
}

/// Whether a name is of ASCII letters, digits and these signs.
fn is_made_of(name: &str, signs: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper:live";

    #[test]
    fn is_taken_apart() {
        let arn: Arn = SHIPPER.parse().unwrap();
        assert_eq!(arn.partition(), "aws");
        assert_eq!(arn.service(), "lambda");
        assert_eq!(arn.region(), "eu-west-1");
        assert_eq!(arn.account(), "123456789012");
        assert_eq!(arn.resource(), "function:shipper:live");
        assert_eq!(arn.to_string(), SHIPPER);
    }

    #[test]
    fn what_is_not_one_is_refused() {
        for text in [
            "",
            "shipper",
            "arn:aws:lambda",
            "arn:aws:lambda:eu-west-1:1:",
            "arn::x:y:z:r",
            "arn:aws:lambda:eu-west-1:1:function:shipper ",
            " arn:aws:lambda:eu-west-1:1:function:shipper",
            "arn:aws:lambda:eu-west-1:1:function:shipper\n",
        ] {
            let error = text.parse::<Arn>().unwrap_err();
            assert!(error.to_string().contains("is not an ARN"), "{error}");
        }
    }

    #[test]
    fn names_its_destination() {
        let check = |arn: &str, expected: Destination| {
            assert_eq!(Destination::of(&arn.parse().unwrap()), Ok(expected));
        };
        check(SHIPPER, Destination::Function { name: "shipper".into() });
        check(
            "arn:aws:lambda:eu-west-1:1:function:to_search:$LATEST",
            Destination::Function { name: "to_search".into() },
        );
        check(
            "arn:aws:kinesis:eu-west-1:1:stream/logs",
            Destination::Stream { name: "logs".into() },
        );
        check(
            "arn:aws:firehose:eu-west-1:1:deliverystream/s3",
            Destination::Firehose { name: "s3".into() },
        );
        check(
            "arn:aws:logs:eu-west-1:1:destination:central",
            Destination::Logical { name: "central".into() },
        );
    }

    #[test]
    fn cannot_be_delivered_to_when_it_is_something_else() {
        for text in [
            "arn:aws:sqs:eu-west-1:1:queue",
            "arn:aws:lambda:eu-west-1:1:layer:x",
            "arn:aws:lambda:eu-west-1:1:function::live",
            "arn:aws:lambda:eu-west-1:1:function:shipper:*",
            "arn:aws:lambda:eu-west-1:1:function:shipper:",
            "arn:aws:lambda:eu-west-1:1:function:shipper:live:1",
            "arn:aws:kinesis:eu-west-1:1:stream/logs:*",
            "arn:aws:kinesis:eu-west-1:1:stream/logs/consumer/a:1",
            "arn:aws:firehose:eu-west-1:1:deliverystream/*",
            "arn:aws:logs:eu-west-1:1:destination:central:*",
            "arn:aws:logs:eu-west-1:1:log-group:/a",
        ] {
            assert!(Destination::of(&text.parse().unwrap()).is_err(), "{text}");
        }
    }
}
