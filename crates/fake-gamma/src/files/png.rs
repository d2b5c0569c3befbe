//! A zip with one small picture a card, as Gamma answers an export to PNG.

use super::Deck;
use super::zip::{Zip, crc32};

const WIDTH: u32 = 32;
const HEIGHT: u32 = 18;

pub(super) fn write_all(deck: &Deck) -> Vec<u8> {
    let mut zip = Zip::default();
    for card in 0..deck.cards {
        zip.add(&format!("{}.png", card + 1), &picture(card));
    }
    zip.pad(deck.size);
    zip.finish()
}

/// A picture of one colour, which depends on the card.
fn picture(card: u64) -> Vec<u8> {
    let shade = (card * 37 % 256) as u8;
    // Every row begins with the type of its filter: none.
    let mut row = vec![0];
    row.extend([shade, 96, 255 - shade].repeat(WIDTH as usize));
    let pixels = row.repeat(HEIGHT as usize);

    let mut header = Vec::new();
    header.extend_from_slice(&WIDTH.to_be_bytes());
    header.extend_from_slice(&HEIGHT.to_be_bytes());
    // Eight bits, RGB, then the only methods there are.
    header.extend_from_slice(&[8, 2, 0, 0, 0]);

    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &deflate_stored(&pixels));
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    file.extend_from_slice(&(content.len() as u32).to_be_bytes());
    file.extend_from_slice(&name);
    file.extend_from_slice(content);
    file.extend_from_slice(&crc32(&[&name, content]).to_be_bytes());
}

/// A zlib stream of one stored block; the pictures are far below its 65,535 bytes.
fn deflate_stored(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend_from_slice(&length.to_le_bytes());
    stream.extend_from_slice(&(!length).to_le_bytes());
    stream.extend_from_slice(content);
    stream.extend_from_slice(&adler32(content).to_be_bytes());
    stream
}

fn adler32(content: &[u8]) -> u32 {
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adler_is_the_well_known_one() {
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn the_block_holds_the_whole_picture() {
        let size = HEIGHT * (1 + 3 * WIDTH);
        assert!(size <= u32::from(u16::MAX));
        assert_eq!(picture(1).len() as u32, 8 + 3 * 12 + 13 + (11 + size));
    }
}
