//! `cargo bench --bench drain [-- LINES [ROUNDS]]`: how fast a spooled backlog drains to an endpoint on this machine,
//! and in how much memory. `CATCHUP=oldest-first` and `NO_GZIP=1` in the environment do what they say.
//!
//! The endpoint is a process of its own that decompresses each body and counts its lines; the figures of time and
//! memory are those of the draining process. Memory is its peak (`VmHWM`), the spool's thread and the appending included;
//! `MALLOC_MMAP_THRESHOLD_=131072` in the environment, as the unit sets it, keeps glibc from holding on to the buffers.
//!
//! One million lines on two cores shared with other work (load 7 to 14), processor time of the draining process:
//!
//! | | lines/s | CPU-s per 100k | peak memory |
//! |---|---|---|---|
//! | oldest-first | 195k-347k | 0.17 | 61-64 MB |
//! | interleave | 184k-215k | 0.20 | 52-67 MB |
//! | interleave, `MALLOC_MMAP_THRESHOLD_=131072` | 175k | 0.21 | 34 MB |

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run ends with the reason"
)]

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shipper::config::{
    Api, Catchup, Config, Forward, Influx, Inventory, Journal, Local, LogFields, MsgHashAs, Reader,
    Secret, Spool, TokenSource,
};
use shipper::entry::{LogEntry, SeqnumId};
use shipper::forward::{self, ForwardStatus};
use shipper::stop::Stop;
use shipper::store::Store;
use spool::{Options, Records};
use support::endpoint::{Endpoint, Keep};
use tokio::sync::watch;

/// The argument that makes this program the endpoint.
const SINK: &str = "--be-the-sink";

/// What Ollama writes, by and large; with the number of the line in it.
const LINES: [&str; 4] = [
    r#"time=2026-11-23T20:49:53.123Z level=INFO source=server.go:630 msg="llama runner started in 3.25 seconds" id="#,
    r#"[GIN] 2026/11/23 - 20:49:53 | 200 |  1.271883012s |       127.0.0.1 | POST     "/api/generate" id="#,
    "llama_model_loader: - kv  21:                      tokenizer.ggml.tokens arr[str,128256]  = [\"!\", \"\\\"\", \"#\", \"$\"] id=",
    "load_tensors: offloaded 33/33 layers to GPU, CUDA0 model buffer size =  4403.49 MiB id=",
];

fn main() {
    let arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if arguments.first().is_some_and(|argument| argument == SINK) {
        return sink();
    }
    let number = |place: usize, default| {
        let argument = arguments.get(place);
        argument.map_or(default, |text| text.parse().expect("a number"))
    };
    let (lines, rounds) = (number(0, 1_000_000), number(1, 5));
    println!("{lines} lines a round");
    let mut rates: Vec<f64> = (0..rounds)
        .map(|round| {
            let drained = drain(lines);
            println!("round {round}: {drained:?}");
            drained.lines_per_second
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "median {:.0} lines/s, lowest {:.0}; peak memory {} kB",
        rates[rates.len() / 2],
        rates[0],
        status("VmHWM")
    );
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Drained {
    lines_per_second: f64,
    cpu_seconds_per_100k: f64,
    bytes_per_second_before_gzip: f64,
    compressed_to_percent: f64,
    peak_when_filled_kb: u64,
    peak_kb: u64,
}

fn drain(lines: u64) -> Drained {
    let mut sink = Sink::start();
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _, thread) = Store::open(dir.path(), Options::default()).expect("a spool");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(fill(&store, lines));
    let peak_when_filled_kb = status("VmHWM");
    let (sender, status_of) = watch::channel(ForwardStatus::default());
    let (input_ended, stop) = (Stop::new().expect("stop"), Stop::new().expect("stop"));
    input_ended.trigger();
    let config = config(&sink.url, dir.path());
    let (started, cpu) = (Instant::now(), cpu_seconds());
    runtime
        .block_on(forward::run(
            store.clone(),
            config,
            sender,
            input_ended,
            stop,
        ))
        .expect("drained");
    let (took, cpu) = (started.elapsed(), cpu_seconds() - cpu);
    drop(store);
    thread.join().expect("the spool's thread");
    let sent = status_of.borrow().clone();
    assert_eq!(sent.delivered_lines, lines);
    assert_eq!(sink.counted(), lines);
    let per_second = |count: u64| count as f64 / took.as_secs_f64();
    Drained {
        lines_per_second: per_second(lines).round(),
        cpu_seconds_per_100k: (cpu / lines as f64 * 1e7).round() / 100.0,
        bytes_per_second_before_gzip: per_second(sent.delivered_bytes).round(),
        compressed_to_percent: (sent.sent_bytes as f64 / sent.delivered_bytes as f64 * 1000.0)
            .round()
            / 10.0,
        peak_when_filled_kb,
        peak_kb: status("VmHWM"),
    }
}

async fn fill(store: &Store, lines: u64) {
    let mut next = 0;
    while next < lines {
        let mut records = Records::new();
        for line in next..lines.min(next + 1000) {
            let kind = usize::try_from(line % 4).expect("small");
            let entry = LogEntry {
                realtime: 1_700_000_000_000_000 + line * 37,
                seqnum: SeqnumId {
                    id: [1; 16],
                    seqnum: line,
                },
                message: format!("{}{line}", LINES[kind]).into_bytes(),
                pid: "812".to_owned(),
                priority: Some(6),
                unit: "ollama.service".to_owned(),
                ..LogEntry::default()
            };
            let record = entry.to_record(1_000_000);
            records
                .push_with(entry.key(), |out| record.encode(out))
                .expect("encoded");
        }
        next += records.len() as u64;
        store
            .call(move |spool| spool.append(&records, None))
            .await
            .expect("the spool's thread")
            .expect("appended");
    }
}

fn config(url: &str, dir: &Path) -> Config {
    Config {
        metrics_listen: None,
        telemetry: false,
        insight: true,
        host: "bench".to_owned(),
        influx: Influx {
            url: url.parse().expect("a URL"),
            token: TokenSource::Value(Secret::new("token".to_owned())),
            org: "org".to_owned(),
            bucket: "bucket".to_owned(),
            api: Api::V2,
            ca_file: None,
            request_timeout: Duration::from_secs(30),
            gzip: env::var_os("NO_GZIP").is_none(),
        },
        journal: Journal {
            units: vec!["ollama.service".to_owned()],
            dir: None,
            reader: Reader::Auto,
            poll_interval: Duration::from_secs(10),
            lookback: Duration::from_secs(10),
            max_message_bytes: 1_000_000,
        },
        inventory: Inventory {
            models_dir: None,
            interval: Duration::from_secs(3600),
        },
        forward: Forward {
            batch_lines: 5000,
            batch_bytes: 4 << 20,
            linger: Duration::from_secs(1),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            in_flight: 2,
            catchup: match env::var("CATCHUP").as_deref() {
                Ok("oldest-first") => Catchup::OldestFirst,
                Ok("newest-first") => Catchup::NewestFirst,
                _ => Catchup::Interleave,
            },
            max_rate: None,
            msg_hash_as: MsgHashAs::Tag,
            log_fields: LogFields::default(),
        },
        local: Local {
            spool: Spool {
                dir: dir.to_owned(),
                max_bytes: 2 << 30,
                retention: Duration::from_secs(86_400),
            },
            control_socket: PathBuf::new(),
            log: String::new(),
        },
    }
}

/// The endpoint's process.
struct Sink {
    child: Child,
    url: String,
}

impl Sink {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().expect("this program"))
            .arg(SINK)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sink");
        let mut url = String::new();
        BufReader::with_capacity(1, child.stdout.as_mut().expect("a pipe"))
            .read_line(&mut url)
            .expect("a URL");
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }

    /// Ends it; the lines it has counted.
    fn counted(&mut self) -> u64 {
        drop(self.child.stdin.take());
        let mut counted = String::new();
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        stdout.read_to_string(&mut counted).expect("a count");
        self.child.wait().expect("its end");
        counted.trim().parse().expect("a number")
    }
}

/// Until the end of stdin.
fn sink() {
    let endpoint = Endpoint::start().expect("an endpoint");
    endpoint.keep(Keep::Count);
    println!("{}", endpoint.url());
    std::io::stdout().flush().expect("flushed");
    std::io::stdin()
        .read_to_end(&mut Vec::new())
        .expect("the end of stdin");
    println!("{}", endpoint.counted());
}

/// A line of `/proc/self/status`, in kB.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .expect("a line");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number")
}

/// Of all threads of this process, user and system, at the kernel's 100 ticks a second.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("/proc");
    let (_, after_name) = text.rsplit_once(')').expect("a name in parentheses");
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks
        .map(|ticks| ticks.parse::<u64>().expect("ticks"))
        .sum();
    ticks as f64 / 100.0
}
