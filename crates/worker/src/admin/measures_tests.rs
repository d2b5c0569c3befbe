use std::sync::Arc;

use super::*;

#[test]
fn accounts_without_number_are_summed_and_names_escaped() {
    let measures = Measures::new(true, 7).unwrap();
    for n in 0..NAMED + 50 {
        measures.deducted(&format!("a{n}"), 2);
    }
    measures.deducted("a0", 3);
    let text = measures.recorder.as_ref().unwrap().handle().render();
    assert_eq!(text.matches("gammaq_credits_deducted_total{").count(), NAMED + 1);
    assert!(
        text.contains("gammaq_credits_deducted_total{account=\"a0\"} 5\n"),
        "{text}"
    );
    assert!(
        text.contains("gammaq_credits_deducted_total{account=\"other\"} 100\n"),
        "{text}"
    );
    assert_eq!(label("account", "a\"b\\c\nd"), r#"{account="a\"b\\c\nd"}"#);
}

#[test]
fn answers_are_counted_by_kind_and_status() {
    let measures = Arc::new(Measures::new(true, 7).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let measures = Arc::clone(&measures);
            std::thread::spawn(move || {
                for _ in 0..250 {
                    measures.answered(Exchange::Poll, Some(200), Duration::from_millis(3));
                    measures.answered(Exchange::Submit, None, Duration::from_secs(9));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let text = measures.recorder.as_ref().unwrap().handle().render();
    for line in [
        "gammaq_http_requests_total{kind=\"poll\",status=\"200\"} 1000",
        "gammaq_http_requests_total{kind=\"submit\",status=\"none\"} 1000",
        "gammaq_http_request_duration_seconds_bucket{kind=\"poll\",le=\"0.0025\"} 0",
        "gammaq_http_request_duration_seconds_bucket{kind=\"poll\",le=\"0.005\"} 1000",
        "gammaq_http_request_duration_seconds_bucket{kind=\"submit\",le=\"5\"} 0",
        "gammaq_http_request_duration_seconds_bucket{kind=\"submit\",le=\"10\"} 1000",
        "gammaq_worker_capacity_jobs 7",
        "gammaq_job_transitions_total{from=\"none\",to=\"queued\"} 0",
        "# TYPE gammaq_poll_lateness_seconds histogram",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn off_nothing_is_kept() {
    let measures = Measures::new(false, 7).unwrap();
    measures.deducted("a", 2);
    measures.answered(Exchange::Poll, Some(200), Duration::ZERO);
    measures.claim.record(0.5);
    assert!(measures.recorder.is_none());
}
