//! Enqueues one job on this machine's Redis and waits for its result; a worker must run.

// The part that the README shows: it is run by `tests/producer/readme.rs` too.
include!("make_deck.rs");

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is what an example is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let producer = Producer::connect(gammaq_producer::ProducerSettings::default()).await?;
    let result = make_deck(&producer).await?;
    println!("{}: {:?}", result.state, result.gamma_url);
    Ok(())
}
