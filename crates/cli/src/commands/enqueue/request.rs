//! The flags that make a request.

use clap::Args;
use gammaq_producer::request::{CardOptions, ImageOptions, TextOptions};
use gammaq_producer::{AgentRequest, Body, GenerationRequest, Kind, TemplateRequest, Value};

use crate::exit::Usage;

/// What the deck is like. Words that this version doesn't know are sent on as they are.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The deck")]
pub(super) struct RequestFlags {
    /// How many cards.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    num_cards: Option<u32>,
    /// presentation, document, social or webpage [default: presentation].
    #[arg(long)]
    format: Option<String>,
    /// generate, condense or preserve [default: generate].
    #[arg(long, value_name = "MODE")]
    text_mode: Option<String>,
    /// Its title.
    #[arg(long)]
    title: Option<String>,
    /// The id of a theme of the workspace.
    #[arg(long, value_name = "ID")]
    theme: Option<String>,
    /// The id of the folder to put it into.
    #[arg(long, value_name = "ID")]
    folder: Option<String>,
    /// What else Gamma should know.
    #[arg(long, value_name = "TEXT")]
    instructions: Option<String>,
    /// auto, or inputTextBreaks: a new card at each line --- of the text.
    #[arg(long, value_name = "HOW")]
    card_split: Option<String>,
    /// The shape of a card: fluid, 16x9, 4x3, a4 …
    #[arg(long, value_name = "SHAPE")]
    dimensions: Option<String>,
    /// The text's language: en, de, pt-br …
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// How the text sounds.
    #[arg(long)]
    tone: Option<String>,
    /// Whom the text is for.
    #[arg(long)]
    audience: Option<String>,
    /// How much text: brief, medium, detailed or extensive.
    #[arg(long)]
    amount: Option<String>,
    /// Where pictures come from: aiGenerated, noImages …
    #[arg(long, value_name = "SOURCE")]
    image_source: Option<String>,
    /// The model that makes pictures.
    #[arg(long, value_name = "MODEL")]
    image_model: Option<String>,
    /// What pictures look like.
    #[arg(long, value_name = "TEXT")]
    image_style: Option<String>,
    /// With --kind template: the id of the template.
    #[arg(long, value_name = "ID")]
    gamma_id: Option<String>,
    /// Any other field, repeatable; what is not JSON counts as text: --field publish=true
    #[arg(long = "field", value_name = "NAME=JSON")]
    fields: Vec<String>,
}

impl RequestFlags {
    /// The request of `kind` for `text`.
    pub(super) fn body(&self, kind: Kind, text: &str) -> Result<Body, Usage> {
        let allowed: &[&str] = match kind {
            Kind::Generation => return self.generation(text),
            Kind::Template => &[
                "gamma-id",
                "theme",
                "folder",
                "image-source",
                "image-model",
                "image-style",
            ],
            Kind::Agent => &["format"],
        };
        if let Some(flag) = self.used().into_iter().find(|flag| !allowed.contains(flag)) {
            return Err(Usage(format!(
                "--{flag} does not go with --kind {kind}; --field sends any field"
            )));
        }
        if kind == Kind::Agent {
            let mut request = AgentRequest::new(text);
            if let Some(format) = &self.format {
                request = request.format(format.as_str());
            }
            return Ok(self
                .more()?
                .into_iter()
                .fold(request, |it, (name, value)| it.field(name, value))
                .into());
        }
        let template = self
            .gamma_id
            .as_ref()
            .ok_or_else(|| Usage("--kind template wants --gamma-id".to_owned()))?;
        let mut request = TemplateRequest::new(template, text);
        if let Some(theme) = &self.theme {
            request = request.theme_id(theme);
        }
        if let Some(folder) = &self.folder {
            request = request.folder_id(folder);
        }
        if let Some(options) = self.image_options() {
            request = request.image_options(options);
        }
        Ok(self
            .more()?
            .into_iter()
            .fold(request, |it, (name, value)| it.field(name, value))
            .into())
    }

    fn generation(&self, text: &str) -> Result<Body, Usage> {
        if self.gamma_id.is_some() {
            return Err(Usage("--gamma-id goes with --kind template alone".to_owned()));
        }
        let mut request = GenerationRequest::new(text);
        let simple = [
            ("format", &self.format),
            ("textMode", &self.text_mode),
            ("title", &self.title),
            ("themeId", &self.theme),
            ("folderId", &self.folder),
            ("additionalInstructions", &self.instructions),
            ("cardSplit", &self.card_split),
        ];
        for (name, value) in simple {
            if let Some(value) = value {
                request = request.field(name, value.as_str());
            }
        }
        if let Some(count) = self.num_cards {
            request = request.num_cards(count);
        }
        let texts = [
            ("language", &self.language),
            ("tone", &self.tone),
            ("audience", &self.audience),
            ("amount", &self.amount),
        ];
        if texts.iter().any(|(_, value)| value.is_some()) {
            let add = |it: TextOptions, (name, value): (&str, &String)| it.field(name, value.as_str());
            let set = texts
                .iter()
                .filter_map(|(name, value)| Some((*name, value.as_ref()?)));
            request = request.text_options(set.fold(TextOptions::default(), add));
        }
        if let Some(options) = self.image_options() {
            request = request.image_options(options);
        }
        if let Some(shape) = &self.dimensions {
            request = request.card_options(CardOptions::default().dimensions(shape));
        }
        Ok(self
            .more()?
            .into_iter()
            .fold(request, |it, (name, value)| it.field(name, value))
            .into())
    }

    fn image_options(&self) -> Option<ImageOptions> {
        let flags = [
            ("source", &self.image_source),
            ("model", &self.image_model),
            ("style", &self.image_style),
        ];
        let mut set = flags
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_ref()?)))
            .peekable();
        set.peek()?;
        Some(set.fold(ImageOptions::default(), |it, (name, value)| {
            it.field(name, value.as_str())
        }))
    }

    fn more(&self) -> Result<Vec<(String, Value)>, Usage> {
        let read = |field: &String| {
            let (name, value) = field
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Usage("--field wants NAME=JSON".to_owned()))?;
            Ok((
                name.to_owned(),
                serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
            ))
        };
        self.fields.iter().map(read).collect()
    }

    /// Refuses flags where the request comes whole.
    pub(super) fn refuse_all(&self, source: &str) -> Result<(), Usage> {
        let field = (!self.fields.is_empty()).then_some("field");
        match self.used().into_iter().chain(field).next() {
            Some(flag) => Err(Usage(format!(
                "--{flag} does not go with {source}, which has whole requests"
            ))),
            None => Ok(()),
        }
    }

    /// The flags that stand on the command line, without --field.
    fn used(&self) -> Vec<&'static str> {
        let texts = [
            ("format", &self.format),
            ("text-mode", &self.text_mode),
            ("title", &self.title),
            ("theme", &self.theme),
            ("folder", &self.folder),
            ("instructions", &self.instructions),
            ("card-split", &self.card_split),
            ("dimensions", &self.dimensions),
            ("language", &self.language),
            ("tone", &self.tone),
            ("audience", &self.audience),
            ("amount", &self.amount),
            ("image-source", &self.image_source),
            ("image-model", &self.image_model),
            ("image-style", &self.image_style),
            ("gamma-id", &self.gamma_id),
        ];
        let set = texts
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| *name);
        set.chain(self.num_cards.map(|_| "num-cards")).collect()
    }
}
