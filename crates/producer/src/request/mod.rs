//! Requests for Gamma, one type a kind.
//!
//! A field that a type has no method for goes in by `field`, and takes the place of one with the same name.
//! The limits are checked when a job is enqueued, by the rules that the workers use.

mod options;
mod words;

use gammaq_job::{ExportFormat, Kind};
use serde_json::{Map, Value};

pub use options::{CardOptions, ImageOptions, SharingOptions, TextOptions};
pub use words::{Access, Amount, CardSplit, Format, ImageSource, TextMode};

/// What every builder has: any field at all, and the JSON object that it makes.
macro_rules! fields {
    ($name:ident) => {
        impl $name {
            /// Sets any field, one that this version doesn't know included.
            #[must_use]
            pub fn field(mut self, name: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
                self.0.insert(name.into(), value.into());
                self
            }
        }

        impl From<$name> for serde_json::Value {
            fn from(it: $name) -> Self {
                Self::Object(it.0)
            }
        }
    };
}
use fields;

macro_rules! setters {
    ($($(#[$doc:meta])* $method:ident($type:ty) => $field:literal;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $method(self, value: impl Into<$type>) -> Self {
            self.field($field, value.into())
        }
    )+};
}
use setters;

/// The JSON text of a request and the kind of job it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Body {
    /// JSON that is sent to Gamma as it is.
    pub fn raw(kind: Kind, json: impl Into<String>) -> Self {
        Self {
            kind,
            text: json.into(),
        }
    }

    fn of(kind: Kind, fields: Map<String, Value>) -> Self {
        Self::raw(kind, Value::Object(fields).to_string())
    }
}

/// A deck from text: `POST /v1.0/generations`.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationRequest(Map<String, Value>);
fields!(GenerationRequest);

impl GenerationRequest {
    /// Of a text of 1 to 400,000 characters. `textMode` is `generate` and `format` is `presentation` until they
    /// are set: both are always sent, so that a default that changes on Gamma's side changes nothing here.
    pub fn new(input_text: impl Into<String>) -> Self {
        Self::with_defaults().field("inputText", input_text.into())
    }

    /// Of 1 to 50 pages in place of one text, each as Gamma documents it.
    pub fn from_pages<P: Into<Value>>(pages: impl IntoIterator<Item = P>) -> Self {
        Self::with_defaults().pages(pages)
    }

    fn with_defaults() -> Self {
        Self(Map::new())
            .text_mode(TextMode::Generate)
            .format(Format::Presentation)
    }

    setters! {
        /// What Gamma does with the text.
        text_mode(TextMode) => "textMode";
        /// What is made.
        format(Format) => "format";
        /// Its title, at most 500 characters.
        title(String) => "title";
        /// One of the workspace's themes.
        theme_id(String) => "themeId";
        /// Where one card ends and the next begins.
        card_split(CardSplit) => "cardSplit";
        /// What else Gamma should know, at most 5,000 characters.
        additional_instructions(String) => "additionalInstructions";
        /// The folder that it is put into.
        folder_id(String) => "folderId";
        /// How the text is written.
        text_options(TextOptions) => "textOptions";
        /// Which pictures it has.
        image_options(ImageOptions) => "imageOptions";
        /// What the cards are like.
        card_options(CardOptions) => "cardOptions";
        /// Who may see it.
        sharing_options(SharingOptions) => "sharingOptions";
        /// Whether, or how, it is published, as Gamma documents it.
        publish(Value) => "publish";
    }

    /// How many cards, at least 1; only with [`CardSplit::Auto`]. Plans have limits of their own.
    #[must_use]
    pub fn num_cards(self, count: u32) -> Self {
        self.field("numCards", count)
    }

    /// The file that Gamma makes with the deck. `NewJob::export` is the way to ask for more than one.
    #[must_use]
    pub fn export_as(self, format: ExportFormat) -> Self {
        self.field("exportAs", format.as_str())
    }

    /// 1 to 50 pages, each as Gamma documents it.
    #[must_use]
    pub fn pages<P: Into<Value>>(self, pages: impl IntoIterator<Item = P>) -> Self {
        let pages: Vec<Value> = pages.into_iter().map(Into::into).collect();
        self.field("pages", pages)
    }
}

/// A deck from a template: `POST /v1.0/generations/from-template`.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateRequest(Map<String, Value>);
fields!(TemplateRequest);

impl TemplateRequest {
    /// Of the template `gamma_id`, with what `prompt` (1 to 400,000 characters) says.
    pub fn new(gamma_id: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self(Map::new())
            .field("gammaId", gamma_id.into())
            .field("prompt", prompt.into())
    }

    setters! {
        /// One of the workspace's themes.
        theme_id(String) => "themeId";
        /// The folder that it is put into.
        folder_id(String) => "folderId";
        /// Which pictures it has.
        image_options(ImageOptions) => "imageOptions";
        /// Who may see it.
        sharing_options(SharingOptions) => "sharingOptions";
    }

    /// The file that Gamma makes with the deck.
    #[must_use]
    pub fn export_as(self, format: ExportFormat) -> Self {
        self.field("exportAs", format.as_str())
    }
}

/// A deck made by Gamma 5: `POST /v1.0/agent/generations`. It refuses fields that it doesn't know.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRequest(Map<String, Value>);
fields!(AgentRequest);

impl AgentRequest {
    /// Of a prompt of 1 to 400,000 characters.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self(Map::new()).field("prompt", prompt.into())
    }

    setters! {
        /// What is made: a presentation, a document or a post for social media.
        format(Format) => "format";
    }
}

macro_rules! bodies {
    ($($name:ident => $kind:ident),+) => {$(
        impl From<$name> for Body {
            fn from(request: $name) -> Self {
                Self::of(Kind::$kind, request.0)
            }
        }
    )+};
}
bodies!(GenerationRequest => Generation, TemplateRequest => Template, AgentRequest => Agent);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(body: impl Into<Body>) -> Value {
        serde_json::from_str(&body.into().text).unwrap()
    }

    #[test]
    fn mode_and_format_are_always_sent() {
        assert_eq!(
            sent(GenerationRequest::new("a")),
            json!({"inputText": "a", "textMode": "generate", "format": "presentation"})
        );
        let pages = GenerationRequest::from_pages([json!({"text": "x"})]).text_mode("preserve");
        assert_eq!(
            sent(pages),
            json!({"pages": [{"text": "x"}], "textMode": "preserve", "format": "presentation"})
        );
    }

    #[test]
    fn every_field_has_gammas_name() {
        let request = GenerationRequest::new("a")
            .text_mode(TextMode::Condense)
            .format(Format::Document)
            .title("t")
            .theme_id("th")
            .num_cards(8)
            .card_split(CardSplit::InputTextBreaks)
            .additional_instructions("i")
            .folder_id("f")
            .export_as(ExportFormat::Pdf)
            .text_options(
                TextOptions::default()
                    .amount(Amount::Brief)
                    .tone("dry")
                    .audience("all")
                    .language("de"),
            )
            .image_options(
                ImageOptions::default()
                    .source("noImages")
                    .model("m")
                    .style("s")
                    .style_preset("p")
                    .field("new", 1),
            )
            .card_options(
                CardOptions::default()
                    .dimensions("16x9")
                    .header_footer(json!({"topLeft": {}})),
            )
            .sharing_options(
                SharingOptions::default()
                    .workspace_access(Access::View)
                    .external_access("noAccess")
                    .email(["a@example.com"], Access::Comment),
            )
            .publish(true)
            .field("brandNew", json!([1]));
        assert_eq!(
            sent(request),
            json!({
                "inputText": "a", "textMode": "condense", "format": "document", "title": "t", "themeId": "th",
                "numCards": 8, "cardSplit": "inputTextBreaks", "additionalInstructions": "i", "folderId": "f",
                "exportAs": "pdf",
                "textOptions": {"amount": "brief", "tone": "dry", "audience": "all", "language": "de"},
                "imageOptions": {"source": "noImages", "model": "m", "style": "s", "stylePreset": "p", "new": 1},
                "cardOptions": {"dimensions": "16x9", "headerFooter": {"topLeft": {}}},
                "sharingOptions": {"workspaceAccess": "view", "externalAccess": "noAccess",
                    "emailOptions": {"recipients": ["a@example.com"], "access": "comment"}},
                "publish": true, "brandNew": [1],
            })
        );
    }

    #[test]
    fn the_other_kinds_send_nothing_unasked() {
        let template = Body::from(TemplateRequest::new("g", "p").theme_id("t"));
        assert_eq!(template.kind, Kind::Template);
        assert_eq!(
            sent(template),
            json!({"gammaId": "g", "prompt": "p", "themeId": "t"})
        );
        let agent = Body::from(AgentRequest::new("p").format(Format::Social));
        assert_eq!(agent.kind, Kind::Agent);
        assert_eq!(sent(agent), json!({"prompt": "p", "format": "social"}));
    }
}
