//! Doors for the fuzz targets; built only under `cfg(fuzzing)`.

use crate::chunk::{Chunk, ChunkWriter};
use crate::manifest::Manifest;

/// Decodes `bytes` as they are, and with a checksum that fits; what decodes encodes to the same chunk.
///
/// # Panics
/// When it does not.
pub fn chunk(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), sealed(bytes)] {
        let Ok(chunk) = Chunk::decode(&bytes) else {
            continue;
        };
        let mut writer = ChunkWriter::new(chunk.first);
        if chunk
            .records
            .iter()
            .any(|record| !writer.fits(record) || writer.push(record).is_err())
        {
            continue;
        }
        writer.finish(|finished| {
            let again = Chunk::decode(finished.bytes).map(|again| (again.first, again.records));
            assert_eq!(again.ok(), Some((chunk.first, chunk.records.clone())));
            assert_eq!(finished.times, chunk.times());
        });
    }
}

/// Decodes `bytes` as they are, and with a checksum that fits; what decodes encodes to the same MANIFEST.
///
/// # Panics
/// When it does not.
pub fn manifest(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), sealed(bytes)] {
        if let Ok(manifest) = Manifest::decode(&bytes) {
            let again = manifest
                .encode()
                .ok()
                .and_then(|bytes| Manifest::decode(&bytes).ok());
            assert_eq!(again, Some(manifest));
        }
    }
}

/// `bytes` as version 1 with the checksum that belongs to them: past the first gates.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = [&[1], bytes].concat();
    sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    sealed
}
