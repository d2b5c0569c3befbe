//! The seeds of every `make test`: 0 to 1,999, in parts, so that every core has one.
//!
//! `GAMMAQ_SIM_SEED=… cargo nextest run -p gammaq-sim the_seed_of_the_environment` is one run again, line by line.

use gammaq_sim::{Options, run};

const PART: u64 = 250;

fn part(number: u64) {
    let seeds = number * PART..(number + 1) * PART;
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let run = run(seed, &Options::default());
        for wrong in &run.wrongs {
            println!("seed {seed}: {wrong}");
        }
        if !run.wrongs.is_empty() {
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "of the seeds {seeds:?} these failed: {failed:?}; again, line by line: \
         GAMMAQ_SIM_SEED=<seed> cargo nextest run -p gammaq-sim the_seed_of_the_environment"
    );
}

macro_rules! parts {
    ($($name:ident = $number:literal;)+) => {$(
        #[test]
        fn $name() {
            part($number);
        }
    )+};
}

parts! {
    promises_hold_in_part_1_of_8 = 0;
    promises_hold_in_part_2_of_8 = 1;
    promises_hold_in_part_3_of_8 = 2;
    promises_hold_in_part_4_of_8 = 3;
    promises_hold_in_part_5_of_8 = 4;
    promises_hold_in_part_6_of_8 = 5;
    promises_hold_in_part_7_of_8 = 6;
    promises_hold_in_part_8_of_8 = 7;
}

#[test]
fn the_seed_of_the_environment() {
    let Ok(seed) = std::env::var("GAMMAQ_SIM_SEED") else {
        return;
    };
    let options = Options {
        trace: true,
        ..Options::default()
    };
    let run = run(seed.parse().unwrap(), &options);
    run.lines.iter().for_each(|line| println!("{line}"));
    assert!(run.wrongs.is_empty(), "{:#?}", run.wrongs);
}
