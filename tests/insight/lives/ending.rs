//! How models leave memory and runners end: by order, by force, by their own fault, and with the server.

use super::life::{Life, MODELS, MS, Runner, path};
use super::version::Version;

impl Life {
    pub(super) fn unload(&mut self, model: usize, remembers_error: bool) {
        let version = self.version;
        if remembers_error && version.is_llama_server() {
            self.slog(
                self.now,
                r#"level=ERROR source=llama_server.go:2588 msg="llama-server terminated" error="signal: killed""#,
            );
        }
        if !self.debug {
            return;
        }
        let path = path(model);
        let runner = if version == Version::V0_1_34 {
            format!("model={path}")
        } else {
            format!(
                r#"runner.name=registry.ollama.ai/library/m{model}:latest runner.size="7.9 MiB" runner.vram="0 B" runner.parallel=1 runner.pid=16079 runner.model={path}"#
            )
        };
        for message in [
            "runner expired event received",
            "runner terminated and removed from list, blocking for VRAM recovery",
        ] {
            self.slog(
                self.now,
                &format!(r#"level=DEBUG source=sched.go:415 msg="{message}" {runner}"#),
            );
        }
        let sent =
            format!(r#"level=DEBUG source=sched.go:465 msg="sending an unloaded event" {runner}"#);
        self.told(self.now + MS, "unload", &sent);
        self.now += 2 * MS;
    }

    pub(super) fn evict(&mut self, model: usize) {
        let text = match self.version {
            Version::V0_1_34 => return,
            Version::V0_12 => {
                r#"level=INFO source=server.go:900 msg="model requires more memory than is currently available, evicting a model to make space" "loaded layers"=12"#
            }
            Version::V0_24 => {
                r#"level=INFO source=server.go:900 msg="model requires more gpu memory than is currently available, evicting a model to make space" "loaded layers"=0"#
            }
            Version::V0_30 | Version::V0_33 => {
                r#"level=INFO source=sched.go:900 msg="llama-server model predicted to exceed available memory, evicting" predicted="8.0 GiB" available="4.0 GiB" gpu_free="4.0 GiB" system_free="1.0 GiB""#
            }
        };
        if self.take_runner(model).is_some() {
            self.told(self.now, "eviction", text);
            self.unload(model, false);
        }
    }

    /// All others make room for one that is tried again.
    pub(super) fn evict_all(&mut self, but: usize) {
        if self.version.is_llama_server() {
            let count = self.runners.len();
            self.told(
                self.now,
                "eviction",
                &format!(r#"level=INFO source=sched.go:900 msg="evicting all other loaded models for OOM retry" count={count}"#),
            );
        }
        for model in (0..MODELS).filter(|model| *model != but) {
            if self.take_runner(model).is_some() {
                self.unload(model, false);
            }
        }
    }

    /// Somebody kills a runner: the server finds it gone, once or again and again.
    pub(super) fn kill(&mut self, runner: &Runner, midway: bool, looks: u64) {
        if midway {
            self.never_ends(runner);
            self.answered(runner.model, "200", self.now, self.now + 9 * MS);
            self.now += 9 * MS;
        }
        if self.version == Version::V0_1_34 {
            return;
        }
        self.found_gone(looks, r#"sys=9 string="signal: killed""#);
        self.totals.event("crash");
    }

    fn found_gone(&mut self, looks: u64, how: &str) {
        let (file, runner) = (self.server_file(), self.version.runner());
        for _ in 0..looks {
            self.slog(
                self.now,
                &format!(
                    r#"level=WARN source={file} msg="{runner} process no longer running" {how}"#
                ),
            );
            self.now += MS;
        }
        self.totals.event("runner_gone");
        self.has_death = true;
    }

    pub(super) fn crash(&mut self, model: usize, why: usize, is_looked_at: bool) {
        let (kind, text) = [
            (
                "assertion_failed",
                "ggml-cuda.cu:1234: GGML_ASSERT(ne00 % 4 == 0) failed",
            ),
            (
                "gpu_error",
                "CUDA error: an illegal memory access was encountered",
            ),
            (
                "panic",
                "panic: runtime error: index out of range [4] with length 4",
            ),
        ][why];
        self.line(self.now, text);
        self.totals.event(kind);
        self.now += MS;
        let failed = self.now;
        self.answered(model, "500", failed - MS, failed + 3 * MS);
        if self.version == Version::V0_1_34 {
            return;
        }
        let (file, runner) = (self.server_file(), self.version.runner());
        let ended =
            format!(r#"level=ERROR source={file} msg="{runner} terminated" error="exit status 2""#);
        self.told(failed, "crash", &ended);
        let broken = if self.version.is_llama_server() {
            "llama-server completion error"
        } else {
            "post predict"
        };
        let broken = format!(
            r#"level=ERROR source={file} msg="{broken}" error="Post \"http://127.0.0.1:40751/completion\": EOF""#
        );
        self.told(failed + MS, "generation_failed", &broken);
        self.now += 2 * MS;
        self.has_death = true;
        if is_looked_at {
            self.found_gone(2, r#"sys=2 string="exit status 2""#);
        }
    }

    pub(super) fn restart(&mut self, killed: bool) {
        self.now = self.now.max(self.until) + MS;
        if killed {
            for (kind, text) in [
                (
                    "unit_exited",
                    "Main process exited, code=killed, status=9/KILL",
                ),
                ("", "Failed with result 'signal'."),
                (
                    "unit_restart",
                    "Scheduled restart job, restart counter is at 1.",
                ),
                ("", "Started ollama.service - Ollama Service."),
            ] {
                self.systemd(self.now, &format!("ollama.service: {text}"));
                self.totals.event(kind);
                self.now += MS;
            }
        }
        self.runners.clear();
        self.tasks.clear();
        self.ends.clear();
        self.has_death = false;
        self.boot();
    }
}
