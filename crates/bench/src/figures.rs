//! Figures of one round, and what several rounds make of them.

use serde_json::{Value, json};

/// What one run of one case measured.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) workload: &'static str,
    pub(crate) name: String,
    figures: Vec<(&'static str, f64)>,
}

impl Case {
    pub(crate) fn new(workload: &'static str, name: impl Into<String>) -> Self {
        Self {
            workload,
            name: name.into(),
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, figure: &'static str, value: f64) {
        self.figures.push((figure, value));
    }

    pub(crate) fn with(mut self, figure: &'static str, value: f64) -> Self {
        self.add(figure, value);
        self
    }

    pub(crate) fn figures(&self) -> &[(&'static str, f64)] {
        &self.figures
    }

    pub(crate) fn get(&self, figure: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|(name, _)| *name == figure)
            .map(|(_, value)| *value)
    }
}

/// The same figure of every round, sorted.
#[derive(Debug, Clone)]
pub(crate) struct Rounds(Vec<f64>);

impl Rounds {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The middle one; of two in the middle, what lies between them.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let at = |n: usize| self.0.get(n).copied().unwrap_or(0.0);
        if self.0.len().is_multiple_of(2) {
            f64::midpoint(at(middle.saturating_sub(1)), at(middle))
        } else {
            at(middle)
        }
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(0.0)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(0.0)
    }
}

/// All rounds of one case.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) workload: &'static str,
    pub(crate) name: String,
    pub(crate) figures: Vec<(&'static str, Rounds)>,
}

impl Summary {
    pub(crate) fn get(&self, figure: &str) -> Option<&Rounds> {
        self.figures
            .iter()
            .find(|(name, _)| *name == figure)
            .map(|(_, rounds)| rounds)
    }
}

/// Puts the rounds of each case together, in the order in which cases and figures first came.
pub(crate) fn summarise(cases: &[Case]) -> Vec<Summary> {
    let mut out: Vec<Summary> = Vec::new();
    for case in cases {
        if out
            .iter()
            .any(|it| it.workload == case.workload && it.name == case.name)
        {
            continue;
        }
        let same: Vec<&Case> = cases
            .iter()
            .filter(|it| it.workload == case.workload && it.name == case.name)
            .collect();
        let mut names: Vec<&'static str> = Vec::new();
        for (name, _) in same.iter().flat_map(|it| &it.figures) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let rounds = |name: &str| Rounds::new(same.iter().filter_map(|it| it.get(name)).collect());
        out.push(Summary {
            workload: case.workload,
            name: case.name.clone(),
            figures: names.into_iter().map(|name| (name, rounds(name))).collect(),
        });
    }
    out
}

/// All of it, for programs.
pub(crate) fn to_json(summaries: &[Summary], conditions: &[(&'static str, String)]) -> Value {
    let cases: Vec<Value> = summaries
        .iter()
        .map(|summary| {
            let figures: serde_json::Map<String, Value> = summary
                .figures
                .iter()
                .map(|(name, rounds)| {
                    let value = json!({
                        "median": rounds.median(), "least": rounds.least(), "most": rounds.most(), "rounds": rounds.0,
                    });
                    ((*name).to_owned(), value)
                })
                .collect();
            json!({ "workload": summary.workload, "case": summary.name, "figures": figures })
        })
        .collect();
    let conditions: serde_json::Map<String, Value> = conditions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({ "conditions": conditions, "cases": cases })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_a_case_come_together_in_order() {
        let round = |a, b| {
            [
                Case::new("w", "one").with("x", a),
                Case::new("w", "two").with("x", b),
            ]
        };
        let cases = [round(3.0, 10.0), round(1.0, 20.0), round(2.0, 30.0)].concat();
        let all = summarise(&cases);
        assert_eq!(
            all.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["one", "two"]
        );
        let one = all[0].get("x").unwrap();
        assert_eq!((one.least(), one.median(), one.most()), (1.0, 2.0, 3.0));
        assert_eq!(Rounds::new(vec![1.0, 2.0]).median(), 1.5);
    }
}
