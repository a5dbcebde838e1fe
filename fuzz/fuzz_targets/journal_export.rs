//! Whatever a `journalctl` child writes, in whatever pieces: parsing ends without a panic, and the pieces make no
//! difference to the entries.
#![no_main]

use journal::Parser;

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let whole = parse(bytes, bytes.len().max(1));
    assert_eq!(whole, parse(bytes, usize::from(piece) + 1));
});

/// The fields of the whole entries in `bytes`, taken in pieces of `piece` bytes.
fn parse(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let (mut parser, mut found) = (Parser::default(), Vec::new());
    for bytes in bytes.chunks(piece) {
        parser.push(bytes);
        loop {
            match parser.next(|name, value| found.push([name, b"=", value].concat())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return found,
            }
        }
    }
    found
}
