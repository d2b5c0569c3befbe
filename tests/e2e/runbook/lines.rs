//! The runbook's lines, run as they stand there: in a shell, with `gammaq` and `redis-cli` that find the stage's server,
//! in the situation that the section is about.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a stage that can't be set up ends its test"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gammaq_testkit::{Finished, Process, eventually, gammaq_bin};
use gammaq_tests::{PATIENCE, Stage};

use super::RUNBOOK;

/// The blocks of shell lines of a section, in order.
fn section(title: &str) -> Vec<Vec<&'static str>> {
    let begin = RUNBOOK
        .find(&format!("\n{title}\n"))
        .unwrap_or_else(|| panic!("no {title}"));
    let text = &RUNBOOK[begin + 1..];
    let end = text[1..].find("\n##").map_or(text.len(), |at| at + 1);
    let blocks = text[..end].split("```sh\n").skip(1);
    let lines = |block: &'static str| {
        let block = block.split("```").next().unwrap_or_default();
        block.lines().filter(|line| !line.is_empty()).collect()
    };
    blocks.map(lines).collect()
}

/// A stage with a shell in which both programs mean it.
struct Shell<'a> {
    stage: &'a Stage,
    path: String,
}

impl<'a> Shell<'a> {
    async fn at(stage: &'a Stage) -> Self {
        let bin = stage.redis.dir().join("bin");
        fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(gammaq_bin(), bin.join("gammaq")).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let real = path
            .split(':')
            .map(|dir| Path::new(dir).join("redis-cli"))
            .find(|it| it.is_file());
        let real = real.expect("redis-cli").display().to_string();
        let script = format!("#!/bin/sh\nexec {real} -p {} -e \"$@\"\n", stage.redis.port());
        fs::write(bin.join("redis-cli"), script).unwrap();
        fs::set_permissions(bin.join("redis-cli"), Permissions::from_mode(0o755)).unwrap();
        Self {
            stage,
            path: format!("{}:{path}", bin.display()),
        }
    }

    async fn run(&self, line: &str) -> Finished {
        Process::builder("sh")
            .args(["-c", line])
            .env("PATH", &self.path)
            .env("REDIS_URL", self.stage.redis.url())
            .env("USER", "oncall")
            .name(line)
            .run(PATIENCE)
            .await
    }

    /// Runs a line that has to work and to say something; a command for the control stream has to be carried out.
    async fn works(&self, line: &str) -> String {
        let finished = self.run(line).await;
        assert!(finished.status.success(), "{line}\n{finished:?}");
        assert!(
            !finished.stdout.trim().is_empty(),
            "{line}\nanswers nothing: {finished:?}"
        );
        if line.contains(" op ") {
            let entries: Vec<&str> = finished.stdout.lines().filter(|line| is_entry(line)).collect();
            assert!(!entries.is_empty(), "{line}\n{finished:?}");
            for entry in entries {
                let note = self.outcome(entry).await;
                assert!(
                    !note.starts_with("refused") && !note.starts_with("missing"),
                    "{line}\n{note}"
                );
            }
        }
        finished.stdout
    }

    /// What `events` says of an entry of the control stream.
    async fn outcome(&self, entry: &str) -> String {
        let (begin, events) = (format!("control {entry}: "), self.stage.key("events"));
        eventually(
            PATIENCE,
            &format!("the command {entry} is carried out"),
            || async {
                let events = self.stage.redis.cli(&["XRANGE", &events, "-", "+"]).await;
                let note = events.lines().find_map(|line| line.strip_prefix(&begin));
                note.map(str::to_owned).ok_or(())
            },
        )
        .await
    }

    async fn all_work(&self, block: &[&str]) {
        for line in block {
            self.works(line).await;
        }
    }

    /// Lines of which each is another way out, so that each gets a job of its own.
    async fn each_works(&self, block: &[&str], jobs: &[&str]) {
        assert!(block.len() >= jobs.len(), "{block:?}");
        for (n, line) in block.iter().enumerate() {
            let line = jobs
                .get(n)
                .map_or((*line).to_owned(), |job| line.replace("invoice-42", job));
            self.works(&line).await;
        }
    }
}

/// Whether it is the id of an entry: digits, a dash, digits.
fn is_entry(line: &str) -> bool {
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    line.split_once('-')
        .is_some_and(|(ms, number)| is_number(ms) && is_number(number))
}

async fn until_paused(stage: &Stage, reason: &str) {
    eventually(PATIENCE, &format!("the account is paused: {reason}"), || async {
        let account = stage.key("account:default");
        let seen = stage.redis.cli(&["HGET", &account, "pause_reason"]).await;
        if seen.trim() == reason { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test]
async fn stuck_on_pending_and_a_queue_to_empty() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let _worker = stage.worker("worker", &[("ACCOUNTS__DEFAULT__LIMIT", "2")]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("done", "a").await;
    stage.submit("under-way", "b [[fake:time=10m]]").await;
    stage.until("done", "completed").await;
    stage.until("under-way", "generating").await;
    for id in ["invoice-42", "another"] {
        stage.submit(id, "c").await;
        stage.until(id, "queued").await;
    }

    let stuck = section("### Stuck on pending");
    assert_eq!(stuck.len(), 2);
    shell.all_work(&stuck[0]).await;
    shell.all_work(&stuck[1]).await;
    let account = shell.works(stuck[0][0]).await;
    assert!(account.contains("2 of 2"), "{account}");

    let empty = section("### A queue to empty");
    assert_eq!(empty.len(), 4);
    shell.all_work(&empty[0]).await;
    for id in ["invoice-42", "another"] {
        assert_eq!(stage.field(id, "state").await, "cancelled");
    }
    shell.works("gammaq retry invoice-42").await;
    shell.all_work(&empty[1]).await;
    assert_eq!(stage.field("invoice-42", "last_operation_by").await, "carol");
    assert_eq!(stage.field("invoice-42", "state").await, "cancelled");
    shell.all_work(&empty[2]).await;
    shell.works("gammaq cancel invoice-42").await;
    shell.all_work(&empty[3]).await;
    assert_eq!(stage.field("invoice-42", "state").await, "queued");
    // Nobody was asked for more than the two that there was a slot for.
    assert_eq!(stage.ledger().await.posts.len(), 2);
}

#[tokio::test]
async fn ambiguous() {
    let stage = Stage::start(&[]).await;
    let _worker = stage.worker("worker", &[]).await;
    let shell = Shell::at(&stage).await;
    let (by_gammaq, by_redis) = (["a1", "a2", "a3"], ["b1", "b2", "b3"]);
    let ids = [&["invoice-42"][..], &by_gammaq, &by_redis].concat();
    for id in &ids {
        stage.submit(id, "a [[fake:post=lost_after]]").await;
    }
    for id in &ids {
        stage.until(id, "ambiguous").await;
    }
    let blocks = section("### Ambiguous");
    assert_eq!(blocks.len(), 6);
    shell.all_work(&blocks[0]).await;
    shell.all_work(&blocks[1]).await;
    shell.each_works(&blocks[2], &by_gammaq).await;
    shell.each_works(&blocks[3], &by_redis).await;
    for [attached, again, given_up] in [by_gammaq, by_redis] {
        assert_eq!(stage.field(attached, "generation_id").await, "abc123");
        assert_eq!(stage.field(again, "asked_again").await, "1");
        assert_eq!(stage.field(given_up, "state").await, "failed");
    }
    shell.all_work(&blocks[4]).await;
    shell.all_work(&blocks[5]).await;
    assert_eq!(
        stage.redis.cli(&["EXISTS", &stage.key("paused")]).await.trim(),
        "0"
    );
}

#[tokio::test]
async fn wrong_key() {
    let stage = Stage::start(&["--key", "sk-gamma-another"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("invoice-42", "a").await;
    until_paused(&stage, "unauthorized").await;
    let blocks = section("### Wrong key");
    assert_eq!(blocks.len(), 4);
    let account = shell.works(blocks[0][0]).await;
    assert!(account.contains("unauthorized"), "{account}");
    for block in &blocks {
        shell.all_work(block).await;
    }
    // One job tries the key out, and is refused like the one before.
    stage.until("invoice-42", "queued").await;
}

#[tokio::test]
async fn out_of_credits() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let _worker = stage.worker("worker", &[]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("done", "a").await;
    stage.until("done", "completed").await;
    stage.submit("invoice-42", "b [[fake:post=402]]").await;
    until_paused(&stage, "out_of_credits").await;
    let blocks = section("### Out of credits");
    assert_eq!(blocks.len(), 4);
    let account = shell.works(blocks[0][0]).await;
    assert!(account.contains("out_of_credits"), "{account}");
    let spent = blocks[1].last().copied().unwrap_or_default();
    let spent = shell.works(spent).await;
    assert!(spent.contains("credits:default\n150"), "{spent}");
    for block in &blocks {
        shell.all_work(block).await;
    }
    stage.until("invoice-42", "cancelled").await;
}

#[tokio::test]
async fn a_storm_of_429() {
    let stage = Stage::start(&[]).await;
    let _worker = stage.worker("worker", &[]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("invoice-42", "a [[fake:post=429s=600]]").await;
    until_paused(&stage, "rate_limited").await;
    let blocks = section("### 429 storm");
    assert_eq!(blocks.len(), 4);
    let account = shell.works(blocks[0][0]).await;
    assert!(account.contains("rate_limited"), "{account}");
    for block in &blocks {
        shell.all_work(block).await;
    }
    // The last `resume` let the job go first, and it was refused again.
    until_paused(&stage, "rate_limited").await;
    assert_eq!(stage.field("invoice-42", "state").await, "queued");
    assert!(stage.ledger().await.posts.len() >= 2);
}

#[tokio::test]
async fn results_expired() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let _worker = stage.worker("worker", &[("RESULTS__TTL", "1s")]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("invoice-42", "a").await;
    let blocks = section("### Results expired");
    assert_eq!(blocks.len(), 2);
    let exists = blocks[1][0];
    eventually(PATIENCE, "it was there, and is gone", || async {
        let made = !stage.ledger().await.generations.is_empty();
        let left = shell.works(exists).await;
        if made && left.trim() == "0" && stage.number("XLEN", "inbox").await == 0 {
            Ok(())
        } else {
            Err(left)
        }
    })
    .await;
    let show = shell.run(blocks[0][0]).await;
    assert_eq!(show.status.code(), Some(2), "{show:?}");
    let events = shell.works(blocks[0][1]).await;
    assert!(events.contains("completed"), "{events}");
    shell.all_work(&blocks[1]).await;
    assert_eq!(shell.works(blocks[1][1]).await.trim(), "-2");
}

/// Not for a stage: another machine's services, a cluster, sentinels, what never ends, what starts servers.
const ELSEWHERE: [&str; 11] = [
    "systemctl",
    "journalctl",
    "kubectl",
    "docker",
    "redis-server",
    "redis-cli -p 26379",
    "redis-cli CLUSTER",
    "gammaq doctor --config",
    "gammaq events --follow",
    "gammaq show invoice-42 --",
    "REDIS_URL=",
];
/// What may have nothing to say.
const QUIET: [&str; 2] = ["redis-cli SLOWLOG GET", "newer_records"];

#[tokio::test]
async fn every_line_of_the_other_sections() {
    let stage = Stage::start(&["--generation-time", "50ms"]).await;
    let _worker = stage.worker("worker", &[("POLL__LATE_INTERVAL", "1h")]).await;
    let shell = Shell::at(&stage).await;
    stage.submit("done", "a").await;
    stage.until("done", "completed").await;
    // A deadline of the job's own: `repoll` gives it the same again, whatever is set where it is typed.
    let request = r#"{"inputText":"b [[fake:time=10m]]","title":"invoice-42"}"#;
    stage
        .xadd(&[("id", "invoice-42"), ("timeout", "1"), ("request", request)])
        .await;
    stage.submit("parked", "c [[fake:post=lost_after]]").await;
    stage.until("parked", "ambiguous").await;
    stage.until("invoice-42", "timed_out").await;
    // Last, since its pause holds up looks, too.
    stage.submit("waiting", "d [[fake:post=429s=600]]").await;
    until_paused(&stage, "rate_limited").await;
    let mut ran = 0;
    for title in [
        "## What is the matter?",
        "### Redis full",
        "### Failover",
        "### Worker crash-loop",
        "### Restore from backup",
        "### Rolling upgrade",
    ] {
        for line in section(title).concat() {
            if ELSEWHERE.iter().any(|begin| line.starts_with(begin)) {
                continue;
            }
            ran += 1;
            if line == "gammaq doctor" {
                // 1 where it has something to say of a server that was set up for a test.
                let finished = shell.run(line).await;
                assert!(
                    matches!(finished.status.code(), Some(0 | 1)) && !finished.stdout.is_empty(),
                    "{finished:?}"
                );
            } else if QUIET.iter().any(|part| line.contains(part)) {
                assert!(shell.run(line).await.status.success(), "{line}");
            } else {
                shell.works(line).await;
            }
        }
    }
    assert!(ran > 25, "{ran}");
    // The one that would be refused again.
    shell.works("gammaq cancel waiting").await;
    shell.works("gammaq resume default").await;
    for line in section("### Steps come late").concat() {
        if line.contains("repoll") {
            stage.until("invoice-42", "timed_out").await;
        }
        if QUIET.iter().any(|part| line.contains(part)) {
            assert!(shell.run(line).await.status.success(), "{line}");
        } else {
            shell.works(line).await;
        }
    }
}
