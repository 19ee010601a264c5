//! The server on Java.

use super::supervisor::Supervised;
use super::{Ready, RealError, command, distribution, ready, user};
use crate::opensearch::{Environment, Kind};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The Java versions that run `OpenSearch` 2.19: built for 11 and tested to 23; 24 has no security
/// manager, which 2.x starts with. 17 is what the specification asks for.
const VERSIONS: std::ops::RangeInclusive<u32> = 17..=23;

const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// `opensearch.yml`: loopback only, free ports, told by a file; disks that are nearly full do not
/// turn indices read-only.
const SETTINGS: &str = "\
cluster.name: sluice
node.name: sluice
node.portsfile: true
discovery.type: single-node
network.host: 127.0.0.1
http.port: 0
transport.port: 0
cluster.routing.allocation.disk.threshold_enabled: false
";

/// `log4j2.properties`: warnings and errors, to the console.
const LOGGING: &str = "\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
";

/// What the distribution's own scripts give to Java, as far as it matters here. Without them no
/// second Java is started to work out options, which halves the time to be up.
const OPTIONS: [&str; 12] = [
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-Djava.io.tmpdir=tmp",
    "-Djava.awt.headless=true",
    "-Djava.security.manager=allow",
    "-Dfile.encoding=UTF-8",
    "-Djna.nosys=true",
    "-Dio.netty.noUnsafe=true",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
    "-Djava.locale.providers=SPI,COMPAT",
];

/// Brings it up.
pub(super) async fn start(
    environment: &Environment,
    say: &mut impl FnMut(&str),
) -> Result<Ready, RealError> {
    let (java, version) = find(environment).await?;
    let is_root = user::is_root()?;
    let home = distribution::folder(&environment.cache_folder(is_root), say).await?;
    let folder = user::temporary_folder()?;
    prepare(folder.path(), is_root)?;
    let command_line = command_line(&java, &home, folder.path());
    let server = Supervised::start(folder, "kill -KILL \"$server\"", &command_line, is_root)?;
    let (server, url) = ready::wait(server, address).await?;
    Ok(Ready { server, url, kind: Kind::Java { version } })
}

/// The Java to take, and its feature version.
async fn find(environment: &Environment) -> Result<(PathBuf, u32), RealError> {
    let of_home = environment.java_home.iter().map(|home| home.join("bin/java"));
    let mut wrong = RealError::NoJava;
    for java in of_home.chain([PathBuf::from("java")]) {
        let arguments = ["-XshowSettings:properties", "-version"];
        let Ok(output) = command::run(&java, arguments, None, PROBE_LIMIT).await else { continue };
        match version(&output.stderr) {
            Some(version) if VERSIONS.contains(&version) => return Ok((java, version)),
            Some(version) => wrong = RealError::WrongJava(version),
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

/// Fills the server's folder: all that it writes is in there.
fn prepare(folder: &Path, is_root: bool) -> Result<(), RealError> {
    for name in ["config", "data", "logs", "tmp"] {
        let path = folder.join(name);
        std::fs::create_dir(&path).map_err(RealError::io("cannot create", &path))?;
        if is_root {
            user::give_away(&path)?;
        }
    }
    let files = [("opensearch.yml", SETTINGS), ("log4j2.properties", LOGGING), ("jvm.options", "")];
    for (name, text) in files {
        let path = folder.join("config").join(name);
        std::fs::write(&path, text).map_err(RealError::io("cannot write", &path))?;
        if is_root {
            user::give_away(&path)?;
        }
    }
    Ok(())
}

fn command_line(java: &Path, home: &Path, folder: &Path) -> Vec<OsString> {
    let property = |name: &str, path: &Path| {
        let mut property = OsString::from(format!("-Dopensearch.path.{name}="));
        property.push(path);
        property
    };
    let mut line = vec![java.as_os_str().to_owned()];
    line.extend(OPTIONS.map(OsString::from));
    line.push(property("home", home));
    line.push(property("conf", &folder.join("config")));
    line.push("-Dopensearch.distribution.type=zip".into());
    line.push("-cp".into());
    line.push(home.join("lib/*").into_os_string());
    line.push("org.opensearch.bootstrap.OpenSearch".into());
    // path.data and path.logs are relative to the home unless they are absolute.
    for name in ["data", "logs"] {
        let mut setting = OsString::from(format!("-Epath.{name}="));
        setting.push(folder.join(name));
        line.push(setting);
    }
    line
}

/// The bound address, once the server has told it: `node.portsfile` makes it write
/// `logs/http.ports`, one address a line, when it is listening.
async fn address(folder: PathBuf) -> Option<String> {
    let ports = tokio::fs::read_to_string(folder.join("logs/http.ports")).await.ok()?;
    ports.lines().find(|line| line.starts_with("127.0.0.1:")).map(str::to_owned)
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
