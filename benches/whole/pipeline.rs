//! The whole way: a journal that is there, a server that is well, one run until everything is stored.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::endpoint::Tally;
use support::journal::{Entry, busy, mixed, write_journal};

use crate::Outcome;
use crate::contender::{ALL, Contender, DEFAULTS, Ends, WITHOUT_INSIGHT};
use crate::cost::{self, Cost};
use crate::figures::{Figures, print};
use crate::plot;
use crate::sink::Sink;

/// The regression check: entries, rounds, and how far above the yardstick the shipper may be. On an idle machine both
/// ratios are well below one; a machine busy with other work moves them by a quarter at most (docs/performance.md).
const CHECK: (usize, usize) = (100_000, 5);
const MOST_WALL: f64 = 1.5;
const MOST_CPU: f64 = 1.5;
/// After this a rival that has not sent everything is not waited for any longer; its distinct points tell.
const PATIENCE: Duration = Duration::from_secs(120);

/// Every contender that is there, over a journal of Ollama's lines alone, then over one of which every fifth line is Ollama's.
pub(crate) fn run(entries: usize, rounds: usize) -> Outcome<()> {
    let contenders: Vec<Contender> = ALL.into_iter().filter(|one| one.is_there()).collect();
    let all = entries * 5;
    let journals = [
        (entries, entries, journal("busy", entries, busy(entries))?),
        (all, entries, journal("mixed", all, mixed(all))?),
        (all, all, journal("busy", all, busy(all))?),
    ];
    for (count, ollamas, dir) in journals {
        println!(
            "\n{count} entries, {ollamas} of them Ollama's; {rounds} rounds, interleaved, medians"
        );
        let figures = measure(&dir, ollamas, rounds, &contenders)?;
        print(&figures, ollamas);
        plot::save(&format!("{count}-{ollamas}"), &figures)?;
    }
    Ok(())
}

/// Fails when the shipper costs far more than it did.
pub(crate) fn check() -> Outcome<()> {
    let (entries, rounds) = CHECK;
    let contenders = [Contender::Yardstick, Contender::Shipper(DEFAULTS)];
    let figures = measure(
        &journal("busy", entries, busy(entries))?,
        entries,
        rounds,
        &contenders,
    )?;
    print(&figures, entries);
    let [yardstick, shipper] = &figures[..] else {
        return Err("two contenders".into());
    };
    let (wall, cpu) = (shipper.wall / yardstick.wall, shipper.cpu / yardstick.cpu);
    match wall <= MOST_WALL && cpu <= MOST_CPU {
        true => Ok(()),
        false => Err(format!(
            "slower than it was: {wall:.2} of the yardstick's time (at most {MOST_WALL}), {cpu:.2} of its CPU (at most {MOST_CPU})"
        )
        .into()),
    }
}

/// What the points derived from lines cost: a journal of which every fifth line is a request, with them and without.
pub(crate) fn insight(entries: usize, rounds: usize) -> Outcome<()> {
    let contenders = [
        Contender::Yardstick,
        Contender::Shipper(DEFAULTS),
        Contender::Shipper(WITHOUT_INSIGHT),
    ];
    let journal = journal("busy", entries, busy(entries))?;
    println!("\n{entries} entries, a request every fifth; {rounds} rounds, interleaved, medians");
    let figures = measure(&journal, entries, rounds, &contenders)?;
    print(&figures, entries);
    let [_, on, off] = &figures[..] else {
        return Err("three contenders".into());
    };
    println!(
        "insight on to off: {:.2} of the time, {:.2} of the CPU, {:.0} ns more CPU a line",
        on.wall / off.wall,
        on.cpu / off.cpu,
        (on.cpu - off.cpu) * 1e9 / entries as f64
    );
    Ok(())
}

/// A journal that is made once and kept under the target directory.
pub(crate) fn journal(
    name: &str,
    count: usize,
    entries: impl Iterator<Item = Entry>,
) -> Outcome<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-{name}-{count}"));
    if !dir.exists() {
        let unfinished = dir.with_extension("unfinished");
        fs::create_dir_all(&unfinished)?;
        write_journal(&unfinished.join("system.journal"), entries)?;
        fs::rename(&unfinished, &dir)?;
    }
    Ok(dir)
}

/// Each of them in turn, in every round.
pub(crate) fn measure(
    journal: &Path,
    entries: usize,
    rounds: usize,
    contenders: &[Contender],
) -> Outcome<Vec<Figures>> {
    let mut sink = Sink::start()?;
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contenders.len()];
    let mut tallies = vec![Tally::default(); contenders.len()];
    for _ in 0..rounds {
        for (place, contender) in contenders.iter().enumerate() {
            let scratch = tempfile::tempdir()?;
            let mut command = contender.command(journal, scratch.path(), &sink.url)?;
            let (status, cost) = match contender.ends() {
                Ends::ByItself => cost::of(&mut command)?,
                Ends::WhenStored => {
                    let start = Instant::now();
                    cost::until(&mut command, || {
                        let stored = sink.lines_so_far()? >= entries as u64;
                        Ok(stored || start.elapsed() > PATIENCE)
                    })?
                }
            };
            let tally = sink.tally()?;
            if contender.ends() == Ends::ByItself && !status.success() {
                return Err(format!("{} ended with {status}", contender.name()).into());
            }
            if contender.promises_all() && tally.distinct_logs != entries as u64 {
                let stored = tally.distinct_logs;
                return Err(format!("{}: {stored} points of {entries}", contender.name()).into());
            }
            costs[place].push(cost);
            tallies[place] = tally;
        }
    }
    let figures = contenders.iter().zip(costs).zip(tallies);
    Ok(figures
        .map(|((&contender, costs), tally)| Figures {
            contender,
            wall: median(&costs, |cost| cost.wall).as_secs_f64(),
            cpu: median(&costs, |cost| cost.cpu).as_secs_f64(),
            peak_rss_kb: median(&costs, |cost| cost.peak_rss_kb),
            written_bytes: median(&costs, |cost| cost.written_bytes),
            rounds: costs,
            tally,
        })
        .collect())
}

fn median<T: Ord + Copy>(costs: &[Cost], figure: impl Fn(&Cost) -> T) -> T {
    let mut sorted: Vec<T> = costs.iter().map(figure).collect();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}
