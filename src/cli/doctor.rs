//! `shipper doctor`: every check, what it found, and what fixes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ConfigSource, Error, Shipper, Verdict, take_over};
use crate::base::columns::{Cell, Column, TableRow, columns};
use crate::base::human::{Palette, Tone};
use crate::base::stop::Stop;
use crate::base::terminal::{self, Safe, Stream};
use crate::cli::args::ReportArgs;
use crate::config::Config;
use crate::counters::stats::Stats;
use crate::operate::doctor::{Finding, Grade, exposure, host, judge, limit, ollama, server};
use crate::sinks::Backlogged;

/// Checks and reports; unhealthy when a check failed.
///
/// # Errors
/// None but those of the output: what cannot be checked is a finding.
pub(super) async fn run(source: &ConfigSource, report: ReportArgs) -> Result<Verdict, Error> {
    let findings = examine(source).await?;
    if report.json {
        super::print_json(&findings)?;
    } else {
        let palette = Stream::Out.palette();
        terminal::print(&table(&findings, palette, terminal::width()))?;
    }
    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if failed {
        Verdict::Unhealthy
    } else {
        Verdict::Healthy
    })
}

async fn examine(source: &ConfigSource) -> Result<Vec<Finding>, Error> {
    let (mut config, secret_file) = match configuration(source) {
        Ok(read) => read,
        Err(findings) => return Ok(findings),
    };
    let mut findings = vec![Finding::pass("configuration", "every key is accepted")];
    let dir = &config.local.spool.dir;
    // With the rights that `shipper run` would make it with.
    let new_spool = (!dir.exists()).then(|| host::spool_dir(dir));
    if let Err(error) = take_over(&mut config, |_| Vec::new()) {
        let fix = "run install.sh again, or make the directory root's alone";
        findings.push(Finding::fail("spool", error.to_string(), fix));
        return Ok(findings);
    }
    findings.extend(exposure::findings(&config, secret_file.as_deref()));
    let stop = Stop::new()?;
    findings.extend(host::units(config.journal.units.names()));
    findings.push(host::journal(&config.journal, &stop));
    findings.push(host::models(&config, &stop));
    findings.push(ollama::check(&config).await);
    let stats = spool(&config, new_spool, &mut findings).await;
    let dropped = stats
        .as_ref()
        .and_then(|stats| Some(stats.service.as_ref()?.reader.suppressed));
    findings.extend(limit::findings(
        config.journal.units.names(),
        dropped.unwrap_or(0),
    ));
    let waiting = match stats {
        Some(stats) if stats.spool.ledger.read > 0 => {
            Backlogged::Oldest(Duration::from_micros(stats.spool.lag))
        }
        _ => Backlogged::NothingReadYet,
    };
    findings.extend(server::checks(&config, waiting, host::is_clock_synchronised()).await);
    Ok(findings)
}

/// The configuration and the file of it that a secret stands in, or what is wrong with it.
fn configuration(source: &ConfigSource) -> Result<(Config, Option<PathBuf>), Vec<Finding>> {
    const FIX: &str = "config.env.example explains every key";
    let wrong = |text: String| {
        text.lines()
            .map(|line| Finding::fail("configuration", line, FIX))
            .collect::<Vec<_>>()
    };
    let raw = source.gather().map_err(|error| wrong(error.to_string()))?;
    let config = raw.config().map_err(|error| wrong(error.to_string()))?;
    Ok((config, raw.secret_file().map(Path::to_owned)))
}

/// Checks the spool and the service; what they say of themselves, if they do. `new` is the finding when there is no spool yet.
async fn spool(
    config: &Config,
    new: Option<Finding>,
    findings: &mut Vec<Finding>,
) -> Option<Stats> {
    let stats = match look(config).await {
        Ok(stats) => stats,
        Err(Error::NoSpool(_)) => {
            findings.extend(new);
            return None;
        }
        Err(error) => {
            let fix = "run it as root or as the user of the service; see SHIPPER_SPOOL_DIR";
            findings.push(Finding::fail("spool", error.to_string(), fix));
            return None;
        }
    };
    findings.push(judge::service(&stats));
    findings.push(judge::spool(&stats));
    let spool = &stats.spool;
    if let Some(free) = spool.free_bytes {
        findings.push(judge::space(free, spool.disk_bytes, spool.max_bytes));
    }
    Some(stats)
}

async fn look(config: &Config) -> Result<Stats, Error> {
    let shipper = Shipper::reach(&config.local).await?;
    let stats = shipper.stats().await?;
    shipper.close().await?;
    Ok(stats)
}

/// Characters of the longest check's name.
const CHECK_WIDTH: u16 = 14;

fn table(findings: &[Finding], palette: Palette, width: usize) -> Safe {
    let rows = findings.iter().flat_map(|finding| {
        let (word, tone) = match finding.grade {
            Grade::Pass => ("pass", Tone::Good),
            Grade::Warn => ("warn", Tone::Warn),
            Grade::Fail => ("FAIL", Tone::Bad),
        };
        let found = TableRow::new([
            Cell::painted(tone, word),
            Cell::new(finding.check),
            Cell::new(&finding.found),
        ]);
        let fix = finding.fix.iter().map(|fix| {
            let fix = Cell::new(format_args!("-> {fix}"));
            TableRow::new([Cell::new(""), Cell::new(""), fix])
        });
        std::iter::once(found).chain(fix)
    });
    let kinds = [Column::Left, Column::AtLeast(CHECK_WIDTH), Column::Rest];
    columns(&kinds, rows, width, palette)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_and_fixes_keep_to_their_column() {
        let finding = Finding::fail("server", "no answer ".repeat(20), "fix ".repeat(30));
        let text = table(&[finding], Palette::Plain, 80);
        let text = text.as_str();
        assert!(
            text.starts_with("FAIL  server          no answer"),
            "{text}"
        );
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.starts_with(&" ".repeat(22))),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
