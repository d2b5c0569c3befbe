//! The protocol broken on purpose: a simulation that finds nothing in that proves nothing.

use gammaq_sim::{Options, run};

/// More than any of these needs.
const MOST: u64 = 1_000;

/// Runs seeds against scripts that were changed, until one of them fails.
fn finds(patches: &[(&str, &str)], about: &str) {
    let options = Options {
        patches,
        ..Options::default()
    };
    let found = (0..MOST).find_map(|seed| {
        let wrongs = run(seed, &options).wrongs;
        Some((seed, wrongs.into_iter().next()?))
    });
    let Some((seed, wrong)) = found else {
        panic!("{about}: not found in {MOST} seeds");
    };
    println!("{about}: found by seed {seed}: {wrong}");
}

#[test]
fn settling_without_a_fence_is_found() {
    let patches = [
        ("if v[2] ~= item.fence or v[3] ~= worker or not", "if not"),
        ("if v[3] ~= fence or v[4] ~= worker or not", "if not"),
    ];
    finds(&patches, "settle_jobs without its fences");
}

#[test]
fn a_submit_that_goes_back_to_the_queue_is_found() {
    let patch = (
        "if on_ambiguous == 'resubmit' and r.resubmits < max_resubmits then",
        "if true then",
    );
    finds(
        &[patch],
        "a lease that ends in submitting leads back to the queue",
    );
}

#[test]
fn slots_that_count_from_the_claim_are_found() {
    let patches = [
        (
            "charge_slots(account, line.slots, now + lease, line.window)",
            "charge_slots(account, line.slots, now, line.window)",
        ),
        ("charge_slot(r[4], r[5], now + lease, a.window)", ""),
        ("charge_slot(r[4], r[5], now + lease, gate(r[4]).window)", ""),
        (
            "redis.call('ZADD', budget_key(account), 'XX', 'LT', 'CH', int(now), member) == 1",
            "false",
        ),
    ];
    finds(&patches, "slots scored with the time of the claim");
}

#[test]
fn a_late_generation_that_is_dropped_is_found() {
    let patch = (
        "if known ~= '' or newer then\n",
        "if state == 'ambiguous' then return 'ok' end\nif known ~= '' or newer then\n",
    );
    finds(
        &[patch],
        "a generation whose answer came late is dropped where its job was parked",
    );
}

#[test]
fn a_paused_queue_that_goes_on_is_found() {
    let patches = [
        ("if reset == 1 or is_queue_paused() then", "if reset == 1 then"),
        ("is_newer_layout(), is_queue_paused()", "is_newer_layout(), false"),
    ];
    finds(
        &patches,
        "a pause of the whole queue that submits take no notice of",
    );
}

#[test]
fn a_pause_that_gamma_may_end_is_found() {
    let patch = (
        "if is_held(a[3], a[4]) then a[3] = now + HELD_MS end",
        "if is_held(a[3], a[4]) then a[3] = now end",
    );
    finds(&[patch], "an operator's pause of an account that ends at once");
}
