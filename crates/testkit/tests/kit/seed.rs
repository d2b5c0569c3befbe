use gammaq_testkit::Process;

use super::SOON;

/// What a test process prints as its seed, and whether it passed.
async fn seed_printed(given: Option<&str>) -> (String, bool) {
    let mut test = Process::builder(std::env::current_exe().expect("path")).args([
        "--exact",
        "seed::print_seed",
        "--ignored",
        "--nocapture",
    ]);
    if let Some(given) = given {
        test = test.env("GAMMAQ_TEST_SEED", given);
    }
    let finished = test.run(SOON).await;
    let line = finished
        .stderr
        .lines()
        .find(|line| line.contains("GAMMAQ_TEST_SEED="));
    let seed = line
        .and_then(|line| line.split_once('='))
        .map(|(_, seed)| seed.to_owned());
    (seed.unwrap_or_default(), finished.status.success())
}

#[tokio::test]
async fn a_seed_is_new_each_time_and_repeats_on_demand() {
    let (one, two) = (seed_printed(None).await, seed_printed(None).await);
    assert_ne!(one.0, two.0);
    assert_eq!(seed_printed(Some(&one.0)).await, (one.0, true));
    assert!(
        !seed_printed(Some("many")).await.1,
        "no number is an error, not a new seed"
    );
}

#[test]
#[ignore = "the test process of the test above"]
fn print_seed() {
    let given = std::env::var("GAMMAQ_TEST_SEED").ok();
    let seed = gammaq_testkit::seed();
    assert!(given.is_none_or(|given| given == seed.to_string()));
}
