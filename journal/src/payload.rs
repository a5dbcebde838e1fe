//! The payload of a data object, as it was before it was compressed.

use std::io::Read as _;

use ruzstd::decoding::StreamingDecoder;

/// How a payload is compressed: the flags of its object.
const XZ: u8 = 1;
/// See [`XZ`].
const LZ4: u8 = 2;
/// See [`XZ`].
const ZSTD: u8 = 4;

/// Memory that decompressing XZ may take, in KiB; systemd's preset needs 9 MiB.
const MOST_XZ_KIB: u32 = 64 << 10;

/// The largest window of Zstandard, in bytes: what its documentation asks every decoder to support; systemd's default needs 2 MiB.
const MOST_ZSTD_WINDOW: u64 = 8 << 20;

/// Why a payload cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It does not decompress.
    Damaged,
    /// It is over the limit.
    TooLarge,
}

/// Replaces `stored` by what it was before compression, of at most `limit` bytes.
pub(crate) fn decompress(flags: u8, stored: &mut Vec<u8>, limit: usize) -> Result<(), Unreadable> {
    let plain = match flags & (XZ | LZ4 | ZSTD) {
        0 => return Ok(()),
        XZ => {
            let reader = lzma_rust2::XzReader::new_mem_limit(stored.as_slice(), false, MOST_XZ_KIB);
            bounded(reader, limit)?
        }
        LZ4 => lz4(stored, limit)?,
        ZSTD => {
            let decoder =
                StreamingDecoder::new_with_max_window_size(stored.as_slice(), MOST_ZSTD_WINDOW);
            bounded(decoder.map_err(|_| Unreadable::Damaged)?, limit)?
        }
        _ => return Err(Unreadable::Damaged),
    };
    *stored = plain;
    Ok(())
}

/// An LZ4 block behind the size of what it was, eight bytes little-endian (systemd's `compress_blob_lz4`).
fn lz4(stored: &[u8], limit: usize) -> Result<Vec<u8>, Unreadable> {
    let (size, block) = stored.split_first_chunk().ok_or(Unreadable::Damaged)?;
    let size = usize::try_from(u64::from_le_bytes(*size)).map_err(|_| Unreadable::TooLarge)?;
    if size > limit {
        return Err(Unreadable::TooLarge);
    }
    lz4_flex::block::decompress(block, size).map_err(|_| Unreadable::Damaged)
}

fn bounded(reader: impl std::io::Read, limit: usize) -> Result<Vec<u8>, Unreadable> {
    let mut plain = Vec::new();
    let read = reader.take(limit as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(_) if plain.len() > limit => Err(Unreadable::TooLarge),
        Ok(_) => Ok(plain),
        Err(_) => Err(Unreadable::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`text`] as liblzma 5.4 writes it, with the check that systemd asks for by default (CRC64).
    const BY_LIBLZMA: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a3e0025f003e5d00269146c0d19457e492ff50cef4e510fa5e\
         230dccf3d4dc0713f5056a30c0cc07d143fa02cc54885ebc0bffd48fd2c5bdc00646b889d556ab8bd00e6a0000000000\
         07b96131688f7d9600015ae004000000c4aff6c9b1c467fb020000000004595a";

    fn text() -> Vec<u8> {
        let letters = (0..600).map(|at| b'a' + u8::try_from(at / 7 % 26).unwrap_or(0));
        b"MESSAGE=".iter().copied().chain(letters).collect()
    }

    #[test]
    fn lz4_is_a_size_and_a_block() {
        let plain = text();
        let block = lz4_flex::block::compress(&plain);
        let mut stored = [&(plain.len() as u64).to_le_bytes()[..], &block].concat();
        decompress(LZ4, &mut stored, 1 << 20).unwrap();
        assert_eq!(stored, plain);
        let mut stored = [&u64::MAX.to_le_bytes()[..], &block].concat();
        assert_eq!(
            decompress(LZ4, &mut stored, 1 << 20),
            Err(Unreadable::TooLarge)
        );
        let mut stored = vec![1, 2, 3];
        assert_eq!(
            decompress(LZ4, &mut stored, 1 << 20),
            Err(Unreadable::Damaged)
        );
    }

    #[test]
    fn xz_is_read_as_liblzma_wrote_it() {
        let (pairs, _) = BY_LIBLZMA.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let written: Vec<u8> = pairs.iter().map(byte).collect();
        let mut stored = written.clone();
        decompress(XZ, &mut stored, 1 << 20).unwrap();
        assert_eq!(stored, text());
        let mut stored = written;
        assert_eq!(decompress(XZ, &mut stored, 100), Err(Unreadable::TooLarge));
    }

    #[test]
    fn what_does_not_decompress_is_damaged() {
        for (flags, stored) in [(XZ, &b"garbage"[..]), (ZSTD, b"garbage"), (XZ | ZSTD, b"")] {
            let mut stored = stored.to_vec();
            assert_eq!(
                decompress(flags, &mut stored, 100),
                Err(Unreadable::Damaged)
            );
        }
        let mut plain = text();
        decompress(0, &mut plain, 10).unwrap();
        assert_eq!(
            plain,
            text(),
            "what is not compressed was bounded when it was read"
        );
    }
}
