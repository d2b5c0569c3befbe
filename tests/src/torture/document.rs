//! The figures as tables, and the place in a document where they stand.

use std::fmt::Write;

use super::Report;
use super::recovery::percentile;
use super::report::SETTINGS;

/// Where the figures begin in a document.
pub const BEGIN: &str = "<!-- torture:begin -->";
/// Where they end.
pub const END: &str = "<!-- torture:end -->";

/// The figures in Markdown.
pub fn render(report: &Report) -> String {
    let mut text = heading(report);
    row(&mut text, "figure", "value");
    text.push_str("|---|---|\n");
    for (name, value) in figures(report) {
        row(&mut text, &name, &value);
    }
    text.push_str("\n| broken | times |\n|---|---|\n");
    for (kind, times) in &report.faults {
        row(&mut text, kind, &times.to_string());
    }
    text.push_str("\n| after | measured | p50 | p99 | longest |\n|---|---|---|---|---|\n");
    for (kind, times) in report.samples.iter().filter(|(_, times)| !times.is_empty()) {
        let [p50, p99, longest] = [50, 99, 100].map(|n| seconds(percentile(times, n)));
        let _ = writeln!(text, "| {kind} | {} | {p50} | {p99} | {longest} |", times.len());
    }
    text
}

fn heading(report: &Report) -> String {
    let when = humantime::format_rfc3339_seconds(report.when).to_string();
    let day = when.split('T').next().unwrap_or_default();
    let [lease, timeout] = SETTINGS.map(|it| it.as_secs());
    format!(
        "{day}, {}, {} build; Redis {}; {} cores; {} workers with a lease of {lease} s and a request timeout of {timeout} s; \
         broken for {} s with seed {}, then settled within {} s.\n\n",
        report.version,
        report.profile,
        report.server,
        report.cores,
        report.workers,
        report.length.as_secs(),
        report.seed,
        report.settled.took.as_secs_f64().ceil(),
    )
}

fn figures(report: &Report) -> Vec<(String, String)> {
    let verdict = &report.verdict;
    let [accepted, seen, unseen] = verdict.parked;
    let parked = accepted + seen + unseen;
    let restarts = report.faults.get("Redis killed").copied().unwrap_or(0);
    let faults: u64 = report.faults.values().sum();
    let mut figures: Vec<(&str, String)> = vec![
        (
            "workers killed (SIGKILL), and started in all",
            format!("{}, {}", report.kills(), report.started),
        ),
        ("Redis killed and started again", restarts.to_string()),
        ("faults of all kinds", faults.to_string()),
        (
            "jobs sent, and acknowledged",
            format!("{}, {}", report.jobs, report.acknowledged),
        ),
        (
            "POSTs that Gamma saw, and accepted",
            format!("{}, {}", report.posts[0], report.posts[1]),
        ),
        ("polls", report.polls.to_string()),
        ("**second charges**", count(&verdict.second_charges)),
        ("**lost jobs**", count(&verdict.lost_jobs)),
        ("**lost generations**", count(&verdict.lost_generations)),
        ("**overshoots of a budget**", count(&verdict.overshoots)),
        (
            "**other violations**",
            (report.violations().len()
                - [
                    &verdict.second_charges,
                    &verdict.lost_jobs,
                    &verdict.lost_generations,
                    &verdict.overshoots,
                ]
                .map(Vec::len)
                .iter()
                .sum::<usize>())
            .to_string(),
        ),
        ("ambiguous jobs (parked)", parked.to_string()),
        ("of them: Gamma had accepted", accepted.to_string()),
        ("of them: Gamma saw the POST and did not accept", seen.to_string()),
        ("of them: no POST reached Gamma", unseen.to_string()),
    ];
    let states = &verdict.states;
    let ends = ["completed", "failed", "timed_out", "cancelled"]
        .map(|state| format!("{} {state}", states.get(state).copied().unwrap_or(0)));
    figures.push(("other jobs at their end", ends.join(", ")));
    let windows = report.windows.iter().map(|it| {
        let seconds = it.window_ms / 1_000;
        format!("{} of {} in {seconds} s", it.most, it.limit)
    });
    figures.push((
        "fullest window of each account",
        windows.collect::<Vec<_>>().join("; "),
    ));
    figures.push((
        "most memory of a worker",
        format!("{:.1} MiB", report.tally.peak_kib as f64 / 1024.0),
    ));
    let errors: u64 = report.tally.errors.values().sum();
    figures.push(("log lines at level error", errors.to_string()));
    let said = |(name, value): (&str, String)| (name.to_owned(), value);
    let mut figures: Vec<(String, String)> = figures.into_iter().map(said).collect();
    for (message, times) in &report.tally.errors {
        let message = message.replace('|', "/");
        figures.push((format!("of them: {message}"), times.to_string()));
    }
    figures
}

fn count(list: &[String]) -> String {
    list.len().to_string()
}

fn row(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "| {name} | {value} |");
}

fn seconds(ms: u64) -> String {
    format!("{:.2} s", ms as f64 / 1_000.0)
}

/// The document with `figures` between its two marks, instead of what stands there.
///
/// # Errors
///
/// The document has not exactly one of each mark, in their order; the text says so.
pub fn with_figures(document: &str, figures: &str) -> Result<String, String> {
    let wrong = || format!("the document needs one {BEGIN} and after it one {END}");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(wrong)?;
    let (_, after) = rest.split_once(END).ok_or_else(wrong)?;
    if before.contains(END) || after.contains(BEGIN) || after.contains(END) {
        return Err(wrong());
    }
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", figures.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_replace_what_stood_between_the_marks() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = with_figures(&document, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(with_figures(&once, "new").unwrap(), once);
    }

    #[test]
    fn a_document_without_its_marks_is_left_alone() {
        let turned = format!("{END}{BEGIN}");
        let twice = format!("{BEGIN}{END}{BEGIN}{END}");
        for document in ["", BEGIN, END, &turned, &twice] {
            assert!(with_figures(document, "new").is_err(), "{document}");
        }
    }
}
