//! Figures of a whole process: `load spool|sled append|drain|rounds N BATCH DIR`. Prints rate, CPU and memory.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use spool::{EntryKey, Limits, MsgHash, Options, Order, Records, SeqSet, Spool};

type Failure = Box<dyn std::error::Error>;

const PAYLOAD: [u8; 360] = [b'x'; 360];

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [store, what, records, batch, dir] = &args[..] else {
        return Err("usage: load spool|sled append|drain|open|rounds N BATCH DIR".into());
    };
    let (records, batch, dir) = (records.parse()?, batch.parse()?, Path::new(dir));
    let begun = Instant::now();
    match (store.as_str(), what.as_str()) {
        ("spool", "append") => append(&mut open(dir)?, 0..records, batch)?,
        ("spool", "drain") => drain(&mut open(dir)?, records)?,
        ("spool", "both") => {
            let mut spool = open(dir)?;
            append(&mut spool, 0..records, batch)?;
            println!("after append: {}", memory());
            drain(&mut spool, records)?;
        }
        ("spool", "open") => println!("{:?}", open(dir)?.stats()),
        ("spool", "rounds") => rounds(dir, records, batch)?,
        ("sled", "append") => plain_sled(dir, records, batch)?,
        _ => return Err("unknown".into()),
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{store} {what}: {seconds:.2} s, {:.0} records/s, {}",
        records as f64 / seconds,
        memory()
    );
    Ok(())
}

fn open(dir: &Path) -> Result<Spool, Failure> {
    let mut options = Options {
        retention: Duration::ZERO,
        ..Options::default()
    };
    if let Ok(mib) = std::env::var("GENERATION_MIB") {
        options.generation_bytes = mib.parse::<u64>()? << 20;
    }
    let begun = Instant::now();
    let (spool, recovery) = Spool::open(dir, options)?;
    println!("opened in {:?}: {recovery}, {}", begun.elapsed(), memory());
    Ok(spool)
}

/// One record a millisecond; its hash is as random as a SHA-256.
fn key(n: u64) -> EntryKey {
    let mut hash = [0; 32];
    for (part, salt) in hash.chunks_mut(8).zip(1u64..) {
        part.copy_from_slice(
            &(n ^ salt << 40)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(31)
                .to_le_bytes(),
        );
    }
    EntryKey {
        time: 1_700_000_000_000_000 + n * 1000,
        hash: MsgHash(hash),
    }
}

fn append(spool: &mut Spool, numbers: std::ops::Range<u64>, batch: u64) -> Result<(), Failure> {
    let mut records = Records::new();
    let mut n = numbers.start;
    while n < numbers.end {
        records.clear();
        for n in n..(n + batch).min(numbers.end) {
            records.push(key(n), &PAYLOAD);
        }
        n += batch;
        spool.append(&records, Some(&n.to_le_bytes()))?;
    }
    Ok(())
}

fn drain(spool: &mut Spool, expected: u64) -> Result<(), Failure> {
    let mut drained = 0;
    loop {
        let batch = spool.pending(
            Limits {
                records: 5000,
                bytes: 4 << 20,
            },
            Order::OldestFirst,
            &SeqSet::new(),
        )?;
        if batch.seqs.is_empty() {
            break;
        }
        drained += batch.seqs.len() as u64;
        spool.ack(&batch.seqs.iter().copied().collect())?;
        spool.prune(SystemTime::now())?;
    }
    if drained == expected {
        Ok(())
    } else {
        Err(format!("drained {drained} of {expected}").into())
    }
}

fn rounds(dir: &Path, records: u64, batch: u64) -> Result<(), Failure> {
    let mut spool = open(dir)?;
    for round in 0..20 {
        append(&mut spool, round * records..(round + 1) * records, batch)?;
        drain(&mut spool, records)?;
        println!(
            "round {round}: {} MiB, {} generations, {}",
            spool.stats().disk_bytes >> 20,
            spool.stats().generations,
            memory()
        );
    }
    Ok(())
}

/// What one would write without this crate: one key a record, time first, one flush a batch.
fn plain_sled(dir: &Path, records: u64, batch: u64) -> Result<(), Failure> {
    let db = sled::Config::new()
        .path(dir)
        .cache_capacity(64 << 20)
        .flush_every_ms(None)
        .open()?;
    let file = std::fs::File::open(dir.join("db"))?;
    let mut n = 0;
    while n < records {
        let mut commit = sled::Batch::default();
        for n in n..(n + batch).min(records) {
            let key = key(n);
            commit.insert(
                [&key.time.to_be_bytes()[..], &key.hash.0].concat(),
                &PAYLOAD[..],
            );
        }
        n += batch;
        db.apply_batch(commit)?;
        db.flush()?;
        file.sync_data()?;
    }
    Ok(())
}

/// Peak memory and CPU time of this process.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or("?")
            .trim()
            .to_owned()
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    format!(
        "rss {} peak {} cpu {:.2} s",
        field("VmRSS:"),
        field("VmHWM:"),
        ticks as f64 / 100.0
    )
}
