//! A PostgreSQL that is installed on this machine, in its own process and with an empty data
//! folder: real transactions and real locks. Its programs are in Debian's package `postgresql`.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::machine::{Supervised, Unavailable, is_root, ready, run, temporary_folder};
use crate::server;

/// Adds the folder with the programs of the newest version in Debian, which is not on the path.
const FIND: &str = r"
for folder in /usr/lib/postgresql/*/bin; do PATH=$folder:$PATH; done
";

/// The parameter is the port. The user is not a system user and has no password: the server listens
/// on the loopback interface only. A statement ends when its client does, even while it waits for a
/// lock.
const RUN: &str = r#"
initdb --pgdata=data --auth=trust --username=sluice --encoding=UTF8 --locale=C --no-sync &&
exec postgres -D data -p "$0" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c fsync=off -c timezone=UTC -c client_connection_check_interval=100
"#;

/// Separates fields and rows in the output of a session, and two results from each other.
const FIELD: char = '\u{1f}';
const ROW: char = '\u{1e}';
const RESULT: char = '\u{1d}';
/// Represents NULL.
const NULL: &str = "\u{1}";

/// Time limit for searching the path.
const FIND_LIMIT: Duration = Duration::from_secs(10);

/// A running PostgreSQL. It ends and its data is removed when this value is dropped or this process
/// is killed.
#[derive(Debug)]
pub struct Postgres {
    _server: Supervised,
    port: u16,
}

/// The rows of a query, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Name and type of each column, such as `("query_id", "bigint")`.
    pub columns: Vec<(String, String)>,
    /// The values; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Postgres {
    /// Starts it on a free port and waits until it answers, which takes four seconds.
    ///
    /// # Errors
    /// [`Unavailable`] if it is missing on this machine or does not start.
    pub async fn start() -> Result<Self, Unavailable> {
        let look = format!("{FIND} command -v initdb && command -v psql");
        let found = run(Path::new("sh"), ["-c", &look], None, FIND_LIMIT).await;
        if !found.is_ok_and(|found| found.success) {
            let remedy = "install it, such as Debian's package postgresql";
            return Err(Unavailable::new("there is no PostgreSQL on this machine", remedy));
        }
        let address = server::free_address()
            .await
            .map_err(Unavailable::io("no free port for", "PostgreSQL"))?;
        let script = format!("{FIND}{RUN}");
        let line = ["sh", "-c", &script, &address.port().to_string()].map(OsString::from);
        let folder = temporary_folder("sluice-postgres-")?;
        // PostgreSQL refuses to run as root.
        let server = Supervised::start(folder, "kill -INT \"$server\"", &line, is_root()?)?;
        let probe = async |_| query(address.port(), "SELECT 1").await.ok().map(drop);
        let (server, ()) = ready(server, probe).await?;
        Ok(Self { _server: server, port: address.port() })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// A session that runs statements in the order in which they are written to it. When this value is
/// dropped, the session and its statement end.
#[derive(Debug)]
pub struct Session(Child);

impl Session {
    /// Opens a session with the server at this port.
    ///
    /// # Errors
    /// If the client cannot be run.
    pub fn open(port: u16) -> io::Result<Self> {
        let script = format!("{FIND} exec psql \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", "--host=127.0.0.1", "--username=sluice"]);
        command.args(["--dbname=postgres", "--no-psqlrc", "--quiet", "--no-align"]);
        command.args(["--tuples-only", "--variable=ON_ERROR_STOP=1", "--pset", "footer=off"]);
        command.arg(format!("--port={port}"));
        command.arg(format!("--field-separator={FIELD}"));
        command.arg(format!("--record-separator={ROW}"));
        command.arg(format!("--pset=null={NULL}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().map(Self)
    }

    /// Passes statements to the session, without waiting for them.
    ///
    /// # Errors
    /// If the session has ended.
    pub async fn write(&mut self, statements: &str) -> io::Result<()> {
        let input = self.0.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(statements.as_bytes()).await?;
        input.flush().await
    }

    /// Waits until the session has run all statements, and returns its output.
    async fn end(mut self) -> Result<String, String> {
        drop(self.0.stdin.take());
        let output = self.0.wait_with_output().await.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(said.lines().next().unwrap_or_default().to_owned())
    }
}

/// Runs statements in their own session, and waits for them.
///
/// # Errors
/// The message of PostgreSQL for the first statement that fails.
pub async fn execute(port: u16, statements: &str) -> Result<(), String> {
    let mut session = Session::open(port).map_err(|error| error.to_string())?;
    session.write(statements).await.map_err(|error| error.to_string())?;
    session.end().await.map(drop)
}

/// Runs a query, without a semicolon, in its own session. If the future is dropped, the query ends.
///
/// # Errors
/// The message of PostgreSQL.
pub async fn query(port: u16, sql: &str) -> Result<Rows, String> {
    let mut session = Session::open(port).map_err(|error| error.to_string())?;
    let script = format!("{sql}\n\\gdesc\n\\echo {RESULT}\n{sql}\n;\n");
    session.write(&script).await.map_err(|error| error.to_string())?;
    Ok(rows(&session.end().await?))
}

fn rows(printed: &str) -> Rows {
    let (columns, rows) = printed.split_once(RESULT).unwrap_or_default();
    let lines = |text: &'_ str| -> Vec<Vec<Option<String>>> {
        let lines = text.trim_matches('\n').split(ROW).filter(|line| !line.is_empty());
        let value = |value: &str| (value != NULL).then(|| value.to_owned());
        lines.map(|line| line.split(FIELD).map(value).collect()).collect()
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let column =
        |line: &Vec<Option<String>>| (text(&line[0]), line.get(1).map_or_else(String::new, text));
    Rows { columns: lines(columns).iter().map(column).collect(), rows: lines(rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_what_a_session_prints() {
        let printed = "a\u{1f}bigint\u{1e}b\u{1f}text\n\u{1d}\n1\u{1f}x\ny\u{1e}2\u{1f}\u{1}\n";
        let some = |text: &str| Some(text.to_owned());
        let column = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let expected = Rows {
            columns: vec![column("a", "bigint"), column("b", "text")],
            rows: vec![vec![some("1"), some("x\ny")], vec![some("2"), None]],
        };
        assert_eq!(rows(printed), expected);
        assert_eq!(rows("a\u{1f}bigint\n\u{1d}\n").rows, Vec::<Vec<_>>::new());
    }
}
