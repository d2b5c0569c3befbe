//! What must hold when everything is over.

use std::collections::{BTreeMap, BTreeSet};

use gammaq_job::State;
use gammaq_job::state::is_legal;
use gammaq_queue::claim::OnAmbiguous;

use crate::gamma::Cloud;
use crate::plan::Entry;
use crate::redis::Reply;
use crate::run::BASE;
use crate::world::locked;

/// What a run went through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Virtual milliseconds.
    pub ms: u64,
    /// Commands that Redis carried out.
    pub commands: u64,
    /// POSTs that reached Gamma.
    pub posts: u64,
    /// Generations that Gamma made.
    pub generations: u64,
    /// Looks.
    pub looks: u64,
    /// Jobs by the state that they ended in.
    pub ended: BTreeMap<String, u64>,
    /// Generations that no record names, of jobs that are not parked: only where Redis forgot.
    pub forgotten: u64,
}

type Record = BTreeMap<String, String>;

/// Checks everything, and counts.
pub(crate) fn check(cloud: &Cloud, appended: &[(String, Entry)]) -> Counts {
    let mut counts = Counts {
        ms: cloud.world.ms(),
        commands: cloud.server.commands(),
        ..Counts::default()
    };
    let ids: BTreeSet<&String> = appended.iter().map(|(id, _)| id).collect();
    let records: BTreeMap<&str, Record> = ids.iter().map(|id| (id.as_str(), record(cloud, id))).collect();
    let decisions = decisions(cloud);
    for (id, record) in &records {
        check_end(cloud, id, record, appended);
        let state = record.get("state").cloned().unwrap_or_default();
        *counts.ended.entry(state).or_default() += 1;
        let decided = decisions.get(*id).copied().unwrap_or(0);
        counts.forgotten += check_generations(cloud, id, record, decided);
    }
    check_budgets(cloud);
    check_events(cloud);
    let ledger = locked(&cloud.ledger);
    counts.posts = ledger.posts.len() as u64;
    counts.generations = ledger.generations.len() as u64;
    counts.looks = ledger.looks_made;
    counts
}

fn record(cloud: &Cloud, id: &str) -> Record {
    let reply = cloud
        .server
        .direct(format_args!("look"), &["HGETALL", &format!("{BASE}job:{id}")]);
    pairs(&reply)
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

fn list(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::List(items) => items,
        _ => &[],
    }
}

fn pairs(reply: &Reply) -> Record {
    list(reply)
        .chunks_exact(2)
        .map(|pair| (text(&pair[0]), text(&pair[1])))
        .collect()
}

/// Every accepted job comes to an end; what was wrong from the start fails.
fn check_end(cloud: &Cloud, id: &str, record: &Record, appended: &[(String, Entry)]) {
    let world = &cloud.world;
    if record.is_empty() {
        if !world.plan.rolls_back() {
            world.wrong(format!("{id} has no record"));
        }
        return;
    }
    let state = record.get("state").and_then(|state| state.parse::<State>().ok());
    if !state.is_some_and(State::is_end) {
        world.wrong(format!("{id} did not end: {state:?}"));
    }
    let mut entries = appended.iter().filter(|(own, _)| own == id);
    let invalid = record
        .get("error")
        .is_some_and(|error| error.contains("\"invalid_request\"") || error.contains("\"unknown_account\""));
    let (valid, wrong) = (
        entries.clone().any(|(_, it)| it.valid),
        entries.any(|(_, it)| !it.valid),
    );
    if (invalid && !wrong) || (!invalid && !valid) {
        world.wrong(format!("{id} was judged wrongly: {:?}", record.get("error")));
    }
}

/// Nothing is paid twice in silence, and nothing that was paid for is lost: every generation is on its job's record,
/// or the job is parked, or somebody decided about it when it was. Answers how many are not.
fn check_generations(cloud: &Cloud, id: &str, record: &Record, decided: usize) -> u64 {
    let (world, ledger) = (&cloud.world, locked(&cloud.ledger));
    let known: BTreeSet<&str> = ["generation_id", "extra_generation_id"]
        .iter()
        .filter_map(|name| record.get(*name))
        .flat_map(|ids| ids.split(','))
        .collect();
    let made: Vec<&String> = ledger.of(id).collect();
    let unknown = made
        .iter()
        .filter(|generation| !known.contains(generation.as_str()))
        .count();
    if world.plan.rolls_back() {
        return unknown as u64;
    }
    let number = |name: &str| {
        record
            .get(name)
            .and_then(|it| it.parse::<usize>().ok())
            .unwrap_or(0)
    };
    let most = number("asked_again")
        + match world.plan.on_ambiguous {
            OnAmbiguous::Park => 1,
            OnAmbiguous::Resubmit(most) => 1 + most as usize,
        };
    if made.len() > most {
        world.wrong(format!("{id} was paid for {} times: {made:?}", made.len()));
    }
    // Each resubmit stands for one whose answer was lost.
    let resubmits = number("resubmits");
    let parked = usize::from(record.get("state").is_some_and(|state| state == "ambiguous"));
    if unknown > resubmits + parked + decided {
        world.wrong(format!(
            "{id} lost a generation: {made:?} made, {known:?} known, {record:?}"
        ));
    }
    for generation in &made {
        let told = ledger.generations[*generation].told.as_ref();
        if !known.contains(generation.as_str()) && told.is_some_and(|life| !life.is_over()) {
            world.wrong(format!(
                "{generation} is on no record, though a worker that lives was told of it"
            ));
        }
    }
    for generation in known.iter().filter(|generation| !generation.is_empty()) {
        if !ledger.generations.contains_key(*generation) {
            world.wrong(format!("{id} names {generation}, which nobody made"));
        }
    }
    0
}

/// In no window does more reach Gamma than the account's budget allows.
fn check_budgets(cloud: &Cloud) {
    if cloud.world.plan.rolls_back() {
        return;
    }
    for account in &cloud.world.plan.accounts {
        let ledger = locked(&cloud.ledger);
        let own = ledger
            .posts
            .iter()
            .filter(|post| post.counts && post.account == account.name);
        let mut times: Vec<u64> = own.map(|post| post.at).collect();
        times.sort_unstable();
        let window = u64::try_from(account.window.as_millis()).unwrap_or(0);
        let limit = account.limit as usize;
        if let Some(many) = times
            .windows(limit + 1)
            .find(|many| many[limit] - many[0] <= window)
        {
            cloud.world.wrong(format!(
                "{}: more than {limit} within {window} ms: {many:?}",
                account.name
            ));
        }
    }
}

/// All that was told.
fn events(cloud: &Cloud) -> Vec<Record> {
    let events = cloud.server.direct(
        format_args!("look"),
        &["XRANGE", &format!("{BASE}events"), "-", "+"],
    );
    list(&events)
        .iter()
        .map(|event| list(event).get(1).map(pairs).unwrap_or_default())
        .collect()
}

/// How often somebody decided about a job that was parked.
fn decisions(cloud: &Cloud) -> BTreeMap<String, usize> {
    let mut decisions = BTreeMap::new();
    for event in events(cloud) {
        let word = |name: &str| event.get(name).map_or("", String::as_str);
        if word("from") == "ambiguous" && word("note").contains(": resolve: ") {
            *decisions.entry(word("id").to_owned()).or_default() += 1;
        }
    }
    decisions
}

/// Every move of a job that was told is a legal one.
fn check_events(cloud: &Cloud) {
    for fields in events(cloud) {
        let word = |name: &str| fields.get(name).map_or("", String::as_str);
        let (from, to) = (word("from"), word("state"));
        let Ok(state) = to.parse::<State>() else { continue };
        if from != to && !is_legal(from.parse().ok(), state) {
            cloud.world.wrong(format!("an illegal move: {fields:?}"));
        }
    }
}
