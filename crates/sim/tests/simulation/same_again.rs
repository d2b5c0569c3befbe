//! A seed that failed is worth something only if it fails again.

use gammaq_sim::{Options, run};

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..25 {
        let first = run(seed, &Options::default());
        let traced = Options {
            trace: true,
            record: true,
            ..Options::default()
        };
        // Also with all that is only there to look at it, and in another thread.
        let second = std::thread::spawn(move || run(seed, &traced)).join().unwrap();
        assert_eq!(first.fingerprint, second.fingerprint, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
        assert_eq!(first.dump, second.dump, "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_run() {
    let mut fingerprints: Vec<u64> = (0..10)
        .map(|seed| run(seed, &Options::default()).fingerprint)
        .collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 10);
}
