//! Sees to it that a child ends, whatever happens to the test.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, getppid, kill_process_group, set_parent_process_death_signal,
    waitid,
};
use tokio::sync::watch;

/// A child with the thread that started it and waits for its end.
///
/// The kernel's parent-death signal follows the *thread* that forked, not the process: a child that was
/// started on a pool's thread would be killed as soon as that thread is retired. The thread here lives as long
/// as its child.
///
/// The child stays a zombie until the guard is dropped, so its pid can't come to mean another process and no
/// signal can hit a stranger.
#[derive(Debug)]
pub(super) struct Guard {
    pid: Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<Option<Child>>>,
}

/// The ends of the child's pipes, where it has such.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

impl Guard {
    /// Starts the child in a process group of its own.
    pub(super) fn spawn(mut command: Command) -> io::Result<(Self, Pipes)> {
        command.process_group(0);
        die_with_parent(&mut command);
        // The thread hands the child's pipes over, then waits; the child itself comes back when it is joined.
        let (started, start) = mpsc::sync_channel(1);
        let (ended, exit) = watch::channel(None);
        let waiter = thread::spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return None;
                }
            };
            let pid = Pid::from_child(&child);
            let pipes = Pipes {
                stdin: child.stdin.take(),
                stdout: child.stdout.take(),
                stderr: child.stderr.take(),
            };
            let _ = started.send(Ok((pid, pipes)));
            ended.send_replace(Some(wait_for_end(pid)));
            Some(child)
        });
        let (pid, pipes) = start.recv().map_err(io::Error::other)??;
        Ok((
            Self {
                pid,
                exit,
                waiter: Some(waiter),
            },
            pipes,
        ))
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// The status, once there is one.
    pub(super) fn exit(&self) -> watch::Receiver<Option<ExitStatus>> {
        self.exit.clone()
    }

    /// Whether a stop signal has taken effect and no SIGCONT followed.
    pub(super) fn is_stopped(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid), options), Ok(Some(_)))
    }

    pub(super) fn kill_group(&self) {
        // Fails only when nobody is left in the group.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.kill_group();
        if let Some(Ok(Some(mut child))) = self.waiter.take().map(JoinHandle::join) {
            let _ = child.wait();
        }
    }
}

/// Blocks until the child has ended, and leaves it to be reaped later.
fn wait_for_end(pid: Pid) -> ExitStatus {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(Some(status)) => {
                let code = status.exit_status().map(|code| code << 8);
                return ExitStatus::from_raw(code.or(status.terminating_signal()).unwrap_or_default());
            }
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => panic!("can't wait for process {pid:?}: {error}"),
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the death signal can only be asked for between fork and exec"
)]
fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the request was made: then no signal will come.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(Errno::SRCH.into())
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. `ask` makes system calls, takes no
    // lock and allocates nothing.
    unsafe { command.pre_exec(ask) };
}
