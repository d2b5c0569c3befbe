//! A program on a terminal of its own: what it draws is read as people would see it, and keys are pressed.

use std::ffi::OsStr;
use std::num::NonZeroU16;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pty_process::{Command, OwnedReadPty, OwnedWritePty, Size};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::eventually;
use crate::process::is_setting;

/// Says the process id of the program, then runs it; at its end, its exit code and how the terminal is set.
const SHELL: &str = r#"sh -c 'echo "pid=$$="; exec "$@"' sh "$@"; echo "code=$?="; stty -a; echo "over""#;
/// Ample for a shell that has nothing to do any more.
const SHELL_WITHIN: Duration = Duration::from_secs(30);
const KEPT_LINES: usize = 1_000;

/// A program that runs on a pseudo-terminal, started by a shell that stays there behind it. Dropping it ends both; when
/// the test process is killed, the terminal hangs up on them.
#[derive(Debug)]
pub struct Terminal {
    seen: Arc<Mutex<Seen>>,
    /// Counts what came; closed at the end.
    came: watch::Receiver<usize>,
    keys: OwnedWritePty,
    shell: Child,
    group: Option<Pid>,
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Left {
    /// Its exit code, as a shell says it.
    pub code: String,
    /// Whether the terminal shows the program's screen still, and not the shell's.
    pub alternate_screen: bool,
    /// Whether the cursor is still hidden.
    pub cursor_hidden: bool,
    /// How the terminal is set, in the words of `stty -a`.
    pub settings: String,
    /// What stands on the screen.
    pub screen: String,
}

impl Left {
    /// Whether the terminal is as a shell wants it: its own screen, a cursor, echo, and lines that are edited.
    pub fn is_restored(&self) -> bool {
        let set = |word: &str| self.settings.split_whitespace().any(|it| it == word);
        !self.alternate_screen && !self.cursor_hidden && set("echo") && set("icanon") && set("isig")
    }
}

impl Terminal {
    /// Starts a program with these arguments and these additions to the environment, on a terminal of so many columns and
    /// lines.
    ///
    /// # Panics
    ///
    /// When there is no terminal to be had, or no shell.
    pub fn start<A: AsRef<OsStr>>(
        (columns, lines): (u16, u16),
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
        env: &[(&str, &str)],
    ) -> Self {
        let (pty, pts) = pty_process::open().unwrap_or_else(|error| panic!("no terminal: {error}"));
        if let Err(error) = pty.resize(Size::new(lines, columns)) {
            panic!("a terminal of {columns} columns and {lines} lines: {error}");
        }
        let mut command = Command::new("sh").args(["-c", SHELL, "sh"]).arg(program);
        for arg in args {
            command = command.arg(arg);
        }
        for (key, _) in std::env::vars_os().filter(|(key, _)| is_setting(key)) {
            command = command.env_remove(key);
        }
        command = command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        for (key, value) in env {
            command = command.env(key, value);
        }
        let shell = command
            .spawn(pts)
            .unwrap_or_else(|error| panic!("no shell: {error}"));
        let group = shell.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (reader, keys) = pty.into_split();
        let parser = vt100::Parser::new(size(lines), size(columns), KEPT_LINES);
        let seen = Arc::new(Mutex::new(Seen {
            parser,
            bytes: Vec::new(),
        }));
        let (count, came) = watch::channel(0);
        tokio::spawn(follow(reader, Arc::clone(&seen), count));
        Self {
            seen,
            came,
            keys,
            shell,
            group,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands on the screen, line by line.
    pub fn screen(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// All that the program ever wrote, as it wrote it.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Whether the program has the whole screen, and has hidden the cursor.
    pub fn is_taken(&self) -> bool {
        let seen = self.seen();
        seen.parser.screen().alternate_screen() && seen.parser.screen().hide_cursor()
    }

    /// Waits until a screen is as `wanted`, and gives it back.
    ///
    /// # Panics
    ///
    /// When none is by the `deadline`, or the program's terminal ends before; the message has the last screen.
    #[track_caller]
    pub fn wait(
        &self,
        deadline: Duration,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> impl Future<Output = String> {
        let asked_at = Location::caller();
        async move {
            let mut came = self.came.clone();
            let found = matches!(
                timeout(deadline, came.wait_for(|_| wanted(&self.screen()))).await,
                Ok(Ok(_))
            );
            let screen = self.screen();
            assert!(
                found || wanted(&screen),
                "not on the screen within {deadline:?}: {what} (asked at {asked_at}). The last one:\n{screen}"
            );
            screen
        }
    }

    /// Presses keys: characters, or what a terminal sends for others, such as `"\r"` for Enter and `"\x1b[B"` for down.
    ///
    /// # Panics
    ///
    /// When the terminal takes none any more.
    pub async fn press(&mut self, keys: &str) {
        if let Err(error) = self.keys.write_all(keys.as_bytes()).await {
            panic!("the terminal takes no keys: {error}");
        }
    }

    /// Makes the terminal another size; the program is told by a signal.
    ///
    /// # Panics
    ///
    /// When that can't be.
    pub fn resize(&self, columns: u16, lines: u16) {
        self.seen().parser.set_size(size(lines), size(columns));
        if let Err(error) = self.keys.resize(Size::new(lines, columns)) {
            panic!("the terminal stays as it is: {error}");
        }
    }

    /// Sends a signal to the program, not to its shell.
    ///
    /// # Panics
    ///
    /// When the program has ended.
    pub async fn signal(&self, signal: Signal) {
        let pid = eventually(SHELL_WITHIN, "the shell says the program's id", || async {
            let bytes = self.bytes();
            between(&String::from_utf8_lossy(&bytes), "pid=").and_then(|id| Pid::from_raw(id.parse().ok()?))
        })
        .await;
        if let Err(error) = kill_process(pid, signal) {
            panic!("{signal:?}: {error}");
        }
    }

    /// Waits for the program's end, and says how it left the terminal.
    ///
    /// # Panics
    ///
    /// When it still runs at the `deadline`; the message has the last screen.
    #[track_caller]
    pub fn ended(mut self, deadline: Duration) -> impl Future<Output = Left> {
        let asked_at = Location::caller();
        async move {
            let mut came = self.came.clone();
            // The shell's word, behind the exit code: the program may have said the same.
            let over = |seen: &Seen| {
                let text = String::from_utf8_lossy(&seen.bytes);
                text.rsplit_once("code=")
                    .is_some_and(|(_, last)| last.contains("\nover"))
            };
            // The answer holds a lock, for which what comes later would wait: it is not kept.
            let ended = matches!(
                timeout(deadline, came.wait_for(|_| over(&self.seen()))).await,
                Ok(Ok(_))
            );
            assert!(
                ended || over(&self.seen()),
                "still running after {deadline:?} (asked at {asked_at}). The last screen:\n{}",
                self.screen()
            );
            // Its shell has nothing left to do.
            let _ = timeout(SHELL_WITHIN, self.shell.wait()).await;
            let seen = self.seen();
            let text = String::from_utf8_lossy(&seen.bytes);
            let last = text
                .rfind("code=")
                .and_then(|at| text.get(at..))
                .unwrap_or_default();
            let code = between(last, "code=").unwrap_or_default().to_owned();
            let settings = last.replace(';', " ");
            let screen = seen.parser.screen();
            Left {
                code,
                alternate_screen: screen.alternate_screen(),
                cursor_hidden: screen.hide_cursor(),
                settings,
                screen: screen.contents(),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(group) = self.group.filter(|_| self.shell.id().is_some()) {
            // Fails only when nobody is left in the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What stands between two signs of equality after the first of this name.
fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    rest.split_once('=').map(|(value, _)| value)
}

fn size(of: u16) -> NonZeroU16 {
    NonZeroU16::new(of).unwrap_or(NonZeroU16::MIN)
}

async fn follow(mut reader: OwnedReadPty, seen: Arc<Mutex<Seen>>, count: watch::Sender<usize>) {
    let mut bytes = vec![0; 65_536];
    // A terminal whose last program has ended gives an error.
    while let Ok(read @ 1..) = reader.read(&mut bytes).await {
        let came = bytes.get(..read).unwrap_or_default();
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.parser.process(came);
            seen.bytes.extend_from_slice(came);
        }
        count.send_modify(|count| *count += read);
    }
}
