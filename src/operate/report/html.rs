//! A report as one page that needs nothing else: no script, no font, no request.
//!
//! maud escapes what is put into the page: what comes from logs and file names does not become markup.

use bytesize::ByteSize;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{self, BAD, ChartError, FAINT, GOOD, Hex, INK};
use super::model::Overview;
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
pub fn html(report: &Overview, host: &str) -> Result<String, ChartError> {
    let requests = chart::requests(&report.moments)?;
    let latency = chart::latency(&report.moments)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                title { "Ollama on " (host) }
                style { (PreEscaped(STYLE)) (chart_colours()) }
            }
            body {
                h1 { "Ollama on " (host) }
                p {
                    @match report.span {
                        Some((from, to)) => { (When(from).to_rfc3339()) " to " (When(to).to_rfc3339()) }
                        None => { "The spool holds nothing of that time." }
                    }
                }
                (cards(report))
                div.charts {
                    (section("Requests", [("good", "answered"), ("bad", "failed")], &requests))
                    (section("Latency of answers", [("good", "p50"), ("bad", "p95")], &latency))
                }
                (tables(report))
            }
        }
    };
    Ok(page.into_string())
}

/// Style wins over attributes: the charts take the page's colours.
fn chart_colours() -> Markup {
    let colours = [(GOOD, "good"), (BAD, "bad"), (INK, "ink"), (FAINT, "faint")];
    let rules = colours.map(|(colour, name)| {
        let hex = Hex(colour);
        format!(
            "svg [fill=\"{hex}\"]{{fill:var(--{name})}}svg [stroke=\"{hex}\"]{{stroke:var(--{name})}}"
        )
    });
    PreEscaped(rules.concat())
}

fn cards(report: &Overview) -> Markup {
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
    html! {
        div.cards {
            @for (name, count) in cards { div.card { b { (count) } (name) } }
        }
    }
}

/// A chart under its title; nothing without a chart. The legend has colours by their name in the style sheet, and what
/// they stand for.
fn section(title: &str, legend: [(&str, &str); 2], svg: &str) -> Markup {
    html! {
        @if !svg.is_empty() {
            section {
                h2 { (title) }
                @for (colour, meaning) in legend {
                    span.key style={ "color:var(--" (colour) ")" } { "■ " (meaning) }
                }
                (PreEscaped(svg))
            }
        }
    }
}

fn tables(report: &Overview) -> Markup {
    let requests = report.requests.iter().map(|row| {
        let [p50, p95, p99] = row.latency_ms.each(duration);
        let route = format!("{} {}", row.method, row.route);
        let (status, count) = (row.status.to_string(), row.count.to_string());
        [route, status, count, p50, p95, p99]
    });
    let loads = report.loads.iter().map(|load| {
        let took = load.seconds;
        let took = took.map(|seconds| seconds.each(|seconds| duration(seconds * 1e3)));
        let [p50, p95, p99] = took.unwrap_or_default();
        let (done, failed) = (load.done.to_string(), load.failed.to_string());
        [load.model.clone(), done, failed, p50, p95, p99]
    });
    let speeds = report.speeds.iter().map(|speed| {
        let [p50, p95, p99] = speed.per_second.each(|rate| format!("{rate:.1}"));
        let (phase, tokens) = (speed.phase.to_owned(), speed.tokens.to_string());
        [phase, tokens, p50, p95, p99]
    });
    let events = report.events.iter();
    let events = events.map(|(kind, count)| [(*kind).to_owned(), count.to_string()]);
    let outages = report.outages.iter();
    let outages = outages.map(|outage| [When(outage.since).to_rfc3339(), lasted(outage)]);
    let memory = report.memory.iter().map(|of| {
        let (device, part) = (of.device.clone(), of.part.to_owned());
        [device, part, ByteSize(of.bytes).to_string()]
    });
    let models = report.models.iter();
    let models = models.map(|(name, size)| [name.clone(), ByteSize(*size).to_string()]);
    let [p50, p95, p99] = ["p50", "p95", "p99"];
    html! {
        (table("Requests by route", ["route", "status", "count", p50, p95, p99], requests))
        (table("Loads", ["model", "done", "failed", p50, p95, p99], loads))
        (table("Tokens per second", ["phase", "tokens", p50, p95, p99], speeds))
        (table("Events", ["kind", "count"], events))
        (table("InfluxDB took nothing", ["since", "for"], outages))
        (table("Memory, as last printed", ["device", "part", "size"], memory))
        (table("Models", ["name", "size"], models))
    }
}

fn table<const N: usize>(
    title: &str,
    head: [&str; N],
    rows: impl ExactSizeIterator<Item = [String; N]>,
) -> Markup {
    html! {
        @if rows.len() > 0 {
            h2 { (title) }
            div.wide {
                table {
                    tr { @for name in head { th { (name) } } }
                    @for row in rows {
                        tr { @for cell in row { td { (cell) } } }
                    }
                }
            }
        }
    }
}
