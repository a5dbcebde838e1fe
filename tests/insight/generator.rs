//! A host's log whose meaning is known: what each line adds to the sums is written down beside it.

use std::collections::BTreeMap;

use ::support::journal::{BEGIN, Entry};

use super::support::SHA;

/// Counts and sums by the tags of points.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// Method, route, status → requests and milliseconds.
    pub(crate) requests: BTreeMap<Vec<String>, (f64, f64)>,
    /// Kind → events.
    pub(crate) events: BTreeMap<Vec<String>, (f64, f64)>,
    /// Device, part → lines and bytes.
    pub(crate) memory: BTreeMap<Vec<String>, (f64, f64)>,
    /// Phase → lines and tokens.
    pub(crate) tokens: BTreeMap<Vec<String>, (f64, f64)>,
    /// Log lines.
    pub(crate) lines: u64,
}

#[derive(Default)]
pub(crate) struct Generator {
    pub(crate) entries: Vec<Entry>,
    pub(crate) known: Known,
    time: u64,
}

fn add(sums: &mut BTreeMap<Vec<String>, (f64, f64)>, tags: &[&str], amount: f64) {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let (count, sum) = sums.entry(tags).or_default();
    *count += 1.0;
    *sum += amount;
}

impl Generator {
    /// A line at the same microsecond as the one before: journald stamps a burst alike.
    fn line(&mut self, message: &str) {
        let message = message.replace("SHA", SHA);
        self.entries.push(Entry::line(BEGIN + self.time, message));
        self.known.lines += 1;
    }

    pub(crate) fn later(&mut self, micros: u64) {
        self.time += micros;
    }

    fn slog(&mut self, text: &str) {
        let (seconds, millis) = (self.time / 1_000_000, self.time / 1_000 % 1_000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        self.line(&format!(
            "time=2025-09-20T20:{minutes:02}:{seconds:02}.{millis:03}Z {text}"
        ));
    }

    fn event(&mut self, kind: &str) {
        add(&mut self.known.events, &[kind], 1.0);
    }

    fn memory(&mut self, device: &str, part: &str, bytes: u64) {
        add(&mut self.known.memory, &[device, part], bytes as f64);
    }

    pub(crate) fn noise(&mut self) {
        self.line("llama_model_loader: - kv   0: general.architecture str = llama");
        self.slog(
            r#"level=INFO source=server.go:9 msg="waiting for llama runner to start responding""#,
        );
        // Glued together: no number in it is to be trusted.
        self.line(r#"[GIN] 2025/09/20 - 20:00:00 | 200 | 1.5ms | 127.0.0.1 | POST "/api/chat"time=2025-09-20T20:00:00Z level=INFO"#);
    }

    pub(crate) fn request(&mut self, number: u64) {
        let (path, route) = [
            ("/api/chat", "/api/chat"),
            ("/v1/messages?beta=true", "/v1/messages"),
            ("/secret/of/somebody", "other"),
        ][(number % 3) as usize];
        let status = if number.is_multiple_of(10) {
            "503"
        } else {
            "200"
        };
        let millis = number % 400;
        self.line(&format!(
            r#"[GIN] 2025/09/20 - 20:00:00 | {status} | {:>13} |      192.168.0.7 | POST     "{path}""#,
            format!("{millis}.25ms")
        ));
        add(
            &mut self.known.requests,
            &["POST", route, status],
            millis as f64 + 0.25,
        );
    }

    pub(crate) fn start(&mut self) {
        self.slog(
            r#"level=INFO source=routes.go:1 msg="Listening on [::]:11434 (version 0.14.2)""#,
        );
        self.event("server_start");
        self.slog(r#"level=INFO source=types.go:1 msg="inference compute" id=GPU-4 filter_id="" library=CUDA compute=8.6 name=CUDA0 description="NVIDIA GeForce RTX 3090" libdirs=ollama driver=13.0 pci_id=0000:01:00.0 type=discrete total="24.0 GiB" available="23.5 GiB""#);
        self.event("gpu_discovered");
        self.memory("GPU-4", "total", 24 << 30);
        self.memory("GPU-4", "available", 47 << 29);
    }

    /// Up to between the two lines that tell of the load's end.
    pub(crate) fn load(&mut self) {
        self.slog(r#"level=INFO source=server.go:431 msg="starting runner" cmd="/usr/bin/ollama runner --model /m/blobs/sha256-SHA --port 1""#);
        self.event("load_start");
        self.line("load_tensors:        CUDA0 model buffer size =  4403.50 MiB");
        self.memory("CUDA0", "weights", 4_617_404_416);
        self.line("load_tensors: offloaded 33/33 layers to GPU");
        self.event("layers");
        self.later(2_500_000);
        self.load_done();
        self.event("load_done");
        self.slog(r#"level=INFO source=sched.go:566 msg="loaded runners" count=1"#);
        self.event("loaded_models");
    }

    /// Only printed at debug level.
    pub(crate) fn unload(&mut self) {
        self.later(1_000_000);
        self.slog(r#"level=DEBUG source=sched.go:465 msg="sending an unloaded event" runner.name=registry.ollama.ai/library/llama3:8b runner.model=/m/blobs/sha256-SHA"#);
        self.event("unload");
    }

    /// Each load prints it twice.
    pub(crate) fn load_done(&mut self) {
        self.slog(r#"level=INFO source=server.go:1432 msg="llama runner started in 2.50 seconds""#);
    }

    pub(crate) fn answer(&mut self, tokens: u64) {
        let ms = tokens * 20;
        self.line(&format!(
            "slot print_timing: id  0 | task 4 |        eval time = {ms:>10}.00 ms / {tokens:>5} tokens (   20.00 ms per token,    50.00 tokens per second)"
        ));
        add(&mut self.known.tokens, &["generation"], tokens as f64);
    }

    pub(crate) fn trouble(&mut self) {
        self.slog(r#"level=ERROR source=server.go:449 msg="llama runner terminated" error="exit status 2""#);
        self.event("crash");
        self.slog(r#"level=WARN source=runner.go:153 msg="truncating input prompt" limit=2048 prompt=3000 keep=4 new=2048"#);
        self.event("truncation");
        self.slog(r#"level=INFO source=server.go:900 msg="model requires more memory than is currently available, evicting a model to make space" "loaded layers"=12"#);
        self.event("eviction");
        for source in ["runner.go:99", "server.go:77"] {
            self.slog(&format!(r#"level=INFO source={source} msg="aborting completion request due to client closing the connection""#));
        }
        self.event("abort");
    }

    /// Half a minute of a busy host, `requests` of them, in bursts of 25.
    pub(crate) fn busy(&mut self, requests: u64) {
        for number in 0..requests {
            if number.is_multiple_of(25) {
                self.later(40_000);
                self.noise();
            }
            self.request(number);
            if number.is_multiple_of(7) {
                self.answer(number % 90 + 1);
            }
        }
    }
}
