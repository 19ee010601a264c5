//! A process that cannot outlive its parent.
//!
//! The server runs under a small shell that reads a pipe from this process. When the pipe closes,
//! because the value was dropped or this process was killed, even by SIGKILL, the shell ends the
//! server and removes its folder. The word `keep` lets the server run on.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};

use super::{NOBODY, Unavailable, give_away};

/// Its parameters are the server's folder, the shell command that ends the server, and the server's
/// command line. `console.log` contains the output; the file `ended` exists once the server has
/// ended by itself.
const SCRIPT: &str = r#"
folder=$1 end=$2
shift 2
trap '' HUP INT
exec 3<&0
"$@" </dev/null >"$folder/console.log" 2>&1 3<&- &
server=$!
echo "$server" >"$folder/pid"
(
    read -r word <&3
    [ "$word" = keep ] || [ -e "$folder/ended" ] || eval "$end"
) >/dev/null 2>&1 &
watcher=$!
wait "$server"
: >"$folder/ended"
wait "$watcher"
rm -rf "$folder"
"#;

const SHOWN_LINES: usize = 15;

/// Time limit for the server to end before it is left to the shell.
const END_LIMIT: Duration = Duration::from_secs(30);

/// Time limit for a server to start; 6 seconds are typical.
const START_LIMIT: Duration = Duration::from_mins(2);

const INTERVAL: Duration = Duration::from_millis(100);

/// A server process, its folder and the command that ends it.
#[derive(Debug)]
pub(crate) struct Supervised {
    shell: Child,
    lifeline: ChildStdin,
    folder: PathBuf,
}

impl Supervised {
    /// Starts `command_line` in `folder`, which is removed with it. `end` is the shell command that
    /// ends it, and may use `$server`, its process id. With `as_nobody`, it runs as the user
    /// `nobody`.
    pub(crate) fn start(
        folder: TempDir,
        end: &str,
        command_line: &[OsString],
        as_nobody: bool,
    ) -> Result<Self, Unavailable> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(SCRIPT).arg("sluice-server");
        command.arg(folder.path()).arg(end).args(command_line);
        command.current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // This process handles Ctrl-C; the server ends through the pipe.
        command.process_group(0);
        if as_nobody {
            give_away(folder.path())?;
            command.uid(NOBODY).gid(NOBODY);
        }
        let failed = || Unavailable::io("cannot run a shell in", folder.path());
        let mut shell = command.spawn().map_err(failed())?;
        let lifeline = shell.stdin.take().ok_or_else(|| std::io::ErrorKind::BrokenPipe.into());
        let lifeline = lifeline.map_err(failed())?;
        Ok(Self { shell, lifeline, folder: folder.keep() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.folder.join("ended").exists()
    }

    pub(crate) fn last_lines(&self) -> String {
        let log = std::fs::read(self.folder.join("console.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    pub(crate) async fn stop(self) {
        let Self { mut shell, lifeline, folder } = self;
        drop(lifeline);
        // The folder must be removed in any case; the shell has removed all that it may.
        let ended = tokio::time::timeout(END_LIMIT, shell.wait()).await;
        if ended.is_ok() {
            std::fs::remove_dir_all(&folder).ok();
        }
    }

    /// Lets the server run on without this process; returns the process id of the shell that waits
    /// for its end.
    pub(crate) async fn keep(mut self) -> Result<String, Unavailable> {
        let failed = || Unavailable::io("cannot keep the server of", &self.folder);
        self.lifeline.write_all(b"keep\n").await.map_err(failed())?;
        self.lifeline.flush().await.map_err(failed())?;
        let path = self.folder.join("pid");
        let pid = std::fs::read_to_string(&path).map_err(Unavailable::io("cannot read", &path))?;
        Ok(pid.trim().to_owned())
    }
}

/// Waits until `probe`, which receives the server's folder, returns a value. A server that does not
/// start is ended.
pub(crate) async fn ready<T, F: Future<Output = Option<T>>>(
    server: Supervised,
    probe: impl Fn(PathBuf) -> F,
) -> Result<(Supervised, T), Unavailable> {
    let since = Instant::now();
    let how = loop {
        if let Some(found) = probe(server.folder().to_owned()).await {
            return Ok((server, found));
        }
        if server.has_ended() {
            break "ended instead of coming up".to_owned();
        }
        if since.elapsed() > START_LIMIT {
            break format!("did not answer within {} s", START_LIMIT.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    };
    let reason = format!("it {how}; the last lines of its log:\n{}\n", server.last_lines());
    server.stop().await;
    Err(Unavailable::new(reason, "check the machine's free memory"))
}

/// Waits until the server listens at the address, as [`ready`] does.
pub(crate) async fn listening(
    server: Supervised,
    address: SocketAddr,
) -> Result<Supervised, Unavailable> {
    let probe = async |_| TcpStream::connect(address).await.ok().map(drop);
    ready(server, probe).await.map(|(server, ())| server)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILL: &str = "kill -KILL \"$server\"";

    async fn until(what: impl Fn() -> bool) {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn runs(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    async fn started(script: &str) -> (Supervised, PathBuf, String) {
        let folder = crate::machine::temporary_folder("sluice-test-").unwrap();
        let path = folder.path().to_owned();
        let line = ["sh", "-c", script].map(OsString::from);
        let server = Supervised::start(folder, KILL, &line, false).unwrap();
        let pid_file = path.join("pid");
        until(|| std::fs::read(&pid_file).is_ok_and(|pid| pid.ends_with(b"\n"))).await;
        let pid = std::fs::read_to_string(pid_file).unwrap().trim().to_owned();
        (server, path, pid)
    }

    #[tokio::test]
    async fn stopping_dropping_and_killing_leave_nothing() {
        for how in ["stop", "drop", "keep, then kill"] {
            let (server, folder, pid) = started("exec sleep 600").await;
            assert!(runs(&pid));
            match how {
                "stop" => server.stop().await,
                "drop" => drop(server),
                _ => {
                    assert_eq!(server.keep().await.unwrap(), pid);
                    assert!(runs(&pid) && folder.exists());
                    assert!(Command::new("kill").arg(&pid).status().await.unwrap().success());
                }
            }
            until(|| !folder.exists()).await;
            assert!(!runs(&pid), "{how}");
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_come_up_is_reported_with_its_log() {
        let (server, folder, _) = started("echo no memory; exit 1").await;
        let error = ready(server, async |_| None::<()>).await.unwrap_err().to_string();
        let log = "it ended instead of coming up; the last lines of its log:\nno memory\n";
        assert_eq!(error, log);
        assert!(!folder.exists());
    }
}
