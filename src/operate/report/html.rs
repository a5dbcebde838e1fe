//! A report as one page that needs nothing else: no script, no font, no request.

use std::fmt::{self, Write as _};

use bytesize::ByteSize;

use super::chart::{self, BAD, ChartError, FAINT, GOOD, Hex, INK};
use super::model::{Percentiles, Report};
use super::table::{duration, lasted};
use crate::base::when::When;

/// Light and dark by what the reader's screen asks for; one column on a phone, two on a desk.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#33373d;--paper:#fff;--faint:#dde1e6;--good:#2f7db8;--bad:#d15a3a}\
@media(prefers-color-scheme:dark){:root{--ink:#d9dee5;--paper:#15181c;--faint:#343a42;--good:#6db3e8;--bad:#f08a6c}}\
body{margin:0 auto;max-width:64rem;padding:1rem;background:var(--paper);color:var(--ink);font:16px/1.45 system-ui,sans-serif}\
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.2rem 0 .4rem}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:1rem 0}\
.card{border:1px solid var(--faint);border-radius:.5rem;padding:.5rem .7rem}.card b{display:block;font-size:1.4rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}\
svg{width:100%;height:auto}.key{margin-right:1rem}.wide{overflow-x:auto}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .5rem;text-align:right;border-bottom:1px solid var(--faint);white-space:nowrap}\
th:first-child,td:first-child{text-align:left}td:first-child{white-space:normal;overflow-wrap:anywhere}\
@media(max-width:32rem){body{padding:.7rem}th,td{padding:.25rem .3rem;font-size:.82rem}}";

/// The page.
///
/// # Errors
/// [`ChartError`] when a chart cannot be drawn.
pub fn html(report: &Report, host: &str) -> Result<String, ChartError> {
    let charts = [
        Chart {
            title: "Requests",
            legend: [("good", "answered"), ("bad", "failed")],
            svg: chart::requests(&report.moments)?,
        },
        Chart {
            title: "Latency of answers",
            legend: [("good", "p50"), ("bad", "p95")],
            svg: chart::latency(&report.moments)?,
        },
    ];
    let page = Page {
        report,
        host,
        charts,
    };
    Ok(page.to_string())
}

struct Page<'a> {
    report: &'a Report,
    host: &'a str,
    charts: [Chart; 2],
}

struct Chart {
    title: &'static str,
    /// Colours by their name in the style sheet, and what they stand for.
    legend: [(&'static str, &'static str); 2],
    svg: String,
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (report, host) = (self.report, Text(self.host));
        write!(f, "<!doctype html><html lang=en><meta charset=utf-8>")?;
        write!(
            f,
            "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
        )?;
        write!(f, "<title>Ollama on {host}</title><style>{STYLE}")?;
        chart_colours(f)?;
        write!(f, "</style><h1>Ollama on {host}</h1>")?;
        match report.span {
            Some((from, to)) => {
                write!(
                    f,
                    "<p>{} to {}</p>",
                    When(from).to_rfc3339(),
                    When(to).to_rfc3339()
                )?;
            }
            None => write!(f, "<p>The spool holds nothing of that time.</p>")?,
        }
        cards(f, report)?;
        write!(f, "<div class=charts>")?;
        for chart in self.charts.iter().filter(|chart| !chart.svg.is_empty()) {
            write!(f, "<section><h2>{}</h2>", chart.title)?;
            for (colour, meaning) in chart.legend {
                write!(
                    f,
                    "<span class=key style=\"color:var(--{colour})\">■ {meaning}</span>"
                )?;
            }
            write!(f, "{}</section>", chart.svg)?;
        }
        write!(f, "</div>")?;
        tables(f, report)?;
        writeln!(f, "</html>")
    }
}

/// Style wins over attributes: the charts take the page's colours.
fn chart_colours(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (colour, name) in [(GOOD, "good"), (BAD, "bad"), (INK, "ink"), (FAINT, "faint")] {
        let hex = Hex(colour);
        write!(
            f,
            "svg [fill=\"{hex}\"]{{fill:var(--{name})}}svg [stroke=\"{hex}\"]{{stroke:var(--{name})}}"
        )?;
    }
    Ok(())
}

fn cards(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let failed: u64 = report.moments.iter().map(|moment| moment.failed).sum();
    let cards = [
        ("requests", report.request_count()),
        ("failed", failed),
        ("loads", report.event_count("load_done")),
        ("evictions", report.event_count("eviction")),
        ("crashes", report.event_count("crash")),
        ("server starts", report.event_count("server_start")),
        ("outages of InfluxDB", report.outages.len() as u64),
    ];
    write!(f, "<div class=cards>")?;
    for (name, count) in cards {
        write!(f, "<div class=card><b>{count}</b>{name}</div>")?;
    }
    write!(f, "</div>")
}

fn tables(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    let requests = report.requests.iter().map(|row| {
        let what = format!("{} {}", row.method, row.route);
        let mut cells = vec![what, row.status.to_string(), row.count.to_string()];
        cells.extend(latencies(row.latency_ms).map(duration));
        cells
    });
    table(
        f,
        "Requests by route",
        &["route", "status", "count", "p50", "p95", "p99"],
        requests,
    )?;
    let loads = report.loads.iter().map(|load| {
        let mut cells = vec![
            load.model.clone(),
            load.done.to_string(),
            load.failed.to_string(),
        ];
        match load.seconds {
            Some(seconds) => {
                cells.extend(latencies(seconds).map(|seconds| duration(seconds * 1e3)));
            }
            None => cells.extend(["", "", ""].map(str::to_owned)),
        }
        cells
    });
    table(
        f,
        "Loads",
        &["model", "done", "failed", "p50", "p95", "p99"],
        loads,
    )?;
    let speeds = report.speeds.iter().map(|speed| {
        let mut cells = vec![speed.phase.to_owned(), speed.tokens.to_string()];
        cells.extend(latencies(speed.per_second).map(|rate| format!("{rate:.1}")));
        cells
    });
    table(
        f,
        "Tokens per second",
        &["phase", "tokens", "p50", "p95", "p99"],
        speeds,
    )?;
    let events = report
        .events
        .iter()
        .map(|(kind, count)| vec![(*kind).to_owned(), count.to_string()]);
    table(f, "Events", &["kind", "count"], events)?;
    let outages = report
        .outages
        .iter()
        .map(|outage| vec![When(outage.since).to_rfc3339(), lasted(outage)]);
    table(f, "InfluxDB took nothing", &["since", "for"], outages)?;
    let memory = report.memory.iter().map(|row| {
        vec![
            row.device.clone(),
            row.part.to_owned(),
            ByteSize(row.bytes).to_string(),
        ]
    });
    table(
        f,
        "Memory, as last printed",
        &["device", "part", "size"],
        memory,
    )?;
    let models = report
        .models
        .iter()
        .map(|(name, size)| vec![name.clone(), ByteSize(*size).to_string()]);
    table(f, "Models", &["name", "size"], models)
}

fn latencies(percentiles: Percentiles) -> [f64; 3] {
    [percentiles.p50, percentiles.p95, percentiles.p99]
}

fn table(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    head: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) -> fmt::Result {
    if rows.len() == 0 {
        return Ok(());
    }
    write!(f, "<h2>{title}</h2><div class=wide><table><tr>")?;
    for name in head {
        write!(f, "<th>{name}")?;
    }
    for row in rows {
        write!(f, "<tr>")?;
        for cell in row {
            write!(f, "<td>{}", Text(&cell))?;
        }
    }
    write!(f, "</table></div>")
}

/// Text of a page: what comes from logs and file names must not become markup.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}
