//! What the figures were measured on.

use std::fs;

use gammaq_testkit::Process;

use crate::Args;

const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

pub(crate) async fn gather(args: &Args) -> Result<Vec<(&'static str, String)>, String> {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let redis = said("redis-server", &["--version"]).await;
    let redis = redis.split(" v=").nth(1).and_then(|rest| rest.split(' ').next());
    let commit = said("git", &["describe", "--always", "--dirty", "--abbrev=10"]).await;
    let command: Vec<String> = std::env::args().skip(1).collect();
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    Ok(vec![
        (
            "machine",
            format!("{cores} cores, {model}; load at the end {load}"),
        ),
        (
            "software",
            format!(
                "Redis {}, gammaq {} at {}, {profile} build",
                redis.unwrap_or("unknown"),
                env!("CARGO_PKG_VERSION"),
                if commit.is_empty() { "?" } else { &commit }
            ),
        ),
        (
            "run",
            format!(
                "`bench {}`, {} rounds, AOF {}, `worker.concurrency` {}",
                command.join(" "),
                args.rounds,
                format!("{:?}", args.aof).to_lowercase(),
                args.concurrency
            ),
        ),
    ])
}

/// What a program prints; nothing where it isn't there.
async fn said(program: &str, words: &[&str]) -> String {
    let (program, words) = (program.to_owned(), words.iter().map(|it| (*it).to_owned()));
    let words: Vec<String> = words.collect();
    let run = tokio::spawn(async move { Process::builder(program).args(words).run(WITHIN).await });
    run.await
        .map(|finished| finished.stdout.trim().to_owned())
        .unwrap_or_default()
}
