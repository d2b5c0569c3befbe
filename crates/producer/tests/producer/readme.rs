//! The README shows code that runs.

use gammaq_producer::State;
use gammaq_testkit::{Redis, eventually};

use crate::hand::Hand;
use crate::{SOON, producer};

mod shown {
    include!("../../examples/enqueue/make_deck.rs");

    pub(super) async fn run(producer: Producer) -> Result<JobResult, String> {
        make_deck(&producer).await.map_err(|error| error.to_string())
    }
}

#[test]
fn the_readme_shows_the_example_whole() {
    let readme = include_str!("../../README.md");
    let code = readme
        .split("```rust\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    assert_eq!(code, Some(include_str!("../../examples/enqueue/make_deck.rs")));
}

#[tokio::test]
async fn the_example_runs() {
    let redis = Redis::start().await;
    let (producer, hand) = (producer(&redis).await, Hand::new(&redis.url()).await);
    let deck = tokio::spawn(shown::run(producer.clone()));
    eventually(SOON, "the example has enqueued its job", || async {
        hand.take_in().await > 0
    })
    .await;
    hand.submit_next().await;
    hand.complete_all().await;

    let result = deck.await.unwrap().unwrap();
    assert_eq!(
        (result.state, result.meta.as_deref()),
        (State::Completed, Some("customer 7"))
    );
    assert_eq!(
        result.pdf_url.as_deref(),
        Some("https://assets.api.gamma.app/export/invoice-42.pdf")
    );
}
