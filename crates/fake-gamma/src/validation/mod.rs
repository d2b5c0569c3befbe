//! What Gamma refuses with 400, and what it only warns about.

mod checks;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::files::Format;
use crate::options::LinkNames;
use crate::world::Endpoint;
use checks::{Checks, Needed};

const TEXT_MAX: usize = 400_000;
/// The most of the highest plan.
const CARDS_MAX: f64 = 75.0;
const CARDS_DEFAULT: u64 = 10;

const CLASSIC_FIELDS: [&str; 18] = [
    "inputText",
    "textMode",
    "format",
    "title",
    "themeId",
    "numCards",
    "cardSplit",
    "additionalInstructions",
    "folderId",
    "folderIds",
    "exportAs",
    "exportOptions",
    "textOptions",
    "imageOptions",
    "cardOptions",
    "sharingOptions",
    "pages",
    "publish",
];
const TEMPLATE_FIELDS: [&str; 11] = [
    "prompt",
    "gammaId",
    "title",
    "themeId",
    "folderId",
    "folderIds",
    "exportAs",
    "exportOptions",
    "imageOptions",
    "sharingOptions",
    "additionalInstructions",
];
const AGENT_FIELDS: [&str; 12] = [
    "prompt",
    "format",
    "title",
    "themeId",
    "numCards",
    "additionalInstructions",
    "folderId",
    "exportAs",
    "textOptions",
    "imageOptions",
    "cardOptions",
    "sharingOptions",
];

/// What a valid request asks for, as far as the fake goes into it.
#[derive(Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) cards: u64,
    pub(crate) formats: Vec<Format>,
    /// In credits.
    pub(crate) cost: u64,
    pub(crate) warnings: Vec<String>,
}

/// Reads a request's body; the error is the whole answer.
pub(crate) fn check(
    endpoint: Endpoint,
    body: Option<&Map<String, Value>>,
    names: LinkNames,
) -> Result<Order, Answer> {
    let Some(body) = body else {
        return Err(refusal(&["body must be a JSON object".to_owned()]));
    };
    let mut checks = Checks::new(body, endpoint == Endpoint::Agent);
    match endpoint {
        Endpoint::Classic => check_classic(&mut checks),
        Endpoint::Template => check_template(&mut checks),
        Endpoint::Agent => check_agent(&mut checks),
    }
    checks.text("title", 1, 500, Needed::No);
    checks.text("themeId", 1, 500, Needed::No);
    checks.text("folderId", 1, 500, Needed::No);
    checks.text("additionalInstructions", 0, 5_000, Needed::No);
    checks.one_of("exportAs", &["pdf", "pptx", "png"]);
    check_options(&mut checks);
    let formats = read_formats(&mut checks, names);
    let cards = body
        .get("numCards")
        .and_then(Value::as_u64)
        .unwrap_or(CARDS_DEFAULT);
    let (errors, warnings) = checks.finish();
    if errors.is_empty() {
        Ok(Order {
            cards,
            formats,
            cost: cost(body, cards),
            warnings,
        })
    } else {
        Err(refusal(&errors))
    }
}

fn refusal(errors: &[String]) -> Answer {
    let list: Vec<String> = (1..)
        .zip(errors)
        .map(|(number, error)| format!("{number}. {error}"))
        .collect();
    Answer::error(
        StatusCode::BAD_REQUEST,
        &format!("Input validation errors: {}", list.join(" ")),
    )
}

fn check_classic(checks: &mut Checks<'_>) {
    checks.ignore_unknown(&CLASSIC_FIELDS);
    if checks.has("pages") {
        checks.list("pages", 1, 50);
    } else {
        checks.text("inputText", 1, TEXT_MAX, Needed::Yes);
    }
    checks.one_of("textMode", &["generate", "condense", "preserve"]);
    checks.one_of("format", &["presentation", "document", "social", "webpage"]);
    checks.one_of("cardSplit", &["auto", "inputTextBreaks"]);
    checks.number("numCards", 1.0, CARDS_MAX);
    checks.list("folderIds", 0, 10);
    if checks.has("numCards") && checks.word("cardSplit") == Some("inputTextBreaks") {
        checks.warn("numCards is ignored when cardSplit is inputTextBreaks.");
    }
}

fn check_template(checks: &mut Checks<'_>) {
    checks.refuse_fields(&["numCards", "textMode", "format"]);
    checks.ignore_unknown(&TEMPLATE_FIELDS);
    checks.text("prompt", 1, TEXT_MAX, Needed::Yes);
    checks.text("gammaId", 1, 500, Needed::Yes);
}

fn check_agent(checks: &mut Checks<'_>) {
    checks.refuse_nulls();
    checks.refuse_unknown(&AGENT_FIELDS);
    checks.text("prompt", 1, TEXT_MAX, Needed::Yes);
    checks.one_of("format", &["presentation", "document", "social"]);
    checks.number("numCards", 1.0, CARDS_MAX);
}

/// The nested options: values that were taken out of the API fail, others that are unknown are only warned about.
fn check_options(checks: &mut Checks<'_>) {
    for name in ["textOptions", "imageOptions", "cardOptions", "sharingOptions"] {
        checks.object(name);
    }
    if let Some(mut text) = checks.nested("textOptions") {
        text.one_of("amount", &["brief", "medium", "detailed", "extensive"]);
        text.text("tone", 0, 500, Needed::No);
        text.text("audience", 0, 500, Needed::No);
        let language = text.word("language");
        if let Some(language) = language.filter(|language| !is_language(language)) {
            text.warn(&format!(
                "textOptions.language {language} is not supported. Using default: en."
            ));
        }
        checks.take(text);
    }
    if let Some(mut images) = checks.nested("imageOptions") {
        images.text("style", 0, 5_000, Needed::No);
        match images.word("source") {
            Some("unsplash") => images.refuse("source is no longer supported: unsplash"),
            Some(source) if !IMAGE_SOURCES.contains(&source) => {
                images.warn(&format!("imageOptions.source {source} is not valid. Using default: aiGenerated."));
            }
            Some(source) if source != "aiGenerated" && (images.has("model") || images.has("style")) => images.warn(
                "imageOptions.model and imageOptions.style are ignored when imageOptions.source is not aiGenerated.",
            ),
            _ => {}
        }
        if images
            .word("model")
            .is_some_and(|model| model.starts_with("imagen-"))
        {
            images.refuse("model is no longer supported");
        }
        checks.take(images);
    }
    let format = checks.word("format").unwrap_or("presentation");
    if let Some(mut cards) = checks.nested("cardOptions") {
        let allowed = dimensions(format);
        if let Some(wanted) = cards
            .word("dimensions")
            .filter(|wanted| !allowed.contains(wanted))
        {
            cards.warn(&format!(
                "cardOptions.dimensions {wanted} is not valid for format {format}. Valid dimensions are: [ {} ]. \
                 Using default: {}.",
                allowed.join(", "),
                allowed[0]
            ));
        }
        checks.take(cards);
    }
}

const IMAGE_SOURCES: [&str; 9] = [
    "aiGenerated",
    "pictographic",
    "giphy",
    "webAllImages",
    "webFreeToUse",
    "webFreeToUseCommercially",
    "placeholder",
    "noImages",
    "pexels",
];

fn dimensions(format: &str) -> &'static [&'static str] {
    match format {
        "document" => &["fluid", "pageless", "letter", "a4"],
        "social" => &["4x5", "1x1", "9x16"],
        _ => &["fluid", "16x9", "4x3"],
    }
}

fn is_language(text: &str) -> bool {
    let code = text.split('-').next().unwrap_or_default();
    (2..=3).contains(&code.len()) && code.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// `exportAs`, and for a fake that names links as the page does, `exportOptions.formats`.
fn read_formats(checks: &mut Checks<'_>, names: LinkNames) -> Vec<Format> {
    let mut formats: Vec<Format> = checks
        .word("exportAs")
        .and_then(|word| word.parse().ok())
        .into_iter()
        .collect();
    let listed = checks
        .nested("exportOptions")
        .map(|options| options.words("formats"))
        .unwrap_or_default();
    if listed.is_empty() {
        return formats;
    }
    if names == LinkNames::Server {
        checks.warn("exportOptions is ignored. Use exportAs.");
        return formats;
    }
    for word in listed {
        match word.parse() {
            Ok(format) if formats.contains(&format) => {}
            Ok(format) => formats.push(format),
            Err(()) => {
                checks.refuse("exportOptions.formats must be one of the following values: pdf, pptx, png")
            }
        }
    }
    formats
}

/// Two credits a card, and thirteen for the picture that goes on it where Gamma makes one.
fn cost(body: &Map<String, Value>, cards: u64) -> u64 {
    let source = body
        .get("imageOptions")
        .and_then(|options| options.get("source"))
        .and_then(Value::as_str);
    let pictures = source.is_none_or(|source| source == "aiGenerated");
    cards * if pictures { 15 } else { 2 }
}

#[cfg(test)]
mod tests;
