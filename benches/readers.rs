//! Entries per second of the reader, beside `journalctl -o export --output-fields=MESSAGE,_PID > /dev/null` on the
//! same files. `cargo bench --bench readers`; `ENTRIES` and `ROUNDS` change the size.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shipper::base::stop::Stop;
use shipper::config::{JournalSettings, Raw};
use shipper::sources::journal::readers::{self, Journal, Positions, ReadEntry, Step};
use support::journal::{UNIT, requests, write_journal};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let entries = number("ENTRIES", 200_000);
    let rounds = number("ROUNDS", 5);
    let dir = tempfile::tempdir()?;
    write_journal(&dir.path().join("system.journal"), requests(entries))?;
    let config = config(dir.path())?;
    let files = || -> Outcome<Box<dyn Journal>> {
        let (followed, stop) = (readers::followed(&config), Stop::new()?);
        Ok(readers::open(
            &config,
            &followed,
            Positions::default(),
            &stop,
        )?)
    };
    let mut figures: [Vec<(Duration, Duration)>; 2] = Default::default();
    // In turns, so that a noisy machine is noisy for all of them.
    for _ in 0..rounds {
        figures[0].push(timed(|| plain(dir.path()))?);
        figures[1].push(timed(|| drain(files()?.as_mut(), entries))?);
    }
    let names = ["journalctl > /dev/null", "files reader"];
    let (base, base_cpu) = median(&figures[0]);
    for (name, figures) in names.iter().zip(&figures) {
        let (wall, cpu) = median(figures);
        println!(
            "{name:24} {:>8.0} entries/s  {:.2} CPU-s per 100k  {:.2} times as fast, {:.2} times by CPU",
            entries as f64 / wall.as_secs_f64(),
            cpu.as_secs_f64() * 100_000.0 / entries as f64,
            base.as_secs_f64() / wall.as_secs_f64(),
            base_cpu.as_secs_f64() / cpu.as_secs_f64(),
        );
    }
    Ok(())
}

fn number(name: &str, default: usize) -> usize {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn plain(dir: &Path) -> Outcome<()> {
    let status = Command::new("journalctl")
        .args([
            "--no-pager",
            "-o",
            "export",
            "--output-fields=MESSAGE,_PID",
            "-u",
            UNIT,
            "-D",
        ])
        .arg(dir)
        .stdout(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("journalctl ended with {status}").into()),
    }
}

fn config(dir: &Path) -> Outcome<JournalSettings> {
    Ok(JournalSettings {
        dir: Some(dir.to_owned()),
        ..Raw::default().journal()?
    })
}

fn drain(journal: &mut dyn Journal, entries: usize) -> Outcome<()> {
    let mut entry = ReadEntry::default();
    let mut read = 0;
    while journal.next(&mut entry)? != Step::End {
        read += 1;
    }
    match read == entries {
        true => Ok(()),
        false => Err(format!("{read} entries of {entries}").into()),
    }
}

/// Wall and CPU time of `work`, its children included.
fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<(Duration, Duration)> {
    let (start, before) = (Instant::now(), cpu_time()?);
    work()?;
    Ok((start.elapsed(), cpu_time()?.saturating_sub(before)))
}

/// CPU time of this process and of the children it has waited for, from `/proc/self/stat`.
fn cpu_time() -> Outcome<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no process name")?.1;
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux that runs systemd.
    Ok(Duration::from_millis(ticks * 10))
}

fn median(figures: &[(Duration, Duration)]) -> (Duration, Duration) {
    let mut sorted = figures.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}
