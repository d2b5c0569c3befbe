//! A queue at a master that sentinels watch: each connection is to the master that the sentinels name at that moment.
//!
//! A former master that comes back takes writes until the sentinels tell it what it is by now; what it takes is lost.
//! So the newest answer counts (by `config-epoch`, which grows with each failover), nobody is connected to while any
//! sentinel says that a failover is under way, or most of them that the master is down, and the server that all this
//! leads to has to say itself that it is a master.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::access::Access;
use super::{Dial, Dialled};

/// How long the other sentinels are waited for after the first has answered.
const OTHERS: Duration = Duration::from_millis(250);

/// The sentinels, and the name under which they know the master.
pub(super) struct Sentinels {
    sentinels: Vec<Access>,
    master: String,
    /// For one answer while the master is looked for.
    patience: Duration,
}

/// The master as one sentinel sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    epoch: u64,
    host: String,
    port: u16,
    down: bool,
    failing_over: bool,
}

impl Dial for Sentinels {
    fn dial<'a>(&'a self, config: &'a AsyncConnectionConfig) -> Dialled<'a> {
        Box::pin(self.connect(config))
    }
}

impl Sentinels {
    /// User, password and database of the addresses are the master's; a sentinel gets user and password only where it
    /// asks for them.
    pub(super) fn new(sentinels: Vec<Access>, master: &str, patience: Duration) -> Self {
        Self {
            sentinels,
            master: master.to_owned(),
            patience,
        }
    }

    async fn connect(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let named = self.newest().await?;
        let Some(first) = self.sentinels.first() else {
            return Err(not_now("there are no sentinels"));
        };
        let client = first.at(&named.host, named.port).client()?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(config)
            .await?;
        // INFO and not ROLE: users that may do nothing dangerous are usually allowed the one and not the other.
        let mut role = redis::cmd("INFO");
        role.arg("replication");
        let info: String = tokio::time::timeout(self.patience, role.query_async(&mut connection))
            .await
            .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))?;
        if info.lines().any(|line| line.trim() == "role:master") {
            Ok(connection)
        } else {
            Err(not_now("the server that the sentinels name is not a master"))
        }
    }

    /// What the sentinels agree on, as far as they answer in time.
    async fn newest(&self) -> RedisResult<Named> {
        let mut asked = JoinSet::new();
        for sentinel in self.sentinels.clone() {
            let (master, patience) = (self.master.clone(), self.patience);
            asked.spawn(async move { ask(&sentinel, &master, patience).await });
        }
        let mut answers = Vec::new();
        let mut last = not_now("no sentinel answers");
        let mut until = Instant::now() + self.patience * 3;
        while let Ok(Some(answer)) = tokio::time::timeout_at(until, asked.join_next()).await {
            match answer {
                Ok(Ok(named)) => {
                    until = until.min(Instant::now() + OTHERS);
                    answers.push(named);
                }
                Ok(Err(error)) => last = error,
                // It panicked: as good as no answer.
                Err(_) => {}
            }
        }
        judge(answers).unwrap_or(Err(last))
    }
}

/// The master by these answers; `None` where there are none.
fn judge(answers: Vec<Named>) -> Option<RedisResult<Named>> {
    let newest = answers.iter().max()?;
    let current: Vec<&Named> = answers.iter().filter(|it| it.epoch == newest.epoch).collect();
    let down = current.iter().filter(|it| it.down).count();
    Some(if answers.iter().any(|it| it.failing_over) {
        Err(not_now("a failover is under way"))
    } else if 2 * down > current.len() {
        Err(not_now("the master is down, the sentinels say"))
    } else {
        Ok(newest.clone())
    })
}

async fn ask(sentinel: &Access, master: &str, patience: Duration) -> RedisResult<Named> {
    match ask_as(&sentinel.without_login(), master, patience).await {
        Err(error) if sentinel.has_login() && refused(&error) => ask_as(sentinel, master, patience).await,
        answer => answer,
    }
}

fn refused(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOAUTH" | "NOPERM")) || error.kind() == ErrorKind::AuthenticationFailed
}

async fn ask_as(sentinel: &Access, master: &str, patience: Duration) -> RedisResult<Named> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(patience));
    let client = sentinel.client()?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("MASTER").arg(master);
    let said: HashMap<String, String> = command.query_async(&mut connection).await?;
    let field = |name: &str| said.get(name).map_or("", String::as_str);
    match (field("ip"), field("port").parse()) {
        ("", _) | (_, Err(_)) => Err(not_now("a sentinel knows no address of the master")),
        (host, Ok(port)) => Ok(Named {
            epoch: field("config-epoch").parse().unwrap_or(0),
            host: host.to_owned(),
            port,
            down: field("flags").contains("_down"),
            failing_over: field("flags").contains("failover_in_progress"),
        }),
    }
}

/// What passes by itself.
fn not_now(why: &'static str) -> RedisError {
    (ErrorKind::Server(ServerErrorKind::TryAgain), why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(epoch: u64, port: u16, flags: &str) -> Named {
        Named {
            epoch,
            host: "127.0.0.1".to_owned(),
            port,
            down: flags.contains('d'),
            failing_over: flags.contains('f'),
        }
    }

    fn port(answers: Vec<Named>) -> Option<u16> {
        judge(answers).and_then(Result::ok).map(|named| named.port)
    }

    #[test]
    fn the_newest_answer_counts_and_none_during_a_failover() {
        assert_eq!(port(vec![]), None);
        assert_eq!(
            port(vec![named(1, 1, ""), named(2, 2, ""), named(1, 1, "")]),
            Some(2)
        );
        // The sentinels that are behind hold the former master for dead, which it is.
        assert_eq!(
            port(vec![named(1, 1, "d"), named(2, 2, ""), named(1, 1, "d")]),
            Some(2)
        );
        assert_eq!(port(vec![named(1, 1, ""), named(1, 1, "d")]), Some(1));
        assert_eq!(
            port(vec![named(1, 1, "d"), named(1, 1, "d"), named(1, 1, "")]),
            None
        );
        assert_eq!(
            port(vec![named(1, 1, ""), named(1, 1, "f"), named(1, 1, "")]),
            None
        );
    }
}
