//! Words that Gamma knows. Its lists change, so every one of them takes other words too.

use serde_json::Value;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word_doc])* $variant,)+
            /// A word that this version doesn't know, sent as it is.
            Other(String),
        }

        impl $name {
            /// The word that is sent.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::from(word.as_str())
            }
        }

        impl From<$name> for Value {
            fn from(word: $name) -> Self {
                Self::from(word.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

words! {
    /// What Gamma does with the text that it is given.
    TextMode {
        /// Writes more out of it.
        Generate = "generate",
        /// Shortens it.
        Condense = "condense",
        /// Keeps it word for word.
        Preserve = "preserve",
    }

    /// What is made.
    Format {
        /// Slides.
        Presentation = "presentation",
        /// A document.
        Document = "document",
        /// A post for social media.
        Social = "social",
        /// A web page; not for Gamma 5.
        Webpage = "webpage",
    }

    /// Where one card ends and the next begins.
    CardSplit {
        /// Gamma decides, and `numCards` counts.
        Auto = "auto",
        /// At each line `---` of the text; `numCards` is ignored.
        InputTextBreaks = "inputTextBreaks",
    }

    /// How much text stands on a card.
    Amount {
        /// Little.
        Brief = "brief",
        /// The middle.
        Medium = "medium",
        /// More.
        Detailed = "detailed",
        /// Most.
        Extensive = "extensive",
    }

    /// Where pictures come from.
    ImageSource {
        /// Made by a model; each costs credits.
        AiGenerated = "aiGenerated",
        /// Drawings from Pictographic.
        Pictographic = "pictographic",
        /// Animations from Giphy.
        Giphy = "giphy",
        /// Pictures from the web, whatever their licence.
        WebAllImages = "webAllImages",
        /// Pictures from the web, free for personal use.
        WebFreeToUse = "webFreeToUse",
        /// Pictures from the web, free for commercial use.
        WebFreeToUseCommercially = "webFreeToUseCommercially",
        /// Boxes to put pictures in later.
        Placeholder = "placeholder",
        /// None.
        NoImages = "noImages",
    }

    /// What others may do with the deck.
    Access {
        /// Nothing.
        NoAccess = "noAccess",
        /// Look at it.
        View = "view",
        /// Comment on it.
        Comment = "comment",
        /// Change it.
        Edit = "edit",
        /// Everything; inside the workspace alone.
        FullAccess = "fullAccess",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_variants_and_others_pass() {
        assert_eq!(TextMode::from("condense"), TextMode::Condense);
        assert_eq!(Value::from(CardSplit::InputTextBreaks), "inputTextBreaks");
        let new = ImageSource::from("holograms".to_owned());
        assert_eq!(
            (new.to_string(), new),
            ("holograms".to_owned(), ImageSource::Other("holograms".into()))
        );
    }
}
