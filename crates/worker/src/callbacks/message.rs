//! What a callback says: the result of the job, without the links that open its files.
//!
//! Those are good for whoever holds them, and for a while only; an attempt may come a day later. They stand in the result.

use std::time::{Duration, UNIX_EPOCH};

use gammaq_queue::callbacks::Callback;
use serde_json::{Value, json};

/// The links of the result that expire.
const LINKS: [&str; 4] = ["exportUrl", "pdfUrl", "pptxUrl", "pngUrl"];

/// The body: `{"type":"job.completed","timestamp":"2026-11-23T20:06:37.000Z","data":{…}}`.
pub(super) fn body(callback: &Callback) -> String {
    let since = UNIX_EPOCH + Duration::from_millis(callback.since.min(253_402_300_799_999));
    let message = json!({
        "type": format!("job.{}", callback.state),
        "timestamp": humantime::format_rfc3339_millis(since).to_string(),
        "data": data(callback),
    });
    message.to_string()
}

fn data(callback: &Callback) -> Value {
    let Ok(Value::Object(mut data)) = serde_json::from_str(&callback.result) else {
        return json!({ "id": callback.id, "state": callback.state.as_str() });
    };
    for link in LINKS {
        data.remove(link);
    }
    let exports = data.get_mut("exports").and_then(Value::as_array_mut);
    for export in exports.into_iter().flatten() {
        if let Some(export) = export.as_object_mut() {
            export.remove("url");
        }
    }
    Value::Object(data)
}

#[cfg(test)]
mod tests {
    use gammaq_job::State;

    use super::*;

    fn callback(result: &str) -> Callback {
        Callback {
            id: "a".to_owned(),
            fence: 1,
            url: "https://example.com/".to_owned(),
            message_id: "msg_1".to_owned(),
            attempts: 0,
            state: State::TimedOut,
            since: 1_763_912_410_000,
            result: result.to_owned(),
            host: "example.com".to_owned(),
        }
    }

    #[test]
    fn the_result_goes_along_and_its_links_stay() {
        let text = r#"{"id":"a","state":"timed_out","gammaUrl":"https://gamma.app/docs/x","exportUrl":"https://s/1",
            "pdfUrl":"https://s/1","pptxUrl":null,"pngUrl":null,"meta":"m",
            "exports":[{"format":"pdf","url":"https://s/1","stored":"file:///x.pdf","error":null}]}"#;
        let said: Value = serde_json::from_str(&body(&callback(text))).unwrap();
        let expected = json!({
            "type": "job.timed_out",
            "timestamp": "2025-11-23T15:40:10.000Z",
            "data": {"id": "a", "state": "timed_out", "gammaUrl": "https://gamma.app/docs/x", "meta": "m",
                "exports": [{"format": "pdf", "stored": "file:///x.pdf", "error": null}]},
        });
        assert_eq!(said, expected);
    }

    #[test]
    fn without_a_readable_result_the_end_is_told_all_the_same() {
        for text in ["", "nonsense", "[1]"] {
            let said: Value = serde_json::from_str(&body(&callback(text))).unwrap();
            assert_eq!(said["data"], json!({"id": "a", "state": "timed_out"}), "{text}");
        }
    }
}
