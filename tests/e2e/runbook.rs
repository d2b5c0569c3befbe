//! The runbook, the alerts and the dashboard name nothing that isn't there: commands, keys, headings, metrics, times.

mod lines;

use std::collections::BTreeSet;
use std::path::PathBuf;

use gammaq_testkit::{Process, gammaq_bin};
use gammaq_tests::PATIENCE;

const RUNBOOK: &str = include_str!("../../deploy/README.md");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/gammaq.json");
const SCALING: &str = include_str!("../../deploy/kubernetes/scaledobject.yaml");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    match std::fs::read_to_string(root().join(path)) {
        Ok(text) => text,
        Err(error) => panic!("{path}: {error}"),
    }
}

/// The lines of the blocks of shell commands.
fn shell_lines(text: &str) -> Vec<&str> {
    let mut within = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            within = line == "```sh";
        } else if within {
            lines.push(line);
        }
    }
    lines
}

/// The words of each call of `gammaq` in the blocks and in the text, with the shell's quotes and variables taken away.
fn calls(text: &str) -> BTreeSet<Vec<String>> {
    let blocks = shell_lines(text).into_iter().map(str::to_owned);
    let in_text = text
        .split('`')
        .filter(|part| part.starts_with("gammaq "))
        .map(str::to_owned);
    let parts = blocks.chain(in_text).flat_map(|line| {
        let line = line.replace("; do ", "|");
        line.split(['|', ';'])
            .map(|it| it.trim().to_owned())
            .collect::<Vec<_>>()
    });
    let of_gammaq = parts.filter_map(|part| {
        let words: Vec<String> = part
            .split_whitespace()
            .map(|word| word.trim_matches('"').trim_start_matches('$').to_owned())
            .collect();
        // Before the program may stand variables for it alone.
        let program = words.iter().position(|word| word == "gammaq")?;
        let variables = &words[..program];
        variables
            .iter()
            .all(|word| word.contains('='))
            .then(|| words[program + 1..].to_vec())
    });
    of_gammaq.filter(|words| !words.is_empty()).collect()
}

#[test]
fn calls_are_found_wherever_they_stand() {
    let text = "Say `gammaq status`.\n```sh\nA=b gammaq list --json | jq . | while read -r id; do gammaq cancel \"$id\"; done\n\
                redis-cli PING\n```\n```text\ngammaq nothing\n```\n";
    let found: Vec<String> = calls(text).iter().map(|words| words.join(" ")).collect();
    assert_eq!(found, ["cancel id", "list --json", "status"]);
}

#[tokio::test]
async fn every_line_of_gammaq_in_the_runbook_is_one_that_the_binary_takes() {
    let known = |words: Vec<String>| async move {
        Process::builder(gammaq_bin())
            .args(words)
            .arg("--help")
            .run(PATIENCE)
            .await
            .status
            .success()
    };
    let calls = calls(RUNBOOK);
    assert!(calls.len() > 25, "the runbook is read wrongly: {calls:?}");
    let mut refused = Vec::new();
    for words in calls {
        // `--help` in the end asks for nothing to be done, but whatever stands before it has to be right.
        if !known(words.clone()).await {
            refused.push(words.join(" "));
        }
    }
    assert!(refused.is_empty(), "not taken by gammaq: {refused:#?}");
}

#[test]
fn every_key_in_the_runbook_is_one_of_the_queue() {
    let readme = read("README.md");
    let table = readme
        .split("\n## Keys\n")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next());
    let rows = table
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("| `"));
    let keys: BTreeSet<String> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(kind_of_key)
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        keys.contains("inbox") && keys.contains("job") && keys.len() > 15,
        "{keys:?}"
    );
    let used: BTreeSet<String> = RUNBOOK
        .match_indices("gammaq:{main}:")
        .map(|(at, begin)| kind_of_key(&RUNBOOK[at + begin.len()..]))
        .filter(|key| !key.is_empty())
        .collect();
    assert!(used.len() > 10, "{used:?}");
    let unknown: Vec<_> = used.difference(&keys).collect();
    assert!(unknown.is_empty(), "not in the table of keys: {unknown:?}");
}

/// `job` of `job:<id>`.
fn kind_of_key(key: &str) -> String {
    key.chars()
        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
        .collect()
}

/// The anchors of the headings, as they are made of them on the web.
fn anchors(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |title: &str| -> String {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(anchor).collect()
}

#[test]
fn every_link_to_a_heading_of_the_runbook_leads_there() {
    let anchors = anchors(RUNBOOK);
    let in_text = RUNBOOK
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let urls: Vec<&str> = ALERTS
        .lines()
        .filter(|line| line.contains("runbook_url: "))
        .collect();
    let of_alerts = urls.iter().filter_map(|line| {
        let (_, anchor) = line.split_once("\"deploy/README.md#")?;
        anchor.strip_suffix('"')
    });
    let alerts = ALERTS.lines().filter(|line| line.contains("- alert: ")).count();
    assert_eq!((alerts, urls.len()), (alerts, alerts), "each alert has its link");
    assert!(alerts > 10);
    assert_eq!(of_alerts.clone().count(), alerts, "{urls:#?}");
    for anchor in in_text.chain(of_alerts) {
        assert!(anchors.contains(anchor), "{anchor} is no heading: {anchors:#?}");
    }
}

#[test]
fn every_metric_in_use_is_a_documented_one() {
    let names = |text: &str| -> BTreeSet<String> {
        let parts = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        parts
            .filter(|part| part.starts_with("gammaq_"))
            .map(str::to_owned)
            .collect()
    };
    let documented = names(&read("docs/METRICS.md"));
    for (file, text) in [("alerts", ALERTS), ("dashboard", DASHBOARD), ("scaling", SCALING)] {
        let used = names(text);
        assert!(used.len() >= 5, "{file}: {used:?}");
        let unknown: Vec<_> = used
            .iter()
            .filter(|name| !documented.contains(name.trim_end_matches("_bucket")))
            .collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn what_stops_a_worker_waits_for_its_grace() {
    let number = |file: &str, before: &str| -> u64 {
        let text = read(file);
        let line = text.lines().find_map(|line| line.trim().strip_prefix(before));
        let digits: String = line
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or_else(|_| panic!("{file}: no {before}"))
    };
    let settings = "config/gammaq.toml";
    let grace = number(settings, "#shutdown_grace = \"");
    for (file, before) in [
        ("deploy/systemd/gammaq-worker.service", "TimeoutStopSec="),
        (
            "deploy/kubernetes/deployment.yaml",
            "terminationGracePeriodSeconds: ",
        ),
        (
            "deploy/kubernetes/statefulset.yaml",
            "terminationGracePeriodSeconds: ",
        ),
    ] {
        assert!(number(file, before) >= grace + 5, "{file}: {before}");
    }
    let compose = read("deploy/compose.yaml");
    let worker = compose.split("\n  worker:\n").nth(1).unwrap_or_default();
    assert!(worker.contains(&format!("stop_grace_period: {}s", grace + 15)));
    assert_eq!(
        number("deploy/kubernetes/configmap.yaml", "shutdown_grace = \""),
        grace
    );
}

#[test]
fn the_image_is_built_with_the_pinned_rust() {
    let pinned = read("rust-toolchain.toml");
    let version = pinned.lines().find_map(|line| line.strip_prefix("channel = \""));
    let version = version.unwrap_or_default().trim_end_matches('"');
    assert!(!version.is_empty());
    let dockerfile = read("deploy/Dockerfile");
    assert!(
        dockerfile.contains(&format!("\nARG RUST_VERSION={version}\n")),
        "{version}"
    );
}

#[test]
fn every_line_for_redis_is_explained() {
    let conf = read("deploy/redis/redis.conf");
    for block in conf.split("\n\n") {
        assert!(block.trim_start().starts_with('#'), "without a word: {block}");
    }
    let acl = read("deploy/redis/users.acl");
    // A stroke within a table has another before it.
    let runbook = RUNBOOK.replace("\\|", "|");
    for line in acl.lines() {
        let user = line.split(' ').nth(1).unwrap_or_default();
        assert!(runbook.contains(&format!("\n| `{user}` |")), "{user}");
        // Rights are named in the text, by themselves or as a part of what stands for several.
        for right in line.split(' ').filter(|word| word.starts_with(['+', '-'])) {
            let group = right.split('|').next().unwrap_or_default();
            assert!(
                runbook.contains(right) || runbook.contains(&format!("{group}|")),
                "{right}"
            );
        }
    }
}
