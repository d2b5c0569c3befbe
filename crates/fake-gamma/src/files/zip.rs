//! A zip of stored, not compressed, entries: what an OOXML file and a set of pictures need, and no more.

/// Table of CRC-32 (IEEE), by the byte.
const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xEDB8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

/// CRC-32 as zip and PNG use it.
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(u32::MAX, |crc, byte| {
        (crc >> 8) ^ CRC_TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize]
    })
}

/// 1 January 1980, the earliest date of a zip: with no clock in it, the same content gives the same file.
const DATE: u16 = 0x0021;
const VERSION: u16 = 20;

/// Writes one archive. Sizes are 32-bit; nothing here comes near their end.
#[derive(Default)]
pub(super) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        let offset = self.bytes.len() as u32;
        let mut common = Vec::with_capacity(26);
        for field in [VERSION, 0, 0, 0, DATE] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&crc32(&[content]).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());

        self.bytes.extend_from_slice(b"PK\x03\x04");
        self.bytes.extend_from_slice(&common);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(content);

        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&VERSION.to_le_bytes());
        self.directory.extend_from_slice(&common);
        // Comment length, disk, internal and external attributes.
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.entries += 1;
    }

    /// Fills the archive up to a size, as far as it falls short.
    pub(super) fn pad(&mut self, size: usize) {
        if let Some(missing) = size.checked_sub(self.bytes.len() + self.directory.len()) {
            self.add("docProps/padding.txt", &vec![b' '; missing]);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend_from_slice(&self.entries.to_le_bytes());
        self.bytes.extend_from_slice(&self.entries.to_le_bytes());
        self.bytes
            .extend_from_slice(&(self.directory.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_well_known_one() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xCBF4_3926);
    }

    #[test]
    fn the_directory_points_at_the_entries() {
        let mut zip = Zip::default();
        zip.add("a.txt", b"one");
        zip.add("b.txt", b"three");
        let file = zip.finish();
        let end = &file[file.len() - 22..];
        assert!(end.starts_with(b"PK\x05\x06"));
        let directory = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
        assert!(file[directory..].starts_with(b"PK\x01\x02"));
        let second = directory + 46 + "a.txt".len();
        let offset = u32::from_le_bytes(file[second + 42..second + 46].try_into().unwrap()) as usize;
        assert!(file[offset..].starts_with(b"PK\x03\x04"));
        assert_eq!(&file[offset + 30..offset + 40], b"b.txtthree");
    }
}
