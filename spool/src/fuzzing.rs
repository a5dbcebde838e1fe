//! Doors for the fuzz targets; built only under `cfg(fuzzing)`.

use crate::format::chunk::{Chunk, ChunkWriter};
use crate::format::first;
use crate::format::header::Header;
use crate::format::manifest::Manifest;
use crate::model::options::Program;

/// Decodes `bytes` as they are, and with a checksum that fits; what decodes encodes to the same chunk.
///
/// # Panics
/// When it does not.
pub fn chunk(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), sealed(1, bytes), sealed(2, bytes)] {
        let _ = Chunk::decode_prefix(&bytes);
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

/// Decodes `bytes` as MANIFEST of either format, as they are and with a checksum that fits; what decodes encodes to the same MANIFEST.
///
/// # Panics
/// When it does not.
pub fn manifest(bytes: &[u8]) {
    let _ = Header::decode(bytes);
    let _ = first::FirstManifest::decode(&sealed(1, bytes));
    for body in [bytes.to_vec(), sealed(2, bytes)] {
        if let Ok(manifest) = Manifest::decode(&body) {
            let again = manifest.encode(&Program::default()).ok();
            let again = again.as_deref().and_then(Header::decode);
            let again = again.and_then(|(_, body)| Manifest::decode(body).ok());
            assert_eq!(again, Some(manifest));
        }
    }
}

/// `bytes` as the given version with the checksum that belongs to them: past the first gates.
fn sealed(version: u8, bytes: &[u8]) -> Vec<u8> {
    let mut sealed = [&[version], bytes].concat();
    sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    sealed
}
