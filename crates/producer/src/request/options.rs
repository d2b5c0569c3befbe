//! The nested options of a request.

use serde_json::{Map, Value};

use super::{Access, Amount, ImageSource, fields, setters};

/// How the text is written: `textOptions`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextOptions(Map<String, Value>);
fields!(TextOptions);

impl TextOptions {
    setters! {
        /// How much text stands on a card.
        amount(Amount) => "amount";
        /// How it sounds, at most 500 characters.
        tone(String) => "tone";
        /// Whom it is for, at most 500 characters.
        audience(String) => "audience";
        /// Its language, as Gamma's code for it: `en`, `de`, `pt-br`.
        language(String) => "language";
    }
}

/// Which pictures it has: `imageOptions`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageOptions(Map<String, Value>);
fields!(ImageOptions);

impl ImageOptions {
    setters! {
        /// Where they come from.
        source(ImageSource) => "source";
        /// The model that makes them, with [`ImageSource::AiGenerated`].
        model(String) => "model";
        /// What they look like, at most 5,000 characters.
        style(String) => "style";
        /// One of Gamma's ready styles.
        style_preset(String) => "stylePreset";
    }
}

/// What the cards are like: `cardOptions`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CardOptions(Map<String, Value>);
fields!(CardOptions);

impl CardOptions {
    setters! {
        /// Their shape, which depends on the format: `fluid`, `16x9`, `a4`, `1x1` …
        dimensions(String) => "dimensions";
        /// What stands at their edges, as Gamma documents it.
        header_footer(Value) => "headerFooter";
    }
}

/// Who may see it: `sharingOptions`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SharingOptions(Map<String, Value>);
fields!(SharingOptions);

impl SharingOptions {
    setters! {
        /// Members of the workspace.
        workspace_access(Access) => "workspaceAccess";
        /// Everybody who has the link.
        external_access(Access) => "externalAccess";
    }

    /// Shares it with these people by e-mail.
    #[must_use]
    pub fn email<A: Into<String>>(
        self,
        recipients: impl IntoIterator<Item = A>,
        access: impl Into<Access>,
    ) -> Self {
        let recipients: Vec<String> = recipients.into_iter().map(Into::into).collect();
        let access = Value::from(access.into());
        self.field(
            "emailOptions",
            serde_json::json!({ "recipients": recipients, "access": access }),
        )
    }
}
