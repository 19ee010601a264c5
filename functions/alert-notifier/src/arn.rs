//! The ARN of an alarm: what tells one from all others, in whatever form it is told.

/// `arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmArn {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region's code; empty where nobody tells it.
    pub region: String,
    /// The account's id; empty where nobody tells it.
    pub account: String,
    /// The alarm's name.
    pub name: String,
}

impl AlarmArn {
    /// Reads an ARN; `None` where it is no alarm's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(7, ':');
        let mut next = || parts.next();
        let ("arn", partition, "cloudwatch", region, account, "alarm", name) =
            (next()?, next()?, next()?, next()?, next()?, next()?, next()?)
        else {
            return None;
        };
        if name.is_empty() || !is_region(region) || !is_word(partition) || !is_word(account) {
            return None;
        }
        Some(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// As CloudWatch writes it.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { partition, region, account, name } = self;
        format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}")
    }
}

/// Whether it is the code of a region. Endpoints and links are made with it: what is none must
/// not get into them.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let taken = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (6..=32).contains(&text.len())
        && text.bytes().all(taken)
        && text.contains('-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_digit())
}

/// Partition and region of any ARN.
#[must_use]
pub fn place(arn: &str) -> Option<(&str, &str)> {
    let mut parts = arn.split(':');
    let ("arn", partition, _, region) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?)
    else {
        return None;
    };
    (is_word(partition) && is_region(region)).then_some((partition, region))
}

fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_arns_of_alarms_only() {
        let text = "arn:aws-cn:cloudwatch:cn-north-1:123456789012:alarm:a:b c";
        let arn = AlarmArn::parse(text).unwrap();
        assert_eq!((&*arn.partition, &*arn.region), ("aws-cn", "cn-north-1"));
        assert_eq!((&*arn.account, &*arn.name), ("123456789012", "a:b c"));
        assert_eq!(arn.text(), text);
        for text in [
            "",
            "arn:aws:sns:eu-west-1:123456789012:topic",
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:",
            "arn:aws:cloudwatch:evil.example/:123456789012:alarm:a",
            "arn:aws:cloudwatch:eu-west-1#1:123456789012:alarm:a",
        ] {
            assert_eq!(AlarmArn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn knows_a_region_by_its_form() {
        for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-7", "us-isob-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in ["", "EU (Ireland)", "eu-west", "evil.com#1", "eu-west-1/", "1-1-11"] {
            assert!(!is_region(text), "{text}");
        }
        assert_eq!(place("arn:aws:sns:eu-west-1:1:t"), Some(("aws", "eu-west-1")));
        assert_eq!(place("arn:aws:sns::1:t"), None);
    }
}
