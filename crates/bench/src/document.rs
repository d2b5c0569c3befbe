//! Tables for people, and their place in a document.

use std::fmt::Write;
use std::path::Path;

use crate::figures::{Case, Summary};
use crate::{targets, words};

/// One case of one round, on a line.
pub(crate) fn line(case: &Case) -> String {
    let mut out = format!("  {}:", case.name);
    for (figure, value) in case.figures() {
        let words = words::of(figure);
        // Writing to a string can't fail, here and below.
        let _ = write!(out, " {} {};", words.heading, words.write(*value));
    }
    out
}

/// The conditions, the targets, and a table for each workload: the median of the rounds, and from where to where they went.
pub(crate) fn render(summaries: &[Summary], conditions: &[(&'static str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in conditions {
        let _ = writeln!(out, "- {name}: {value}");
    }
    out.push('\n');
    out.push_str(&targets::render(summaries));
    let mut workloads: Vec<&str> = Vec::new();
    for summary in summaries {
        if !workloads.contains(&summary.workload) {
            workloads.push(summary.workload);
        }
    }
    for workload in workloads {
        let cases: Vec<&Summary> = summaries.iter().filter(|it| it.workload == workload).collect();
        let _ = writeln!(out, "### {workload}\n");
        out.push_str(&table(&cases));
        out.push('\n');
    }
    out.trim_end().to_owned()
}

/// A row a figure and a column a case: there are more figures than a page is wide.
fn table(cases: &[&Summary]) -> String {
    let mut figures: Vec<&'static str> = Vec::new();
    for (figure, _) in cases.iter().flat_map(|it| &it.figures) {
        if !figures.contains(figure) {
            figures.push(figure);
        }
    }
    let names: Vec<&str> = cases.iter().map(|it| it.name.as_str()).collect();
    let mut out = format!(
        "| | {} |\n|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for figure in figures {
        let words = words::of(figure);
        let _ = write!(out, "| {} |", words.heading);
        for case in cases {
            let cell = case.get(figure).map_or_else(
                || "–".to_owned(),
                |rounds| {
                    let (least, most) = (words.write(rounds.least()), words.write(rounds.most()));
                    let median = words.write(rounds.median());
                    if least == most {
                        median
                    } else {
                        format!("{median} ({least} to {most})")
                    }
                },
            );
            let _ = write!(out, " {cell} |");
        }
        out.push('\n');
    }
    out
}

/// Writes `text` into the document at `path`, between the marks `<!-- name:begin -->` and `<!-- name:end -->`.
pub(crate) fn write(path: &Path, name: &str, text: &str) -> Result<(), String> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let before = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let parts = before
        .split_once(&begin)
        .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = parts.ok_or("it has no place for the figures")?;
    std::fs::write(path, format!("{head}{begin}\n{text}\n\n{end}{tail}")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::summarise;

    #[test]
    fn medians_stand_with_their_spread_and_targets_with_their_verdict_and_least() {
        let round = |poll| {
            Case::new("lifecycle", "2,000 in flight at 1 s")
                .with("worker_poll", poll)
                .with("early", 0.0)
        };
        let bare = Case::new("http", "2,000 in flight at 1 s").with("bare_get", 48.04);
        let text = render(
            &summarise(&[round(70.0), round(40.0), round(60.0), bare]),
            &[("machine", "m".to_owned())],
        );
        assert!(
            text.contains("| worker CPU a poll, µs | 60.0 (40.0 to 70.0) |"),
            "{text}"
        );
        assert!(
            text.contains(
                "| worker CPU a poll, 2,000 at 1 s | at most 50.0 µs | 60.0 µs | **missed** | 48.0 µs |"
            ),
            "{text}"
        );
        assert!(text.contains("| too early | 0 |"), "{text}");
    }

    #[test]
    fn figures_take_the_place_of_those_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("doc.md");
        std::fs::write(&path, "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n").unwrap();
        write(&path, "x", "new").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a\n<!-- x:begin -->\n\nnew\n\n<!-- x:end -->\nb\n");
        assert!(write(&path, "y", "new").is_err());
    }
}
