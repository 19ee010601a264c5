//! The Java of this machine.

use super::{MachineError, command};
use crate::environment::Environment;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// The Java that runs `server`, and its feature version: that of `JAVA_HOME`, else the one on the
/// path.
pub(crate) async fn find(
    environment: &Environment,
    server: &'static str,
    needed: RangeInclusive<u32>,
) -> Result<(PathBuf, u32), MachineError> {
    let of_home = environment.java_home.iter().map(|home| home.join("bin/java"));
    let mut wrong = MachineError::NoJava;
    for java in of_home.chain([PathBuf::from("java")]) {
        let arguments = ["-XshowSettings:properties", "-version"];
        let Ok(output) = command::run(&java, arguments, None, PROBE_LIMIT).await else { continue };
        match version(&output.stderr) {
            Some(version) if needed.contains(&version) => return Ok((java, version)),
            Some(found) => {
                wrong = MachineError::WrongJava { found, server, needed: needed.clone() };
            }
            None => {}
        }
    }
    Err(wrong)
}

/// The feature version that `java -XshowSettings:properties` tells: 8 is written `1.8`.
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

    #[test]
    fn reads_the_version_of_every_java() {
        let settings = "Property settings:\n    java.home = /opt/jdk\n    \
                        java.specification.version = 17\n    java.version = 17.0.15\n";
        assert_eq!(version(settings), Some(17));
        assert_eq!(version("    java.specification.version = 1.8\n"), Some(8));
        assert_eq!(version("command not found"), None);
    }
}
