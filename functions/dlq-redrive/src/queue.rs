//! Queues in requests and settings.

/// A queue, by its URL or its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its URL.
    pub url: String,
    /// Its ARN, if the request has it.
    pub arn: Option<String>,
}

impl Queue {
    /// Parses the URL or the ARN of a queue; `endpoint` overrides the endpoint of SQS.
    #[must_use]
    pub fn parse(text: &str, endpoint: Option<&str>) -> Option<Self> {
        if text.starts_with("arn:") {
            let url = shared::sqs::queue_url(text, endpoint)?;
            return Some(Self { url, arn: Some(text.to_owned()) });
        }
        Self::parse_url(text)
    }

    /// Parses the URL of a queue.
    #[must_use]
    pub fn parse_url(text: &str) -> Option<Self> {
        let url = shared::url::Url::parse(text)?;
        let (_, path) = url.as_str().split_once("://")?.1.split_once('/')?;
        let is_white = |text: &str| text.contains(char::is_whitespace);
        (!path.is_empty() && !is_white(text)).then(|| Self { url: text.to_owned(), arn: None })
    }

    /// Whether it is a FIFO queue.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.url.trim_end_matches('/').strip_suffix(".fifo").is_some()
    }

    /// Whether both are the same queue, by URL or ARN.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.place().eq(other.place())
    }

    /// Name and account, the last parts of a URL and an ARN.
    fn place(&self) -> impl Iterator<Item = &str> {
        self.url.trim_end_matches('/').rsplit('/').take(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-west-1:123456789012:music-dlq";
    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/music-dlq";

    #[test]
    fn a_queue_is_the_same_by_url_and_by_arn() {
        let of_arn = Queue::parse(ARN, None).unwrap();
        assert_eq!(of_arn, Queue { url: URL.to_owned(), arn: Some(ARN.to_owned()) });
        let of_url = Queue::parse(URL, None).unwrap();
        assert_eq!(of_url, Queue { url: URL.to_owned(), arn: None });
        assert!(of_arn.is(&of_url));
        let local = Queue::parse(ARN, Some("http://127.0.0.1:9324")).unwrap();
        assert_eq!(local.url, "http://127.0.0.1:9324/123456789012/music-dlq");
        assert!(local.is(&of_url) && of_url.is(&local));
        for other in [
            "arn:aws:sqs:eu-west-1:123456789012:music",
            "arn:aws:sqs:eu-west-1:999999999999:music-dlq",
        ] {
            assert!(!of_url.is(&Queue::parse(other, None).unwrap()), "{other}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in [
            "",
            "music-dlq",
            "arn:aws:s3:::music",
            "arn:aws:sqs:eu-west-1:123456789012:",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://sqs.eu-west-1.amazonaws.com/",
            "https://sqs.eu-west-1.amazonaws.com/1/a b",
            "ftp://sqs/1/a",
        ] {
            assert_eq!(Queue::parse(text, None), None, "{text}");
        }
        assert_eq!(Queue::parse_url(ARN), None);
    }

    #[test]
    fn a_fifo_queue_is_recognized_by_its_name() {
        assert!(Queue::parse("http://127.0.0.1:9324/1/a.fifo", None).unwrap().is_fifo());
        assert!(!Queue::parse(URL, None).unwrap().is_fifo());
    }
}
