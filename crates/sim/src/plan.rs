//! What is drawn from a seed before a run begins: who is there, what is asked for, and what goes wrong when.

use std::time::Duration;

use gammaq_queue::claim::OnAmbiguous;

use crate::dice::Dice;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A clock of Redis that is set is never set by more: what a worker has under way then still ends within its lease.
const LARGEST_JUMP_MS: u64 = 4_500;

/// An account and its budget.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
}

/// An entry that a caller appends.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Whether a job comes of it that is not refused at once.
    pub(crate) valid: bool,
}

/// Something that goes wrong at a point in time.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The process is gone at once; another one starts after this time.
    Crash(usize, Duration),
    /// The process stands still.
    Freeze(usize, Duration),
    /// The process is asked to stop, and another one starts.
    Stop(usize),
    /// What a worker and Redis send each other arrives when this is over.
    Partition(usize, Duration),
    /// Redis is gone for a while.
    Restart(Duration),
    /// The same, and what it wrote in the time before is lost.
    Rollback { lost: Duration, down: Duration },
    /// Redis takes nothing new.
    Full(Duration),
    /// Redis's clock is set, by so many milliseconds.
    Jump(i64),
}

/// How often a command or its answer meets a fault.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Net {
    pub(crate) cut_before: f64,
    pub(crate) cut_after: f64,
    pub(crate) silent: f64,
    pub(crate) slow: f64,
    pub(crate) no_connection: f64,
}

/// How often Gamma does what.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gamma {
    pub(crate) not_sent: f64,
    pub(crate) lost_request: f64,
    pub(crate) lost_answer: f64,
    pub(crate) error_before: f64,
    pub(crate) error_after: f64,
    pub(crate) refused: f64,
    pub(crate) rate_limited: f64,
    pub(crate) account_trouble: f64,
    pub(crate) slow_network: f64,
    pub(crate) poll_fails: f64,
    /// Its worker stands still for long, or dies, just when a POST is under way.
    pub(crate) freezes_at_post: f64,
    pub(crate) crashes_at_post: f64,
    pub(crate) generation_fails: f64,
    pub(crate) generation_hangs: f64,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) concurrency: usize,
    pub(crate) accounts: Vec<Account>,
    pub(crate) on_ambiguous: OnAmbiguous,
    pub(crate) entries: Vec<Entry>,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// When an operator does something; what, is drawn from what there is then.
    pub(crate) operations: Vec<Duration>,
    pub(crate) net: Net,
    pub(crate) gamma: Gamma,
    /// From then on nothing goes wrong any more.
    pub(crate) calm_from: Duration,
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, "plan");
        let calm_from = secs(dice.number(30, 70));
        let workers = usize::try_from(dice.number(2, 3)).unwrap_or(2);
        let resubmits = dice.number(0, 5);
        Self {
            workers,
            concurrency: usize::try_from(dice.number(2, 6)).unwrap_or(2),
            accounts: accounts(dice),
            on_ambiguous: match resubmits {
                most @ 1..=2 => OnAmbiguous::Resubmit(u32::try_from(most).unwrap_or(1)),
                _ => OnAmbiguous::Park,
            },
            entries: entries(dice, calm_from),
            faults: faults(dice, workers, calm_from),
            operations: operations(&mut Dice::new(seed, "operations"), calm_from),
            net: net(dice),
            gamma: gamma(dice),
            calm_from,
        }
    }

    /// Whether somebody gives commands.
    pub(crate) fn has_operators(&self) -> bool {
        !self.operations.is_empty()
    }

    /// Whether Redis forgets what it said it had written: then less is promised.
    pub(crate) fn rolls_back(&self) -> bool {
        self.faults
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::Rollback { .. }))
    }

    /// When the last of all that was begun before it became calm is over, too.
    pub(crate) fn over_at(&self) -> Duration {
        let frozen = if self.gamma.freezes_at_post > 0.0 {
            secs(41)
        } else {
            Duration::ZERO
        };
        let ends = self.faults.iter().map(|(at, fault)| match fault {
            Fault::Freeze(_, time) | Fault::Partition(_, time) | Fault::Restart(time) | Fault::Full(time) => {
                *at + *time
            }
            Fault::Rollback { down, .. } => *at + *down,
            Fault::Crash(_, pause) => *at + *pause,
            Fault::Stop(_) | Fault::Jump(_) => *at,
        });
        ends.max().unwrap_or_default().max(self.calm_from + frozen)
    }

    /// Whether Redis's clock is set forward: then its time is what budgets and intervals are measured by.
    pub(crate) fn jumps_forward(&self) -> bool {
        self.faults
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::Jump(by) if *by > 0))
    }
}

fn accounts(dice: &mut Dice) -> Vec<Account> {
    ["ant", "bee"]
        .map(|name| Account {
            name,
            limit: u32::try_from(dice.number(1, 4)).unwrap_or(1),
            window: dice.ms(5_000, 25_000),
        })
        .to_vec()
}

fn entries(dice: &mut Dice, calm_from: Duration) -> Vec<Entry> {
    let count = dice.number(4, 14);
    let last = u64::try_from(calm_from.as_millis()).unwrap_or(0) * 3 / 4;
    let mut entries: Vec<Entry> = (0..count).map(|n| entry(dice, n, last)).collect();
    for n in 0..entries.len() {
        if dice.happens(0.15) {
            // A caller that heard no answer asks again, with the same words or with others.
            let mut again = entries[n].clone();
            again.at += dice.ms(0, 8_000);
            if dice.happens(0.3) {
                again.fields.retain(|(name, _)| *name != "exports");
                again.fields.push(("exports", "pdf".to_owned()));
            }
            entries.push(again);
        }
    }
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn entry(dice: &mut Dice, n: u64, last: u64) -> Entry {
    let id = format!("job-{n}");
    let at = if dice.happens(0.3) {
        secs(1)
    } else {
        dice.ms(0, last)
    };
    let kind = *dice.one_of(&["generation", "generation", "template", "agent"]);
    let text = if kind == "generation" {
        "inputText"
    } else {
        "prompt"
    };
    let mut fields = vec![
        ("id", id.clone()),
        ("account", (*dice.one_of(&["ant", "ant", "bee"])).to_owned()),
        ("kind", kind.to_owned()),
        (
            "request",
            format!("{{\"{text}\":\"make {id} of it\",\"gammaId\":\"g\"}}"),
        ),
    ];
    if dice.happens(0.3) {
        fields.push(("priority", dice.number(0, 9).to_string()));
    }
    if dice.happens(0.15) {
        let wait = dice.number(0, 20_000);
        fields.push(("run_at", (crate::server::EPOCH_MS + wait + last / 2).to_string()));
    }
    if dice.happens(0.2) {
        fields.push(("exports", (*dice.one_of(&["pptx", "pdf,png"])).to_owned()));
    }
    let valid = !dice.happens(0.1);
    if !valid {
        let (name, value) = *dice.one_of(&[
            ("request", "no JSON"),
            ("account", "nobody"),
            ("priority", "soon"),
        ]);
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value.to_owned()));
    }
    Entry { at, fields, valid }
}

fn faults(dice: &mut Dice, workers: usize, calm_from: Duration) -> Vec<(Duration, Fault)> {
    let end = u64::try_from(calm_from.as_millis()).unwrap_or(0);
    let mut faults = Vec::new();
    let add = |dice: &mut Dice,
               probability: f64,
               most: u64,
               fault: &dyn Fn(&mut Dice, usize) -> Fault,
               faults: &mut Vec<_>| {
        let count = if dice.happens(probability) {
            dice.number(1, most)
        } else {
            0
        };
        for _ in 0..count {
            let worker = usize::try_from(dice.number(0, workers as u64 - 1)).unwrap_or(0);
            let at = dice.ms(500, end);
            let fault = fault(dice, worker);
            faults.push((at, fault));
        }
    };
    add(
        dice,
        0.6,
        5,
        &|dice, worker| Fault::Crash(worker, dice.ms(0, 5_000)),
        &mut faults,
    );
    add(
        dice,
        0.4,
        3,
        &|dice, worker| Fault::Freeze(worker, dice.ms(1_000, 40_000)),
        &mut faults,
    );
    add(dice, 0.25, 2, &|_, worker| Fault::Stop(worker), &mut faults);
    add(
        dice,
        0.4,
        3,
        &|dice, worker| Fault::Partition(worker, dice.ms(500, 30_000)),
        &mut faults,
    );
    add(
        dice,
        0.25,
        2,
        &|dice, _| Fault::Restart(dice.ms(50, 4_000)),
        &mut faults,
    );
    add(
        dice,
        0.2,
        2,
        &|dice, _| Fault::Full(dice.ms(500, 10_000)),
        &mut faults,
    );
    let forward = dice.happens(0.5);
    let jump = |dice: &mut Dice, _| {
        let by = i64::try_from(dice.number(1, LARGEST_JUMP_MS)).unwrap_or(1);
        Fault::Jump(if forward { by } else { -by })
    };
    // Once: two of them in a row could add up to more than what is promised covers.
    add(dice, 0.25, 1, &jump, &mut faults);
    let rollback = |dice: &mut Dice, _| Fault::Rollback {
        lost: dice.ms(10, 3_000),
        down: dice.ms(50, 2_000),
    };
    let before = faults.len();
    add(dice, 0.12, 1, &rollback, &mut faults);
    // Not back to before there was a queue: that is another fault, after which workers start nothing more.
    faults[before..].iter_mut().for_each(|(at, _)| *at += secs(6));
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn operations(dice: &mut Dice, calm_from: Duration) -> Vec<Duration> {
    let count = if dice.happens(0.4) { dice.number(3, 25) } else { 0 };
    let end = u64::try_from(calm_from.as_millis()).unwrap_or(0);
    let mut times: Vec<Duration> = (0..count).map(|_| dice.ms(1_000, end)).collect();
    times.sort_unstable();
    times
}

fn net(dice: &mut Dice) -> Net {
    let mut rate = |most: f64| {
        let on = dice.happens(0.5);
        let share = dice.number(1, 100) as f64 / 100.0;
        if on { most * share } else { 0.0 }
    };
    Net {
        cut_before: rate(0.02),
        cut_after: rate(0.03),
        silent: rate(0.02),
        slow: rate(0.03),
        no_connection: rate(0.3),
    }
}

fn gamma(dice: &mut Dice) -> Gamma {
    let mut rate = |on: f64, most: f64| {
        let on = dice.happens(on);
        let share = dice.number(1, 100) as f64 / 100.0;
        if on { most * share } else { 0.0 }
    };
    Gamma {
        not_sent: rate(0.4, 0.3),
        lost_request: rate(0.3, 0.2),
        lost_answer: rate(0.4, 0.2),
        error_before: rate(0.3, 0.2),
        error_after: rate(0.3, 0.2),
        refused: rate(0.3, 0.2),
        rate_limited: rate(0.4, 0.4),
        account_trouble: rate(0.1, 0.2),
        slow_network: rate(0.4, 0.5),
        poll_fails: rate(0.5, 0.4),
        freezes_at_post: rate(0.2, 0.3),
        crashes_at_post: rate(0.3, 0.3),
        generation_fails: rate(0.4, 0.3),
        generation_hangs: rate(0.3, 0.3),
    }
}
