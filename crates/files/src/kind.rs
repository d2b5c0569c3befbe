//! What a file is, by its first bytes: neither a link's name nor a header is believed.

/// A format that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One PDF file.
    Pdf,
    /// One PowerPoint file.
    Pptx,
    /// A zip with one PNG a card; a bare PNG is taken too.
    Png,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pdf,
    Pptx,
    PngZip,
    Png,
}

/// As many bytes as it takes to tell.
pub(crate) const HEAD: usize = 8;
/// As many of the last bytes as it takes to see an end.
pub(crate) const TAIL: usize = 1024;

const ZIP: &[u8] = b"PK\x03\x04";

impl Format {
    /// The word that begins the name of a part.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::Png => "png",
        }
    }

    /// What a file that begins with `head` is; nothing where it isn't what was asked for.
    pub(crate) fn kind(self, head: &[u8]) -> Option<Kind> {
        match self {
            Self::Pdf => head.starts_with(b"%PDF-").then_some(Kind::Pdf),
            Self::Pptx => head.starts_with(ZIP).then_some(Kind::Pptx),
            Self::Png if head.starts_with(ZIP) => Some(Kind::PngZip),
            Self::Png => head.starts_with(b"\x89PNG\r\n\x1a\n").then_some(Kind::Png),
        }
    }
}

impl Kind {
    /// The end of the file's name.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::PngZip => "png.zip",
            Self::Png => "png",
        }
    }

    /// Whether `tail`, the last bytes of it, show its end: asked where nobody said how long the file is.
    pub(crate) fn ends_in(self, tail: &[u8]) -> bool {
        let mark: &[u8] = match self {
            Self::Pdf => b"%%EOF",
            Self::Pptx | Self::PngZip => b"PK\x05\x06",
            Self::Png => b"IEND",
        };
        tail.windows(mark.len()).any(|window| window == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_passes() {
        let (pdf, zip, png) = (b"%PDF-1.7", b"PK\x03\x04\x14\0\0\0", b"\x89PNG\r\n\x1a\n");
        for (format, head, kind) in [
            (Format::Pdf, pdf, Some(Kind::Pdf)),
            (Format::Pdf, zip, None),
            (Format::Pptx, zip, Some(Kind::Pptx)),
            (Format::Pptx, pdf, None),
            (Format::Png, zip, Some(Kind::PngZip)),
            (Format::Png, png, Some(Kind::Png)),
            (Format::Png, pdf, None),
            (Format::Pdf, b"<!doctyp", None),
            (Format::Pptx, b"PK\x05\x06\0\0\0\0", None),
        ] {
            assert_eq!(format.kind(head), kind, "{format:?} {head:?}");
        }
        assert_eq!(Format::Pdf.kind(b"%PDF"), None);
    }

    #[test]
    fn an_end_is_seen() {
        assert!(Kind::Pdf.ends_in(b"startxref\n9\n%%EOF\n") && !Kind::Pdf.ends_in(b"startxref"));
        assert!(Kind::Pptx.ends_in(b"..PK\x05\x06\0\0") && !Kind::PngZip.ends_in(b"PK\x03\x04"));
    }
}
