//! What a finished generation leaves: links, export links, credits; in either engine's spelling.

use std::fmt;

use serde_json::{Map, Value};

use crate::target::Target;
use crate::wire::{number, string};

/// How much is kept, in characters.
const TITLE_MAX: usize = 500;
const SUMMARY_MAX: usize = 4_000;

/// A link that opens an exported file for whoever holds it. `Debug` doesn't show it, and there is no
/// `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportLink(String);

impl ExportLink {
    /// The link itself; keep it out of logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The link itself; keep it out of logs.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for ExportLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportLink(hidden)")
    }
}

/// What a generation cost, as far as Gamma said so. Whole credits: a fraction counts as more spent, and less
/// left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credits {
    /// Credits this generation cost.
    pub deducted: Option<i64>,
    /// Credits the workspace has left.
    pub remaining: Option<i64>,
}

impl Credits {
    pub(crate) fn of(body: &Map<String, Value>) -> Self {
        let Some(credits) = first(&places(body), |place| place.get("credits")?.as_object()) else {
            return Self::default();
        };
        // `as` clamps, and `number` gives no NaN.
        Self {
            deducted: credits.get("deducted").and_then(number).map(|n| n.ceil() as i64),
            remaining: credits
                .get("remaining")
                .and_then(number)
                .map(|n| n.floor() as i64),
        }
    }
}

/// A finished generation. Everything but its being finished may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completed {
    /// The document's id, which exports of it are asked for by.
    pub gamma_id: Option<String>,
    /// Where to see the document.
    pub gamma_url: Option<String>,
    /// The document's title.
    pub title: Option<String>,
    /// The file in the one format that the request asked for.
    pub export_url: Option<ExportLink>,
    /// The file as PDF, where Gamma names the format.
    pub pdf_url: Option<ExportLink>,
    /// The file as PowerPoint, where Gamma names the format.
    pub pptx_url: Option<ExportLink>,
    /// The cards as PNG (a zip), where Gamma names the format.
    pub png_url: Option<ExportLink>,
    /// What it cost.
    pub credits: Credits,
    /// Gamma 5's own summary of what it made.
    pub summary: Option<String>,
}

impl Completed {
    /// Reads what is there. Text that people read is made safe; only links stay what they are.
    pub(crate) fn of(body: &Map<String, Value>, target: &Target) -> Self {
        let places = places(body);
        let field = |name| first(&places, |place| string(place, name));
        let text = |name, max| field(name).map(|text| target.scrub(&text, max));
        let gamma = |name| string(body.get("gamma")?.as_object()?, name);
        let file = |format: &str| named_link(&places, format);
        Self {
            gamma_id: field("gammaId")
                .or_else(|| gamma("id"))
                .filter(|id| target.is_safe_id(id)),
            gamma_url: field("gammaUrl").or_else(|| gamma("url")),
            title: text("title", TITLE_MAX),
            export_url: field("exportUrl").map(ExportLink),
            pdf_url: file("pdf"),
            pptx_url: file("pptx"),
            png_url: file("png"),
            credits: Credits::of(body),
            summary: text("summary", SUMMARY_MAX),
        }
    }
}

/// The link to a file in `format`, where it is the one file that an answer is about.
pub fn file_link(body: &Map<String, Value>, format: &str) -> Option<ExportLink> {
    let places = places(body);
    let bare = || first(&places, |place| string(place, "exportUrl")).map(ExportLink);
    named_link(&places, format).or_else(bare)
}

/// The link to a file, where Gamma names the format.
fn named_link(places: &[&Map<String, Value>], format: &str) -> Option<ExportLink> {
    let name = format!("{format}Url");
    first(places, |place| {
        string(place, &name).or_else(|| listed(place, format))
    })
    .map(ExportLink)
}

/// Where a field may stand: on top (Classic), in `gamma` or `result` (Gamma 5).
fn places(body: &Map<String, Value>) -> Vec<&Map<String, Value>> {
    let nested = ["gamma", "result"]
        .into_iter()
        .filter_map(|name| body.get(name)?.as_object());
    std::iter::once(body).chain(nested).collect()
}

fn first<'a, T>(
    places: &[&'a Map<String, Value>],
    read: impl Fn(&'a Map<String, Value>) -> Option<T>,
) -> Option<T> {
    places.iter().find_map(|place| read(place))
}

/// The link for a format in a collection of several: `{"pdf": link}` or `[{"format": "pdf", "url": link}]`.
fn listed(place: &Map<String, Value>, format: &str) -> Option<String> {
    ["exportUrls", "exportUrl", "exports"]
        .into_iter()
        .find_map(|name| match place.get(name)? {
            Value::Object(by_format) => match by_format.get(format)? {
                Value::Object(entry) => link_of(entry),
                _ => string(by_format, format),
            },
            Value::Array(list) => list.iter().find_map(|entry| {
                let entry = entry.as_object()?;
                let named = string(entry, "format").or_else(|| string(entry, "exportAs"))?;
                if named.eq_ignore_ascii_case(format) {
                    link_of(entry)
                } else {
                    None
                }
            }),
            _ => None,
        })
}

fn link_of(entry: &Map<String, Value>) -> Option<String> {
    string(entry, "url").or_else(|| string(entry, "exportUrl"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn completed(body: &Value) -> Completed {
        let base = "https://g.example".parse().unwrap();
        let target = Target::new(&base, &"sk-gamma-1".to_owned().into()).unwrap();
        Completed::of(body.as_object().unwrap(), &target)
    }

    fn links(body: &Value) -> [Option<String>; 4] {
        let done = completed(body);
        [done.export_url, done.pdf_url, done.pptx_url, done.png_url]
            .map(|link| link.map(ExportLink::into_string))
    }

    #[test]
    fn the_classic_answer() {
        let done = completed(&json!({
            "generationId": "g1", "status": "completed", "gammaId": "d1", "gammaUrl": "https://gamma.app/docs/d1",
            "title": "Wind", "exportUrl": "https://assets.api.gamma.app/export/pdf/1",
            "credits": {"deducted": 150, "remaining": 3000},
        }));
        assert_eq!(done.gamma_id.as_deref(), Some("d1"));
        assert_eq!(done.gamma_url.as_deref(), Some("https://gamma.app/docs/d1"));
        assert_eq!(done.title.as_deref(), Some("Wind"));
        assert_eq!(
            done.export_url.as_ref().map(ExportLink::as_str),
            Some("https://assets.api.gamma.app/export/pdf/1")
        );
        assert_eq!(
            (done.pdf_url.clone(), done.pptx_url.clone(), done.png_url.clone()),
            (None, None, None)
        );
        assert_eq!(
            done.credits,
            Credits {
                deducted: Some(150),
                remaining: Some(3000)
            }
        );
        assert!(!format!("{done:?}").contains("export/pdf"));
    }

    #[test]
    fn the_agent_answer() {
        let done = completed(&json!({
            "generationId": "gen_1", "status": "completed",
            "gamma": {"gammaId": "d2", "gammaUrl": "https://gamma.app/docs/d2"},
            "result": {"summary": "Twelve cards."}, "exportUrl": "https://assets.api.gamma.app/export/1",
        }));
        assert_eq!(done.gamma_id.as_deref(), Some("d2"));
        assert_eq!(done.gamma_url.as_deref(), Some("https://gamma.app/docs/d2"));
        assert_eq!(done.summary.as_deref(), Some("Twelve cards."));
        assert_eq!(
            done.export_url.map(ExportLink::into_string).as_deref(),
            Some("https://assets.api.gamma.app/export/1")
        );
        assert_eq!(done.credits, Credits::default());
        let short = completed(&json!({"gamma": {"id": "d3", "url": "u3"}}));
        assert_eq!(
            (short.gamma_id.as_deref(), short.gamma_url.as_deref()),
            (Some("d3"), Some("u3"))
        );
    }

    #[test]
    fn export_links_in_every_spelling() {
        let some = |link: &str| Some(link.to_owned());
        for (body, expected) in [
            (
                json!({"pdfUrl": "p", "pptxUrl": "x", "pngUrl": "n"}),
                [None, some("p"), some("x"), some("n")],
            ),
            (
                json!({"exportUrl": "e", "pdfUrl": "p"}),
                [some("e"), some("p"), None, None],
            ),
            (
                json!({"exportUrls": {"pdf": "p", "pptx": "x"}}),
                [None, some("p"), some("x"), None],
            ),
            (
                json!({"exports": {"pdf": {"url": "p"}}}),
                [None, some("p"), None, None],
            ),
            (
                json!({"exports": [{"format": "PDF", "url": "p"}, {"exportAs": "png", "exportUrl": "n"}]}),
                [None, some("p"), None, some("n")],
            ),
            (json!({"exportUrl": {"pdf": "p"}}), [None, some("p"), None, None]),
            (
                json!({"result": {"pdfUrl": "p", "exportUrl": "e"}}),
                [some("e"), some("p"), None, None],
            ),
            (
                json!({"exportUrl": null, "pdfUrl": "", "pptxUrl": 7, "exports": [1, null, {}]}),
                [None, None, None, None],
            ),
        ] {
            assert_eq!(links(&body), expected, "{body}");
        }
    }

    #[test]
    fn credits_are_whole_and_tolerant() {
        for (body, deducted, remaining) in [
            (
                json!({"credits": {"deducted": 0, "remaining": -3}}),
                Some(0),
                Some(-3),
            ),
            (
                json!({"credits": {"deducted": 1.2, "remaining": 1.8}}),
                Some(2),
                Some(1),
            ),
            (
                json!({"credits": {"deducted": "15", "remaining": "lots"}}),
                Some(15),
                None,
            ),
            (json!({"credits": {"deducted": 1e300}}), Some(i64::MAX), None),
            (json!({"credits": 7}), None, None),
            (
                json!({"credits": null, "result": {"credits": {"deducted": 1}}}),
                Some(1),
                None,
            ),
            (json!({}), None, None),
        ] {
            assert_eq!(
                Credits::of(body.as_object().unwrap()),
                Credits { deducted, remaining },
                "{body}"
            );
        }
    }

    #[test]
    fn what_people_read_shows_no_key_and_no_link_to_a_file() {
        let link = "https://assets.gamma.app/export/pdf/1";
        let done = completed(
            &json!({"gammaId": link, "title": format!("at {link}"), "summary": "sk-gamma-2", "pdfUrl": link}),
        );
        assert_eq!(done.gamma_id, None);
        assert_eq!(done.title.as_deref(), Some("at https://assets.gamma.app/…"));
        assert_eq!(done.summary.as_deref(), Some("[key]"));
        assert_eq!(done.pdf_url.unwrap().as_str(), link);
    }
}
