//! Which server to take: the value of `--opensearch`, and its like.

use std::str::FromStr;

/// Which server to take, where there is a real one and an embedded one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A real one where this machine can run it, else the embedded one.
    #[default]
    Auto,
    /// The small server in this process.
    Embedded,
    /// A real one or an error.
    Real,
    /// A server that is up already; `http://` or `https://`, with `user:password@` if it asks.
    Url(String),
}

/// Text that names no [`Choice`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected auto, embedded, real or a URL that starts with http:// or https://")]
pub struct InvalidChoice;

impl FromStr for Choice {
    type Err = InvalidChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "embedded" => Ok(Self::Embedded),
            "real" => Ok(Self::Real),
            url if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Self::Url(url.to_owned()))
            }
            _ => Err(InvalidChoice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_choice() {
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        assert_eq!("embedded".parse(), Ok(Choice::Embedded));
        assert_eq!("real".parse(), Ok(Choice::Real));
        let url = "https://user:secret@search.example:9200";
        assert_eq!(url.parse(), Ok(Choice::Url(url.to_owned())));
        assert_eq!("localhost:9200".parse::<Choice>(), Err(InvalidChoice));
        assert_eq!("".parse::<Choice>(), Err(InvalidChoice));
    }
}
