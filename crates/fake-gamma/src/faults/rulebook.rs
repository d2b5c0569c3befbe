//! The rules that hold at present, how often each was asked, and what a request gets from them.

use std::time::Duration;

use super::kind::Kind;
use super::rule::{Operation, Rule};
use crate::random::{Purpose, draw_unit};

/// What happens to one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chosen {
    /// Waiting time before the request is carried out.
    pub(crate) slow_before: Duration,
    /// Waiting time before it is answered.
    pub(crate) slow: Duration,
    /// The fault, if any.
    pub(crate) kind: Option<Kind>,
}

impl Chosen {
    /// Adds a fault: delays add up, and of the others the first stands.
    pub(super) fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::Slow(delay) => self.slow = self.slow.saturating_add(*delay),
            Kind::SlowBefore(delay) => self.slow_before = self.slow_before.saturating_add(*delay),
            _ if self.kind.is_none() => self.kind = Some(kind.clone()),
            _ => {}
        }
    }

    /// What the ledger says of it: the fault, or else the delay.
    pub(crate) fn name(&self) -> Option<String> {
        if let Some(kind) = &self.kind {
            return Some(kind.to_string());
        }
        if !self.slow_before.is_zero() {
            return Some(Kind::SlowBefore(self.slow_before).to_string());
        }
        (!self.slow.is_zero()).then(|| Kind::Slow(self.slow).to_string())
    }
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Rulebook {
    seed: u64,
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    requests: u64,
}

impl Rulebook {
    pub(crate) fn new(seed: u64, rules: Vec<Rule>) -> Self {
        let rules = rules
            .into_iter()
            .map(|rule| Counted { rule, requests: 0 })
            .collect();
        Self { seed, rules }
    }

    /// Puts other rules in force; every count begins again.
    pub(crate) fn replace(&mut self, rules: Vec<Rule>) {
        *self = Self::new(self.seed, rules);
    }

    /// The same rules, counted from the beginning.
    pub(crate) fn restart(&mut self) {
        self.rules.iter_mut().for_each(|counted| counted.requests = 0);
    }

    /// The rules as they are written.
    pub(crate) fn list(&self) -> Vec<String> {
        self.rules
            .iter()
            .map(|counted| counted.rule.to_string())
            .collect()
    }

    /// Counts a request and adds what the rules do to it; what is chosen already goes first.
    pub(crate) fn choose(&mut self, operation: Operation, key: &str, mut chosen: Chosen) -> Chosen {
        for (position, Counted { rule, requests }) in self.rules.iter_mut().enumerate() {
            if rule.operation != operation || rule.key.as_deref().is_some_and(|wanted| wanted != key) {
                continue;
            }
            *requests += 1;
            let by_number = rule
                .numbers
                .is_none_or(|(first, last)| (first..=last).contains(requests));
            let by_chance = rule
                .probability
                .is_none_or(|p| draw_unit(self.seed, Purpose::Fault(position), *requests) < p);
            if by_number && by_chance {
                chosen.add(&rule.kind);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(seed: u64, rules: &[&str]) -> Rulebook {
        Rulebook::new(seed, rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    fn run(book: &mut Rulebook, requests: usize) -> Vec<bool> {
        (0..requests)
            .map(|_| {
                book.choose(Operation::Post, "sk-a", Chosen::default())
                    .kind
                    .is_some()
            })
            .collect()
    }

    #[test]
    fn the_nth_request_is_hit() {
        assert_eq!(
            run(&mut book(1, &["post:500:n=2-3"]), 5),
            [false, true, true, false, false]
        );
    }

    #[test]
    fn other_operations_and_keys_do_not_count() {
        let mut book = book(1, &["post:500:n=1:key=sk-b"]);
        assert_eq!(
            book.choose(Operation::Poll, "sk-b", Chosen::default()),
            Chosen::default()
        );
        assert_eq!(
            book.choose(Operation::Post, "sk-a", Chosen::default()),
            Chosen::default()
        );
        assert_eq!(
            book.choose(Operation::Post, "sk-b", Chosen::default()).kind,
            Some(Kind::Status(500))
        );
    }

    #[test]
    fn chance_repeats_with_the_seed() {
        let first = run(&mut book(9, &["post:500:p=0.3"]), 200);
        assert_eq!(first, run(&mut book(9, &["post:500:p=0.3"]), 200));
        assert_ne!(first, run(&mut book(10, &["post:500:p=0.3"]), 200));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((35..85).contains(&hits), "{hits} of 200");
    }

    #[test]
    fn the_first_fault_stands_and_delays_add_up() {
        let mut book = book(1, &["post:slow=1s", "post:502", "post:503", "post:slow=2s"]);
        let chosen = book.choose(Operation::Post, "sk-a", Chosen::default());
        assert_eq!(
            (chosen.slow, chosen.kind),
            (Duration::from_secs(3), Some(Kind::Status(502)))
        );
    }

    #[test]
    fn new_rules_count_from_one() {
        let mut book = book(1, &["post:500:n=1"]);
        assert_eq!(run(&mut book, 2), [true, false]);
        book.replace(vec!["post:503:n=1".parse().unwrap()]);
        assert_eq!(run(&mut book, 2), [true, false]);
        book.restart();
        assert_eq!(run(&mut book, 1), [true]);
    }
}
