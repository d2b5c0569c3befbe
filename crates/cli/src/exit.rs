//! Which exit code an end has, and what to do next.

use std::io::Write;
use std::process::ExitCode;

use gammaq_producer::WaitError;

/// The exit codes, which scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done.
    Done = 0,
    /// A job ended without success.
    Unsuccessful = 1,
    /// There is no such job.
    NotFound = 2,
    /// The job did not end in time.
    TimedOut = 3,
    /// Usage or configuration.
    Usage = 64,
    /// Redis or Gamma can't be reached.
    Unavailable = 69,
    /// A fault of our own.
    Fault = 70,
}

impl Code {
    /// The one of two that someone should hear of first.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |code: Self| match code {
            Self::Done => 0,
            Self::Unsuccessful => 1,
            Self::TimedOut => 2,
            Self::NotFound => 3,
            Self::Unavailable => 4,
            Self::Usage => 5,
            Self::Fault => 6,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// The command line asks for something that can't be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// There is no such job.
#[derive(Debug, thiserror::Error)]
#[error("there is no job {id} in queue {queue}")]
pub(crate) struct NoSuchJob {
    pub(crate) id: String,
    pub(crate) queue: String,
}

/// Nothing is known of such an account.
#[derive(Debug, thiserror::Error)]
#[error("nothing is known of an account {name} in queue {queue}")]
pub(crate) struct NoSuchAccount {
    pub(crate) name: String,
    pub(crate) queue: String,
}

/// Gamma did not give what it was asked for; what was made of its answer stands in the text.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Refusal {
    pub(crate) what: String,
    pub(crate) code: Code,
    pub(crate) next: Option<&'static str>,
}

/// Says on standard error what went wrong and what to do next, and gives the exit code.
pub(crate) fn report(outcome: anyhow::Result<Code>) -> Code {
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|it| it.kind() == std::io::ErrorKind::BrokenPipe)
    };
    // Whoever read the answer has seen enough of it, as `head` does.
    if error.chain().any(broken_pipe) {
        return Code::Done;
    }
    let (code, next) = judge(&error);
    let mut err = anstream::stderr().lock();
    let (red, plain) = (anstyle::AnsiColor::Red.on_default().bold(), anstyle::Reset);
    // Where standard error is closed, the exit code still says it.
    let _ = writeln!(err, "{red}gammaq:{plain} {error:#}");
    if let Some(next) = next {
        let _ = writeln!(err, "  {next}");
    }
    code
}

/// The exit code of an error, and what to do next.
pub(crate) fn judge(error: &anyhow::Error) -> (Code, Option<&'static str>) {
    error.chain().find_map(known).unwrap_or((Code::Fault, None))
}

type Judged = (Code, Option<&'static str>);

fn known(cause: &(dyn std::error::Error + 'static)) -> Option<Judged> {
    if let Some(error) = cause.downcast_ref::<WaitError>() {
        return Some(wait(error));
    }
    if let Some(error) = cause.downcast_ref::<gammaq_producer::Error>() {
        return Some(producer(error));
    }
    if let Some(error) = cause.downcast_ref::<gammaq_queue::Error>() {
        return Some(queue(error));
    }
    if let Some(error) = cause.downcast_ref::<gammaq_worker::Error>() {
        use gammaq_worker::Error as E;
        return Some(match error {
            E::Queue(error) => queue(error),
            E::Ended(_) => (Code::Fault, None),
            _ => (Code::Usage, None),
        });
    }
    if let Some(error) = cause.downcast_ref::<gammaq_fake::Error>() {
        return Some(match error {
            gammaq_fake::Error::Listen { .. } => (Code::Usage, Some("choose another address with --listen")),
            gammaq_fake::Error::LedgerFile { .. } => (Code::Usage, Some("choose another file with --ledger")),
            gammaq_fake::Error::Io(_) => (Code::Fault, None),
        });
    }
    if cause.is::<gammaq_worker::settings::Problems>() {
        let next =
            "each line names the key and where it was set; --set KEY=VALUE overrides it for one command";
        return Some((Code::Usage, Some(next)));
    }
    if let Some(refusal) = cause.downcast_ref::<Refusal>() {
        return Some((refusal.code, refusal.next));
    }
    if cause.is::<NoSuchAccount>() {
        let next = "`gammaq accounts` shows those that workers have keys for; is it the right --queue?";
        return Some((Code::NotFound, Some(next)));
    }
    if cause.is::<NoSuchJob>() {
        return Some((Code::NotFound, Some(NOT_FOUND)));
    }
    (cause.is::<Usage>()).then_some((Code::Usage, Some("--help shows what is possible")))
}

const NOT_FOUND: &str = "`gammaq list` shows the jobs there are; is it the right --queue?";

fn wait(error: &WaitError) -> Judged {
    match error {
        WaitError::NotFound(_) => (Code::NotFound, Some(NOT_FOUND)),
        WaitError::TimedOut {
            last_error: Some(error),
            ..
        } => producer(error),
        WaitError::TimedOut { state: None, .. } => (
            Code::TimedOut,
            Some("does a worker run? `gammaq status` shows them; `gammaq wait` waits again"),
        ),
        WaitError::TimedOut { .. } => (
            Code::TimedOut,
            Some("it goes on by itself; `gammaq wait` waits again"),
        ),
        WaitError::Broken(error) => producer(error),
    }
}

fn producer(error: &gammaq_producer::Error) -> Judged {
    use gammaq_producer::Error as E;
    match error {
        E::Invalid(_) => (
            Code::Usage,
            Some("nothing was enqueued; correct it and try again"),
        ),
        E::Settings(_) => (Code::Usage, None),
        E::Unanswered(_) => (
            Code::Unavailable,
            Some("what was being enqueued may be in: repeat it with the same --id, and it is still one job"),
        ),
        E::Unavailable(error) | E::Fault(error) => queue(error),
    }
}

fn queue(error: &gammaq_queue::Error) -> Judged {
    use gammaq_queue::Error as E;
    match error {
        E::Unreachable(_) => (
            Code::Unavailable,
            Some("does Redis run there? REDIS_URL, or --set redis.url=…, says where it is"),
        ),
        E::Unanswered(_) => (
            Code::Unavailable,
            Some("try again; `redis-cli ping` tells whether it answers"),
        ),
        E::Full(_) => (
            Code::Unavailable,
            Some("raise its maxmemory, or wait until results expire"),
        ),
        E::NotDurable(_) => (
            Code::Unavailable,
            Some("redis.durability wants it stored more safely than Redis can now"),
        ),
        E::Denied(text) if text.to_uppercase().contains("NOPERM") => (
            Code::Unavailable,
            Some(
                "the user of redis.url may not do that: ACL LIST shows its rights, deploy/redis/users.acl those that each kind of user needs",
            ),
        ),
        E::Denied(_) => (
            Code::Unavailable,
            Some("the user and password stand in redis.url; its ACL must allow the queue's keys"),
        ),
        E::Settings(_) => (Code::Usage, None),
        E::NewerSchema { .. } => (
            Code::Fault,
            Some("use the version of gammaq that the workers have"),
        ),
        E::Refused(text) if text.contains("WRONGTYPE") => (
            Code::Fault,
            Some("a key of the queue is of another type than it should be: `gammaq doctor` names it"),
        ),
        E::NoGroup | E::Refused(_) => (Code::Fault, None),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use gammaq_producer::{Error, JobId};
    use gammaq_queue::Error as Q;

    use super::*;

    #[test]
    fn each_error_has_its_code_whatever_stands_around_it() {
        let id = || JobId::new("a").unwrap();
        let unreachable = || Q::Unreachable("refused".to_owned());
        let timed_out = |last_error| WaitError::TimedOut {
            id: id(),
            state: None,
            last_error,
        };
        let cases: Vec<(anyhow::Error, Code)> = vec![
            (WaitError::NotFound(id()).into(), Code::NotFound),
            (timed_out(None).into(), Code::TimedOut),
            (
                timed_out(Some(Error::Unavailable(unreachable()))).into(),
                Code::Unavailable,
            ),
            (Error::Invalid("x".into()).into(), Code::Usage),
            (Error::from(unreachable()).into(), Code::Unavailable),
            (unreachable().into(), Code::Unavailable),
            (
                gammaq_worker::Error::Queue(Q::Refused("x".into())).into(),
                Code::Fault,
            ),
            (
                NoSuchJob {
                    id: "a".into(),
                    queue: "q".into(),
                }
                .into(),
                Code::NotFound,
            ),
            (
                NoSuchAccount {
                    name: "a".into(),
                    queue: "q".into(),
                }
                .into(),
                Code::NotFound,
            ),
            (Usage("x".into()).into(), Code::Usage),
            (anyhow::anyhow!("something else"), Code::Fault),
        ];
        for (error, code) in cases {
            let error = Err::<(), _>(error).context("while testing").unwrap_err();
            assert_eq!(judge(&error).0, code, "{error:#}");
        }
    }

    #[test]
    fn the_worst_of_many_is_told() {
        assert_eq!(Code::Done.worse(Code::Unsuccessful), Code::Unsuccessful);
        assert_eq!(Code::TimedOut.worse(Code::Unsuccessful), Code::TimedOut);
        assert_eq!(Code::Unavailable.worse(Code::NotFound), Code::Unavailable);
    }
}
