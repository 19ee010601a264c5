//! Servers on the Java of this machine.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    Kind, Real, Supervised, Unavailable, give_away, is_root, maven, ready, run, temporary_folder,
};
use crate::environment::Environment;

const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// A server that is downloaded through Maven and runs on Java.
#[derive(Debug)]
pub(crate) struct JavaServer {
    pub(crate) name: String,
    pub(crate) java: RangeInclusive<u32>,
    pub(crate) cached_as: String,
    /// Size of the download, for display.
    pub(crate) size: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) refuses_root: bool,
    pub(crate) folders: &'static [&'static str],
    /// Files in its folder: path and content.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

impl JavaServer {
    /// Finds Java, downloads the server unless it is in the cache, starts it in its own folder with
    /// `arguments` (a function of the distribution and that folder), and waits until `probe`
    /// returns its URL.
    pub(crate) async fn start<F: Future<Output = Option<String>>>(
        &self,
        environment: &Environment,
        say: &mut impl FnMut(&str),
        fetch: impl AsyncFnOnce(&Path) -> Result<PathBuf, Unavailable>,
        arguments: impl FnOnce(&Path, &Path) -> Vec<OsString>,
        probe: impl Fn(PathBuf) -> F,
    ) -> Result<Real, Unavailable> {
        let (java, version) = self.find(environment).await?;
        let is_root = is_root()?;
        let cache = environment.cache_folder(is_root);
        let home = maven::once(&cache, &self.cached_as, &self.name, self.size, say, fetch).await?;
        let folder = temporary_folder(self.prefix)?;
        let as_nobody = is_root && self.refuses_root;
        for name in self.folders {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).map_err(Unavailable::io("cannot create", &path))?;
        }
        for (name, text) in self.files {
            let path = folder.path().join(name);
            std::fs::write(&path, text).map_err(Unavailable::io("cannot write", &path))?;
        }
        if as_nobody {
            let files = self.files.iter().map(|(name, _)| name);
            self.folders
                .iter()
                .chain(files)
                .try_for_each(|name| give_away(&folder.path().join(name)))?;
        }
        let mut line = vec![java.into_os_string()];
        line.extend(arguments(&home, folder.path()));
        let server = Supervised::start(folder, "kill -KILL \"$server\"", &line, as_nobody)?;
        let (server, url) = ready(server, probe).await?;
        Ok(Real { server, url, kind: Kind::Java { version }, container: None })
    }

    /// The Java executable and its feature version: that of `JAVA_HOME`, otherwise the one on the
    /// path.
    async fn find(&self, environment: &Environment) -> Result<(PathBuf, u32), Unavailable> {
        let versions = match *self.java.end() {
            u32::MAX => format!("{} or later", self.java.start()),
            end => format!("{} to {end}", self.java.start()),
        };
        let remedy = format!("install Java ({versions}) and Maven (mvn)");
        let mut reason = "there is no Java (neither JAVA_HOME nor java on the path)".to_owned();
        let of_home = environment.java_home.iter().map(|home| home.join("bin/java"));
        for java in of_home.chain([PathBuf::from("java")]) {
            let arguments = ["-XshowSettings:properties", "-version"];
            let Ok(output) = run(&java, arguments, None, PROBE_LIMIT).await else { continue };
            match version(&output.stderr) {
                Some(version) if self.java.contains(&version) => return Ok((java, version)),
                Some(found) => {
                    reason =
                        format!("Java {found} does not run {}, which needs {versions}", self.name);
                }
                None => {}
            }
        }
        Err(Unavailable::new(reason, remedy))
    }
}

/// The feature version in the output of `java -XshowSettings:properties`: version 8 is written
/// `1.8`.
fn version(settings: &str) -> Option<u32> {
    let value = settings.lines().find_map(|line| {
        line.trim().strip_prefix("java.specification.version")?.trim().strip_prefix('=')
    })?;
    let value = value.trim();
    value.strip_prefix("1.").unwrap_or(value).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_java_of_another_version_is_reported_with_what_is_needed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("bin")).unwrap();
        let script = "#!/bin/sh\necho 'java.specification.version = 1.8' >&2\n";
        crate::machine::write_program(&home.path().join("bin/java"), script);
        let environment =
            Environment { java_home: Some(home.path().to_owned()), ..Environment::default() };
        let server = JavaServer {
            name: "ElasticMQ 1".to_owned(),
            java: 1_000..=1_001,
            cached_as: String::new(),
            size: "",
            prefix: "",
            refuses_root: false,
            folders: &[],
            files: &[],
        };
        let error = server.find(&environment).await.unwrap_err();
        let reason = error.to_string();
        assert!(
            reason.ends_with(" does not run ElasticMQ 1, which needs 1000 to 1001"),
            "{reason}"
        );
        assert_eq!(error.remedy, "install Java (1000 to 1001) and Maven (mvn)");
    }
}
