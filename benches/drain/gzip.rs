//! What each level of compression costs and saves.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use shipper::sinks::influxdb::Encoder;

use crate::backlog::entry;
use crate::rate::{Children, cpu_seconds};

/// Lines in a body, and bodies a level.
const LINES: u64 = 5000;
const ROUNDS: u32 = 50;

pub(crate) fn run() {
    let text = body();
    println!("{LINES} lines, {} bytes of line protocol", text.len());
    println!("| level | CPU-s per 100k lines | size |");
    println!("|---|---|---|");
    for level in 0..=6 {
        let started = cpu_seconds(Children::LeftOut);
        let mut size = 0;
        for _ in 0..ROUNDS {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
            gzip.write_all(&text).expect("memory");
            size = gzip.finish().expect("memory").len();
        }
        let seconds = (cpu_seconds(Children::LeftOut) - started) / f64::from(ROUNDS);
        println!(
            "| {level} | {:.3} | {:.1} % |",
            seconds * 1e5 / LINES as f64,
            size as f64 * 100.0 / text.len() as f64
        );
    }
}

fn body() -> Vec<u8> {
    let encoder = Encoder::new(&crate::backlog::layout());
    let (mut text, mut payload) = (Vec::new(), Vec::new());
    for line in 0..LINES {
        let entry = entry(line);
        payload.clear();
        entry
            .to_record(1_000_000)
            .encode(&mut payload)
            .expect("encoded");
        encoder
            .encode(&entry.key(), &payload, &mut text)
            .expect("decoded");
    }
    text
}
