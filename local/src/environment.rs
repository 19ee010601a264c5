//! The environment variables of servers. No other module of this crate reads the environment.

use std::path::PathBuf;

use aws_credential_types::Credentials;

/// The variables for finding, running and calling a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, with temporary credentials,
    /// `AWS_SESSION_TOKEN`: they sign requests to AWS. The debug output contains neither the secret
    /// nor the token.
    pub aws_credentials: Option<Credentials>,
    /// `XDG_CACHE_HOME`, if it is an absolute path.
    pub cache_home: Option<PathBuf>,
    /// `HOME`, if it is an absolute path.
    pub home: Option<PathBuf>,
    /// `JAVA_HOME`, if it is an absolute path.
    pub java_home: Option<PathBuf>,
    /// Whether `SLUICE_REQUIRE_REAL` is `1`: a test fails if its real server is unavailable.
    pub require_real: bool,
}

impl Environment {
    /// Reads the environment of the process.
    #[must_use]
    pub fn read() -> Self {
        Self::from_lookup(variable)
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| lookup(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            aws_credentials: aws_credentials(&lookup),
            cache_home: path("XDG_CACHE_HOME"),
            home: path("HOME"),
            java_home: path("JAVA_HOME"),
            require_real: lookup("SLUICE_REQUIRE_REAL").as_deref() == Some("1"),
        }
    }

    /// The folder of downloads: `$XDG_CACHE_HOME/sluice`, otherwise `~/.cache/sluice`. For root it
    /// is `/var/cache/sluice`, because the server then runs as another user, who cannot enter
    /// root's home.
    #[must_use]
    pub fn cache_folder(&self, is_root: bool) -> PathBuf {
        let system = || is_root.then(|| PathBuf::from("/var/cache"));
        let own = || self.home.as_ref().map(|home| home.join(".cache"));
        let parent = self.cache_home.clone().or_else(system).or_else(own);
        parent.unwrap_or_else(std::env::temp_dir).join("sluice")
    }
}

/// The credentials, if they are complete and can be sent in a header.
fn aws_credentials(lookup: impl Fn(&str) -> Option<String>) -> Option<Credentials> {
    let text = |name: &str| {
        let value = lookup(name)?.trim().to_owned();
        (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())).then_some(value)
    };
    let (id, secret) = (text("AWS_ACCESS_KEY_ID")?, text("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, text("AWS_SESSION_TOKEN"), None, "environment"))
}

#[expect(clippy::disallowed_methods, reason = "this crate's one reader of the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::from_lookup(|name| {
            pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
        })
    }

    #[test]
    fn reads_paths_and_switches() {
        let all = [("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/scratch")];
        for (pairs, is_root, cache) in [
            (&all[..], true, "/scratch/sluice"),
            (&[all[0], ("XDG_CACHE_HOME", "x")], false, "/home/ada/.cache/sluice"),
            // Other users can read it there.
            (&[("HOME", "/root")], true, "/var/cache/sluice"),
        ] {
            assert_eq!(environment(pairs).cache_folder(is_root), PathBuf::from(cache));
        }
        for (value, required) in [("1", true), ("0", false)] {
            assert_eq!(environment(&[("SLUICE_REQUIRE_REAL", value)]).require_real, required);
        }
    }

    #[test]
    fn takes_complete_credentials_only() {
        let pairs =
            [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", " a+secret\n")];
        let read = environment(&pairs).aws_credentials.unwrap();
        assert_eq!((read.secret_access_key(), read.session_token()), ("a+secret", None));
        let broken = [pairs[1], ("AWS_ACCESS_KEY_ID", "two\nlines")];
        for incomplete in [&pairs[..1], &pairs[1..], &broken] {
            assert_eq!(environment(incomplete).aws_credentials, None);
        }
    }
}
