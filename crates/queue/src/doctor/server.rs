//! The server: version, role, memory, files, clock, access.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::Value;

use super::{Ailment, Expected, Finding, Report};
use crate::{Error, Queue, value};

/// The oldest version that the queue works with.
const OLDEST: (u32, u32) = (6, 2);
const PINGS: u32 = 5;
const SLOW: Duration = Duration::from_millis(200);
const CLOCK_OFF: u64 = 2_000;
const CLOCK_WRONG: u64 = 30_000;

/// What a worker calls, each on a key of the queue; `@` stands for the base.
const NEEDED: [&str; 22] = [
    "XREADGROUP GROUP workers w COUNT 1 STREAMS @inbox >",
    "XAUTOCLAIM @inbox workers w 1000 0-0",
    "XGROUP CREATE @inbox workers 0 MKSTREAM",
    "XINFO GROUPS @inbox",
    "XADD @events * id a",
    "XREVRANGE @events + - COUNT 1",
    "XRANGE @control - + COUNT 1",
    "EVALSHA ffffffffffffffffffffffffffffffffffffffff 1 @",
    "SCRIPT LOAD x",
    "HSET @job:a f v",
    "HMGET @job:a f",
    "HGETALL @job:a",
    "ZADD @due 1 a",
    "ZREM @due a",
    "ZRANGEBYSCORE @due 0 1",
    "ZREMRANGEBYSCORE @budget:a 0 1",
    "SET @result:a x",
    "GET @result:a",
    "PEXPIRE @job:a 1",
    "UNLINK @job:a",
    "TYPE @job:a",
    "TIME",
];

impl Queue {
    pub(super) async fn examine_server(&self, expected: &Expected, report: &mut Report) -> Result<(), Error> {
        self.examine_clock(report).await?;
        match self.info().await {
            Ok(info) => judge(&info, expected, report),
            Err(error) if unreachable(&error) => return Err(error),
            Err(_) => report.unchecked("version, role, memory, files: this user may not ask INFO"),
        }
        self.examine_fsync(report).await?;
        self.examine_access(report).await
    }

    /// The answer of INFO, by field.
    async fn info(&self) -> Result<BTreeMap<String, String>, Error> {
        let command = redis::cmd("INFO");
        let answer: Value = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await?;
        let pairs = value::text(&answer);
        Ok(pairs
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect())
    }

    /// The clock, taken in the middle of the quickest of a few questions, and how long these take.
    async fn examine_clock(&self, report: &mut Report) -> Result<(), Error> {
        let mut quickest = Duration::MAX;
        let mut apart = 0_i64;
        let mut there = 0;
        for _ in 0..PINGS {
            let (asked, ours) = (Instant::now(), SystemTime::now());
            let theirs = self.time().await?;
            let took = asked.elapsed();
            if took < quickest {
                quickest = took;
                let ours = ours.duration_since(UNIX_EPOCH).unwrap_or_default() + took / 2;
                apart = theirs as i64 - crate::ms(ours) as i64;
                there = theirs;
            }
        }
        if quickest > SLOW {
            let detail = format!("{} ms for the quickest of {PINGS}", quickest.as_millis());
            report.add(Finding::new(Ailment::Slow, "", detail));
        }
        let what = match apart.unsigned_abs() {
            CLOCK_WRONG.. => Some(Ailment::ClockWrong),
            CLOCK_OFF.. => Some(Ailment::ClockOff),
            _ => None,
        };
        let side = if apart > 0 { "before" } else { "behind" };
        report.findings.extend(what.map(|what| {
            Finding::new(
                what,
                "",
                format!("Redis is {} ms {side} this machine", apart.unsigned_abs()),
            )
        }));
        self.examine_order(there, report).await
    }

    /// Nothing that was written lies in the future.
    async fn examine_order(&self, now: u64, report: &mut Report) -> Result<(), Error> {
        // Where the stream is broken, that is said elsewhere.
        let newest = match self.newest_events(1).await {
            Ok(mut newest) => newest.pop().map_or(0, |event| event.at),
            Err(Error::Refused(_)) => 0,
            Err(error) => return Err(error),
        };
        if newest > now + CLOCK_OFF {
            let detail = format!("the newest event is of {} ms from now", newest - now);
            report.add(Finding::new(Ailment::ClockBack, self.keys.events(), detail));
        }
        Ok(())
    }

    /// INFO doesn't tell when the file is synced.
    async fn examine_fsync(&self, report: &mut Report) -> Result<(), Error> {
        if report.findings.iter().any(|it| it.what == Ailment::AofOff) {
            return Ok(());
        }
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg("appendfsync");
        let answer: Result<Vec<String>, Error> = self
            .link
            .run(async |mut c| command.query_async(&mut c).await)
            .await;
        match answer.as_deref() {
            Ok([_, policy]) if policy == "always" => {}
            Ok([_, policy]) => {
                report.add(Finding::new(
                    Ailment::Fsync,
                    "",
                    format!("appendfsync is {policy}"),
                ));
            }
            Err(error) if unreachable(error) => return answer.map(drop),
            _ => report.unchecked("appendfsync: this user may not ask CONFIG GET"),
        }
        Ok(())
    }

    /// What this user may do. `ACL DRYRUN` (Redis 7) runs nothing.
    async fn examine_access(&self, report: &mut Report) -> Result<(), Error> {
        let mut whoami = redis::cmd("ACL");
        whoami.arg("WHOAMI");
        let user: Result<String, Error> = self
            .link
            .run(async |mut c| whoami.query_async(&mut c).await)
            .await;
        let user = match user {
            Ok(user) => user,
            Err(error) if unreachable(&error) => return Err(error),
            Err(_) => {
                report.unchecked("access: this user may not ask ACL WHOAMI");
                return Ok(());
            }
        };
        let mut denied = Vec::new();
        for needed in NEEDED {
            let mut dry = redis::cmd("ACL");
            dry.arg("DRYRUN").arg(&user);
            for word in needed.split(' ') {
                match word.strip_prefix('@') {
                    Some(name) => dry.arg(format!("{}{name}", self.keys.base())),
                    None => dry.arg(word),
                };
            }
            let said: Result<String, Error> =
                self.link.run(async |mut c| dry.query_async(&mut c).await).await;
            match said {
                Ok(said) if said == "OK" => {}
                Ok(_) => denied.push(needed.split(' ').next().unwrap_or_default()),
                Err(error) if unreachable(&error) => return Err(error),
                Err(_) => {
                    report.unchecked(format!(
                        "access: {user} may not ask ACL DRYRUN, or this server doesn't know it"
                    ));
                    return Ok(());
                }
            }
        }
        if !denied.is_empty() {
            let detail = format!("{user} may not {}", denied.join(", "));
            report.add(Finding::new(Ailment::Acl, "", detail));
        }
        Ok(())
    }
}

/// Whether nothing more can be asked.
pub(super) fn unreachable(error: &Error) -> bool {
    matches!(error, Error::Unreachable(_) | Error::Unanswered(_))
}

fn judge(info: &BTreeMap<String, String>, expected: &Expected, report: &mut Report) {
    let text = |name: &str| info.get(name).map_or("", String::as_str);
    let number = |name: &str| text(name).parse::<u64>().unwrap_or(0);
    let mut say = |what, detail: String| report.add(Finding::new(what, "", detail));

    // Valkey calls itself 7.2 of Redis, for clients that look there.
    let version = text("redis_version");
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
        say(Ailment::TooOld, format!("version {version:?}"));
    }
    if text("role") == "slave" {
        say(Ailment::Replica, format!("its master is {}", text("master_host")));
    }
    if (text("cluster_enabled") == "1") != expected.cluster {
        let is = if expected.cluster {
            "no node of a cluster"
        } else {
            "a cluster's node"
        };
        say(Ailment::ClusterMode, format!("it is {is}"));
    }
    if text("loading") == "1" {
        say(Ailment::Loading, String::new());
    }
    if text("maxmemory_policy") != "noeviction" {
        say(
            Ailment::Evicts,
            format!("maxmemory-policy is {}", text("maxmemory_policy")),
        );
    }
    if number("evicted_keys") > 0 {
        say(Ailment::Evicted, format!("{} keys", number("evicted_keys")));
    }
    let (used, most) = (number("used_memory"), number("maxmemory"));
    if most > 0 && used > most / 10 * 9 {
        let what = if used >= most {
            Ailment::MemoryFull
        } else {
            Ailment::MemoryTight
        };
        say(what, format!("{used} of {most} bytes"));
    }
    if text("aof_enabled") != "1" {
        say(Ailment::AofOff, "appendonly is no".to_owned());
    } else if text("aof_last_write_status") != "ok" {
        let status = text("aof_last_write_status");
        say(Ailment::AofFailing, format!("aof_last_write_status is {status}"));
    }
    if text("rdb_last_bgsave_status") == "err" {
        say(
            Ailment::SnapshotFailing,
            "rdb_last_bgsave_status is err".to_owned(),
        );
    }
    let valkey = text("valkey_version");
    report.server = match valkey {
        "" => format!("Redis {version}"),
        valkey => format!("Valkey {valkey}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(changes: &[(&str, &str)]) -> Vec<&'static str> {
        let mut info: BTreeMap<String, String> = [
            ("redis_version", "7.0.15"),
            ("role", "master"),
            ("cluster_enabled", "0"),
            ("loading", "0"),
            ("maxmemory_policy", "noeviction"),
            ("maxmemory", "1000"),
            ("used_memory", "10"),
            ("aof_enabled", "1"),
            ("aof_last_write_status", "ok"),
            ("rdb_last_bgsave_status", "ok"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        info.extend(
            changes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let mut report = Report::default();
        judge(&info, &Expected::default(), &mut report);
        report.findings.iter().map(|it| it.what.as_str()).collect()
    }

    #[test]
    fn what_info_tells() {
        assert_eq!(words(&[]), Vec::<&str>::new());
        for (field, value, word) in [
            ("redis_version", "6.0.16", "server_too_old"),
            ("redis_version", "", "server_too_old"),
            ("role", "slave", "server_is_replica"),
            ("cluster_enabled", "1", "cluster_mode"),
            ("loading", "1", "server_loading"),
            ("maxmemory_policy", "allkeys-lru", "maxmemory_policy"),
            ("evicted_keys", "3", "keys_were_evicted"),
            ("used_memory", "950", "memory_tight"),
            ("used_memory", "1001", "memory_full"),
            ("aof_enabled", "0", "aof_off"),
            ("aof_last_write_status", "err", "aof_write_failing"),
            ("rdb_last_bgsave_status", "err", "snapshot_failing"),
        ] {
            assert_eq!(words(&[(field, value)]), [word], "{field} {value}");
        }
        assert_eq!(words(&[("redis_version", "10.2.0")]), Vec::<&str>::new());
    }
}
