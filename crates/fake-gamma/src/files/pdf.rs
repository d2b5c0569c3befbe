//! A PDF 1.4 with one page a card, its title in Helvetica, and a cross-reference table that is right.

use super::Deck;

/// Number of the first page's object; catalog, pages and font come before.
const FIRST_PAGE: u64 = 4;

pub(super) fn write(deck: &Deck) -> Vec<u8> {
    let mut file = Writer {
        bytes: b"%PDF-1.4\n%\xE2\xE3\xCF\xD3\n".to_vec(),
        offsets: Vec::new(),
    };
    let page = |card: u64| FIRST_PAGE + 2 * card;
    let kids: Vec<String> = (0..deck.cards)
        .map(|card| format!("{} 0 R", page(card)))
        .collect();

    file.object("<< /Type /Catalog /Pages 2 0 R >>");
    file.object(&format!(
        "<< /Type /Pages /Count {} /Kids [{}] >>",
        deck.cards,
        kids.join(" ")
    ));
    file.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    for card in 0..deck.cards {
        file.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 960 540] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            page(card) + 1
        ));
        let text = format!("BT /F1 32 Tf 60 440 Td ({}) Tj ET", escape(&deck.title));
        let text = format!(
            "{text}\nBT /F1 18 Tf 60 60 Td ({} / {}) Tj ET",
            card + 1,
            deck.cards
        );
        file.stream(text.as_bytes());
    }
    if let Some(missing) = deck.size.checked_sub(file.bytes.len()) {
        file.stream(&vec![b' '; missing]);
    }
    file.finish()
}

struct Writer {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl Writer {
    fn object(&mut self, content: &str) {
        self.begin();
        self.bytes.extend_from_slice(content.as_bytes());
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, content: &[u8]) {
        self.begin();
        self.bytes
            .extend_from_slice(format!("<< /Length {} >>\nstream\n", content.len()).as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
    }

    fn begin(&mut self) {
        self.offsets.push(self.bytes.len());
        self.bytes
            .extend_from_slice(format!("{} 0 obj\n", self.offsets.len()).as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let count = self.offsets.len() + 1;
        // Every entry of the table has exactly 20 bytes, its line end among them.
        let mut end = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            end.push_str(&format!("{offset:010} 00000 n \n"));
        }
        end.push_str(&format!(
            "trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        ));
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}

/// The text inside a PDF string; what the font's encoding lacks becomes a question mark.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '(' | ')' | '\\' => escaped.extend(['\\', letter]),
            ' '..='~' => escaped.push(letter),
            _ => escaped.push('?'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> usize {
        std::str::from_utf8(bytes).unwrap().trim().parse().unwrap()
    }

    #[test]
    fn every_reference_points_at_its_object() {
        let deck = Deck {
            title: "Sun (and\\or) Wind é".to_owned(),
            cards: 3,
            size: 5_000,
        };
        let file = write(&deck);
        let at = |needle: &[u8]| {
            file.windows(needle.len())
                .rposition(|part| part == needle)
                .unwrap()
        };
        let start = number(&file[at(b"startxref") + 9..at(b"%%EOF")]);
        assert!(file[start..].starts_with(b"xref\n0 11\n"));
        let table = start + b"xref\n0 11\n".len();
        for object in 1..=10 {
            let entry = &file[table + 20 * object..][..20];
            assert_eq!(&entry[10..], b" 00000 n \n");
            assert!(file[number(&entry[..10])..].starts_with(format!("{object} 0 obj\n").as_bytes()));
        }
        assert!(
            file.windows(22)
                .any(|part| part == b"(Sun \\(and\\\\or\\) Wind ?"[..22].as_ref())
        );
    }
}
