use std::time::Duration;

use gammaq_producer::request::{Amount, ImageOptions, ImageSource, TextOptions};
use gammaq_producer::{ExportFormat, GenerationRequest, JobResult, NewJob, Producer};

async fn make_deck(producer: &Producer) -> Result<JobResult, Box<dyn std::error::Error>> {
    let request = GenerationRequest::new("Renewable energy: where it stands, and what comes next")
        .num_cards(8)
        .text_options(TextOptions::default().amount(Amount::Brief).language("en"))
        .image_options(ImageOptions::default().source(ImageSource::NoImages));

    // The id is the idempotency key: enqueued twice, this is still one job and one deck.
    let job = NewJob::new(request)
        .id("invoice-42")
        .export(ExportFormat::Pdf)
        .meta("customer 7");
    let id = producer.enqueue(job).await?;

    Ok(producer.wait(&id, Duration::from_secs(600)).await?)
}
