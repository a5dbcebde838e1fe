//! Loads: the lines of one from the start of its runner to its end, however it ends.

use super::life::{BETWEEN_STARTS, Life, MS, Runner, Slot, digest, embeds, path};
use super::script::{Fate, Load, Task};
use super::version::Version;

/// Sequences that a runner serves at once.
const PARALLEL: usize = 3;
/// Context of each.
const CONTEXT: usize = 4_096;
/// How long the end of a load is remembered.
const REMEMBERED: u64 = 100 * MS;

impl Life {
    /// A request for an answer of `model`.
    pub(super) fn ask(&mut self, model: usize, load: Load, task: &Task) {
        let began = self.now;
        if !self.is_loaded(model) && !self.load(model, load) {
            let status = if load.fate == Fate::Aborted {
                "499"
            } else {
                "500"
            };
            self.answered(model, status, began, self.now);
            return;
        }
        self.answer(model, began, task);
    }

    /// Whether `model` is loaded afterwards, or will be.
    fn load(&mut self, model: usize, load: Load) -> bool {
        let fate = match load.fate {
            // These versions print nothing of it: they load on.
            Fate::Aborted if !self.version.tells_hang_ups() => Fate::Done,
            Fate::TooLarge if self.version.is_llama_server() => Fate::NoMemory,
            fate => fate,
        };
        let start = self.start(model, fate != Fate::TooLarge);
        match fate {
            Fate::Done => self.done(model, start, load),
            Fate::TooLarge => self.too_large(model),
            Fate::NoMemory => self.no_memory(model, start, load),
            Fate::SecondTry => {
                self.no_memory(model, start, load);
                self.evict_all(model);
                let start = self.start(model, true);
                self.done(model, start, load);
            }
            Fate::Aborted => self.aborted(model, start, load),
        }
        matches!(fate, Fate::Done | Fate::SecondTry)
    }

    /// The lines of a start, and of the buffers if it comes to these; when it was.
    fn start(&mut self, model: usize, has_buffers: bool) -> u64 {
        let start = self.now.max(self.last_start + BETWEEN_STARTS);
        self.start_runner(start);
        let path = path(model);
        let embedding = if embeds(model) { " --embedding" } else { "" };
        let engine = if runs_on_llama_cpp(model) {
            ""
        } else {
            " --ollama-engine"
        };
        let context = CONTEXT * PARALLEL;
        let (message, cmd) = match self.version {
            Version::V0_1_34 => (
                "starting llama server",
                format!(
                    "/tmp/ollama1/runners/cuda_v11/ollama_llama_server --model {path} --ctx-size {context} --batch-size 512 --embedding --log-disable --n-gpu-layers 33 --parallel {PARALLEL} --port 37017"
                ),
            ),
            Version::V0_12 | Version::V0_24 => (
                "starting runner",
                format!("/usr/local/bin/ollama runner{engine} --model {path} --port 46289"),
            ),
            Version::V0_30 | Version::V0_33 => (
                "starting llama-server",
                format!(
                    "/usr/local/lib/ollama/llama-server --model {path} --port 34547 --host 127.0.0.1 --no-webui --offline -c {context} -np {PARALLEL} --log-verbosity 4 --no-log-prefix{embedding}"
                ),
            ),
        };
        let file = if self.version.is_llama_server() {
            "llama_server.go:433"
        } else {
            "server.go:433"
        };
        self.slog(
            start,
            &format!(r#"level=INFO source={file} msg="{message}" cmd="{cmd}""#),
        );
        self.totals.load("load_start", &digest(model), 0);
        self.room(start + 400, model);
        if has_buffers {
            self.buffers(start + 5 * MS, model);
        }
        start
    }

    fn done(&mut self, model: usize, start: u64, load: Load) {
        let end = start + (load.clock + load.millis) * MS;
        self.ends.retain(|other| other + REMEMBERED > start);
        self.ends.push(end);
        let took = (end - start) / MS - load.clock;
        let hundredths = (took + 5) / 10;
        if self.version.tells_load_done() {
            self.ended(end, hundredths);
            self.totals.load("load_done", &digest(model), hundredths);
            let count = self.runners.len() + 1;
            let loaded =
                format!(r#"level=INFO source=sched.go:561 msg="loaded runners" count={count}"#);
            self.slog(end, &loaded);
            // The engine of 0.24 tells it once.
            if self.version != Version::V0_24 || runs_on_llama_cpp(model) {
                self.ended(
                    end + load.twin,
                    (took * MS + load.twin + 5 * MS) / (10 * MS),
                );
            }
        }
        self.runners.push(Runner {
            model,
            ready: end + 2 * MS,
            slots: vec![Slot::default(); PARALLEL],
            next_task: 0,
        });
    }

    fn ended(&mut self, time: u64, hundredths: u64) {
        let file = if self.version.is_llama_server() {
            "llama_server.go:1362"
        } else {
            "server.go:1432"
        };
        let (runner, seconds, hundredths) =
            (self.version.runner(), hundredths / 100, hundredths % 100);
        let text = format!(
            r#"level=INFO source={file} msg="{runner} started in {seconds}.{hundredths:02} seconds""#
        );
        self.slog(time, &text);
    }

    fn failed(&mut self, model: usize, error: &str) {
        let text = format!(
            r#"level=INFO source=sched.go:511 msg="Load failed" model={} error="{error}""#,
            path(model)
        );
        self.slog(self.now, &text);
    }

    fn too_large(&mut self, model: usize) {
        self.now += MS;
        if self.version == Version::V0_1_34 {
            self.old_failure();
            return;
        }
        self.told(
            self.now,
            "model_too_large",
            r#"level=WARN source=server.go:1079 msg="model request too large for system" requested="47.7 GiB" available="22.2 GiB" total="23.5 GiB" free="22.2 GiB" swap="0 B""#,
        );
        self.failed(
            model,
            "model requires more system memory (47.7 GiB) than is available (22.2 GiB)",
        );
        self.totals.load("load_failed", &digest(model), 0);
    }

    fn no_memory(&mut self, model: usize, start: u64, load: Load) {
        self.now = start + (50 + load.millis / 10) * MS;
        if self.version == Version::V0_1_34 {
            self.old_failure();
            return;
        }
        let device = device(model);
        self.line(self.now, "ggml_backend_cuda_buffer_type_alloc_buffer: failed to allocate buffer of size 51539607584");
        self.line(
            self.now,
            format!("alloc_tensor_range: failed to allocate {device} buffer of size 51539607584"),
        );
        self.totals.event("allocation_failed");
        let error = if self.version.is_llama_server() {
            self.line(
                self.now,
                "srv  llama_server: exiting due to model loading error",
            );
            self.totals.event("model_load_error");
            "llama-server process has terminated: exit status 1"
        } else {
            "llama runner process has terminated: exit status 1"
        };
        self.now += MS;
        self.failed(model, error);
        self.totals.load("load_failed", &digest(model), 0);
    }

    /// 0.1.34 does not say which model it is.
    fn old_failure(&mut self) {
        self.slog(
            self.now,
            r#"level=ERROR source=sched.go:332 msg="error loading llama server" error="llama runner process no longer running: 1 error:failed to create context""#,
        );
        self.totals.load("load_failed", "", 0);
    }

    fn aborted(&mut self, model: usize, start: u64, load: Load) {
        self.now = start + (50 + load.millis / 2) * MS;
        let (file, runner) = if self.version.is_llama_server() {
            ("llama_server.go:1392", "llama-server")
        } else {
            ("server.go:1392", "llama runner")
        };
        let server = if self.version.is_llama_server() {
            "llama-server"
        } else {
            "server"
        };
        self.slog(
            self.now,
            &format!(r#"level=WARN source={file} msg="client connection closed before {server} finished loading, aborting load""#),
        );
        let is_alone = self.ends.iter().all(|end| *end < start);
        if is_alone {
            self.totals.load("load_aborted", &digest(model), 0);
        } else {
            self.totals.load_with_others("load_aborted", &digest(model));
        }
        self.now += load.twin.min(MS);
        self.failed(
            model,
            &format!("timed out waiting for {runner} to start: context canceled"),
        );
    }
}

/// Whether a model runs on llama.cpp where there is Ollama's own engine.
pub(super) fn runs_on_llama_cpp(model: usize) -> bool {
    model == 2
}

/// Each model has a GPU to itself.
pub(super) fn device(model: usize) -> String {
    format!("CUDA{model}")
}
