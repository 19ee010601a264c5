//! Which function writes to a log stream.

/// Returns the name of the function that writes to this log stream.
///
/// Where functions share a log group, whatever its name, the streams name them:
/// `2024/03/01/<function>[<version>]<environment>`. Lambda's own log groups are named by their
/// function. `None` if neither names one.
///
/// Source: "Configuring CloudWatch log groups", AWS Lambda Developer Guide.
#[must_use]
pub fn function_name<'a>(log_group: &'a str, log_stream: &'a str) -> Option<&'a str> {
    let by_group = log_group.strip_prefix("/aws/lambda/").filter(|name| !name.is_empty());
    by_stream(log_stream).or(by_group)
}

fn by_stream(log_stream: &str) -> Option<&str> {
    let mut parts = log_stream.splitn(4, '/');
    for digits in [4, 2, 2] {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(())?;
    }
    let (name, version) = parts.next()?.split_once('[')?;
    (!name.is_empty() && version.contains(']')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_named_by_the_stream_or_else_by_the_group() {
        let stream = "2024/03/01/[$LATEST]0123456789abcdef0123456789abcdef";
        let named = "2024/03/01/plays[42]0123456789abcdef0123456789abcdef";
        for (group, stream, name) in [
            ("/aws/lambda/plays", stream, Some("plays")),
            ("/aws/lambda/us-east-1.edge", stream, Some("us-east-1.edge")),
            // The stream takes precedence: functions can also share a group below /aws/lambda/.
            ("/aws/lambda/likes", named, Some("plays")),
            ("/aws/lambda/team/shared", "2024/03/01/us-east-1.edge[7]a", Some("us-east-1.edge")),
            ("/aws/lambda/likes", "2024/03/01/plays", Some("likes")),
            ("/aws/lambda/likes", "plays[$LATEST]a", Some("likes")),
            ("/music/prod", named, Some("plays")),
            ("/aws/lambda/", named, Some("plays")),
            ("/music/prod", "2024/03/01/plays[$LATEST]a", Some("plays")),
            ("/music/prod", stream, None),
            ("/music/prod", "plays[$LATEST]a", None),
            ("/music/prod", "24/03/01/plays[$LATEST]a", None),
            ("/music/prod", "2024/03/01/plays", None),
            ("/music/prod", "2024/03/01/plays[$LATEST", None),
            ("/music/prod", "2024/3a/01/plays[1]a", None),
            ("", "", None),
        ] {
            assert_eq!(function_name(group, stream), name, "{group} {stream}");
        }
    }
}
