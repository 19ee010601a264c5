//! The server on Java.

use super::{Ready, distribution, probe_health};
use crate::environment::Environment;
use crate::machine::{MachineError, Supervised, java, ready, user};
use crate::opensearch::Kind;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The Java versions that run `OpenSearch` 2.19: built for 11 and tested to 23; 24 has no security
/// manager, which 2.x starts with. 17 is what the specification asks for.
const VERSIONS: std::ops::RangeInclusive<u32> = 17..=23;

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
) -> Result<Ready, MachineError> {
    let (java, version) = java::find(environment, "OpenSearch 2.19", VERSIONS).await?;
    let is_root = user::is_root()?;
    let home = distribution::folder(&environment.cache_folder(is_root), say).await?;
    let folder = user::temporary_folder(super::FOLDER_PREFIX)?;
    prepare(folder.path(), is_root)?;
    let command_line = command_line(&java, &home, folder.path());
    let server = Supervised::start(folder, "kill -KILL \"$server\"", &command_line, is_root)?;
    let probe = async |folder| probe_health(address(folder).await?).await;
    let (server, url) = ready(server, probe).await?;
    Ok(Ready { server, url, kind: Kind::Java { version } })
}

/// Fills the server's folder: all that it writes is in there.
fn prepare(folder: &Path, is_root: bool) -> Result<(), MachineError> {
    for name in ["config", "data", "logs", "tmp"] {
        let path = folder.join(name);
        std::fs::create_dir(&path).map_err(MachineError::io("cannot create", &path))?;
        if is_root {
            user::give_away(&path)?;
        }
    }
    let files = [("opensearch.yml", SETTINGS), ("log4j2.properties", LOGGING), ("jvm.options", "")];
    for (name, text) in files {
        let path = folder.join("config").join(name);
        std::fs::write(&path, text).map_err(MachineError::io("cannot write", &path))?;
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
