use logagg_policy::{Arn, LogGroup};

use crate::target::Target;

/// The console's domain in each partition that has a known one.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
const DOMAINS: [(&str, &str, &str); 3] = [
    ("aws", "", "console.aws.amazon.com"),
    ("aws-cn", "cn-", "console.amazonaws.cn"),
    ("aws-us-gov", "us-gov-", "console.amazonaws-us-gov.com"),
];

/// Regions of partitions whose console has another domain.
const OTHER_PARTITIONS: [&str; 4] = ["us-iso", "us-isob", "eu-isoe", "eusc-"];

/// The page of a log group in the CloudWatch console; none in other partitions.
pub(crate) fn link(group: &LogGroup, target: &Target) -> Option<String> {
    let region = &target.region;
    let partition = group.arn.parse::<Arn>().ok().map(|arn| arn.partition().to_owned());
    let (.., domain) = match &partition {
        Some(partition) => DOMAINS.iter().find(|(name, ..)| name == partition)?,
        None if OTHER_PARTITIONS.iter().any(|prefix| region.starts_with(prefix)) => return None,
        // The longest prefix that fits: every region has the empty one.
        None => DOMAINS.iter().rev().find(|(_, prefix, _)| region.starts_with(prefix))?,
    };
    let (region, name) = (encode(region, "%"), encode(&encode(&group.name, "%"), "$"));
    Some(format!(
        "https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{name}"
    ))
}

/// As in a URL, with `escape` before the two digits. The console encodes a name twice, the second
/// time with `$`: `/` is `$252F`.
fn encode(text: &str, escape: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("{escape}{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::{LogGroupClass, Retention};

    fn check(arn: &str, region: &str, name: &str, expected: Option<&str>) {
        let group = LogGroup {
            name: name.to_owned(),
            class: LogGroupClass::Standard,
            retention: Retention::Never,
            governed_by: None,
            is_protected: false,
            arn: arn.to_owned(),
            stored_bytes: 0,
            created_ms: 0,
        };
        let target = Target { account_id: "111122223333".to_owned(), region: region.to_owned() };
        assert_eq!(link(&group, &target).as_deref(), expected);
    }

    #[test]
    fn the_link_is_of_the_partitions_console() {
        let arn = |partition: &str, region: &str| {
            format!("arn:{partition}:logs:{region}:111122223333:log-group:/app/a")
        };
        let usual = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
                     #logsV2:log-groups/log-group/$252Fapp$252Fa";
        check(&arn("aws", "eu-west-1"), "eu-west-1", "/app/a", Some(usual));
        check("", "eu-west-1", "/app/a", Some(usual));
        let china = "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1\
                     #logsV2:log-groups/log-group/a";
        check(&arn("aws-cn", "cn-north-1"), "cn-north-1", "a", Some(china));
        check("", "cn-north-1", "a", Some(china));
        let gov = "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/home?\
                   region=us-gov-west-1#logsV2:log-groups/log-group/a";
        check(&arn("aws-us-gov", "us-gov-west-1"), "us-gov-west-1", "a", Some(gov));
        check("", "us-gov-west-1", "a", Some(gov));
        check(&arn("aws-iso", "us-iso-east-1"), "us-iso-east-1", "a", None);
        check("", "us-iso-east-1", "a", None);
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_link() {
        let expected = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
                        #logsV2:log-groups/log-group/$2523a$2522$253Cb$253E$2525$2524";
        check("", "eu-west-1", "#a\"<b>%$", Some(expected));
    }
}
