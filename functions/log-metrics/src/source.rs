//! Links to log streams.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are not encoded in a link.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A link to the log stream in the console of the region.
pub(crate) fn link(region: &str, log_group: &str, log_stream: &str) -> String {
    let domain = match region {
        region if region.starts_with("cn-") => "amazonaws.cn",
        region if region.starts_with("us-gov-") => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    };
    // The console decodes twice, and uses `$` as the outer percent sign.
    let encoded = |name| utf8_percent_encode(name, PLAIN).to_string().replace('%', "$25");
    let (group, stream) = (encoded(log_group), encoded(log_stream));
    format!(
        "https://{region}.console.{domain}/cloudwatch/home?region={region}\
         #logsV2:log-groups/log-group/{group}/log-events/{stream}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_encoded_twice_and_use_the_console_of_the_region() {
        assert_eq!(
            link("eu-west-1", "/aws/lambda/plays", "2024/03/01/[$LATEST]01ab"),
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1\
             #logsV2:log-groups/log-group/$252Faws$252Flambda$252Fplays\
             /log-events/2024$252F03$252F01$252F$255B$2524LATEST$255D01ab"
        );
        let china = "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1\
                     #logsV2:log-groups/log-group/a_b.c-d/log-events/$25C3$25A9";
        assert_eq!(link("cn-north-1", "a_b.c-d", "é"), china);
        assert!(link("us-gov-west-1", "a", "b").contains(".console.amazonaws-us-gov.com/"));
    }
}
