//! The exported files: small, but real ones that open, written here byte by byte. The same deck always gives the
//! same bytes, so an interrupted download can go on.

mod pdf;
mod png;
mod pptx;
mod zip;

use std::fmt;
use std::str::FromStr;

/// A format that a gamma can be exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Pdf,
    Pptx,
    /// One picture a card, in a zip.
    Png,
}

impl Format {
    /// The ending of the file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::Png => "zip",
        }
    }

    /// The media type of the file.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Pptx => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            Self::Png => "application/zip",
        }
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "pdf" => Ok(Self::Pdf),
            "pptx" => Ok(Self::Pptx),
            "png" => Ok(Self::Png),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::Png => "png",
        })
    }
}

/// What a file is made from.
#[derive(Clone, Debug)]
pub(crate) struct Deck {
    /// Stands on every card.
    pub(crate) title: String,
    /// Pages, slides or pictures.
    pub(crate) cards: u64,
    /// Bytes that the file has at least.
    pub(crate) size: usize,
}

/// Writes the file.
pub(crate) fn write(format: Format, deck: &Deck) -> Vec<u8> {
    match format {
        Format::Pdf => pdf::write(deck),
        Format::Pptx => pptx::write(deck),
        Format::Png => png::write_all(deck),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_the_same_each_time_and_as_large_as_asked() {
        for format in [Format::Pdf, Format::Pptx, Format::Png] {
            let deck = Deck {
                title: "A & B <C>".to_owned(),
                cards: 3,
                size: 50_000,
            };
            let file = write(format, &deck);
            assert_eq!(file, write(format, &deck));
            assert!(
                (50_000..60_000).contains(&file.len()),
                "{format} has {} bytes",
                file.len()
            );
        }
    }
}
