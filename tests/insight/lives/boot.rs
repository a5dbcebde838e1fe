//! A server's first lines.

use super::life::{Life, path};
use super::version::Version;

const GIB: u64 = 1 << 30;
/// GPUs of the host.
const GPUS: usize = 2;

impl Life {
    /// The server listens, and looks for GPUs.
    pub(super) fn boot(&mut self) {
        let version = self.version.name();
        self.slog(
            self.now,
            r#"level=INFO source=routes.go:1802 msg="server config" env="map[OLLAMA_KEEP_ALIVE:5m0s OLLAMA_MAX_LOADED_MODELS:0 OLLAMA_MAX_QUEUE:512 OLLAMA_NUM_PARALLEL:2 OLLAMA_ORIGINS:[a b]]""#,
        );
        let listens = format!(
            r#"level=INFO source=routes.go:1864 msg="Listening on [::]:11434 (version {version})""#
        );
        self.told(self.now, "server_start", &listens);
        // It is no load: the runner has no model.
        if self.version == Version::V0_24 {
            self.slog(
                self.now,
                r#"level=INFO source=server.go:433 msg="starting runner" cmd="/usr/local/bin/ollama runner --ollama-engine --port 39865""#,
            );
        }
        for gpu in 0..GPUS {
            self.gpu(gpu);
        }
        self.now += 100_000;
    }

    fn gpu(&mut self, gpu: usize) {
        let text = match self.version {
            Version::V0_1_34 => return,
            Version::V0_12 => format!(
                r#"id=GPU-{gpu}a library=cuda variant=v12 compute=8.6 driver=12.4 name="NVIDIA GeForce RTX 3090" total="24.0 GiB" available="23.5 GiB""#
            ),
            _ => format!(
                r#"id=GPU-{gpu}a filter_id="" library=CUDA compute=8.6 name=CUDA{gpu} description="NVIDIA GeForce RTX 3090" libdirs=ollama driver=13.0 pci_id=0000:01:00.0 type=discrete total="24.0 GiB" available="23.5 GiB""#
            ),
        };
        self.slog(
            self.now,
            &format!(r#"level=INFO source=types.go:60 msg="inference compute" {text}"#),
        );
        let id = format!("GPU-{gpu}a");
        self.totals.memory(&id, "total", 24 * GIB);
        self.totals.memory(&id, "available", 47 * GIB / 2);
    }

    /// What the server says of memory before it starts a runner for `model`.
    pub(super) fn room(&mut self, time: u64, model: usize) {
        if self.version == Version::V0_1_34 {
            self.slog(
                time,
                r#"level=INFO source=memory.go:152 msg="offload to gpu" layers.real=-1 layers.estimate=33 memory.available="15.0 GiB" memory.required.full="5.0 GiB" memory.required.partial="4.5 GiB" memory.required.kv="256.0 MiB""#,
            );
            self.totals.memory("gpu", "required", 5 * GIB);
            self.totals.memory("gpu", "required_vram", 9 * GIB / 2);
            return;
        }
        self.slog(
            time,
            r#"level=INFO source=sched.go:484 msg="system memory" total="62.5 GiB" free="40.5 GiB" free_swap="8.0 GiB""#,
        );
        for (part, halves) in [("total", 125), ("free", 81), ("free_swap", 16)] {
            self.totals.memory("system", part, halves * GIB / 2);
        }
        let gpu = model % GPUS;
        let library = if self.version == Version::V0_12 {
            ""
        } else {
            " library=CUDA"
        };
        self.slog(
            time,
            &format!(
                r#"level=INFO source=sched.go:490 msg="gpu memory" id=GPU-{gpu}a{library} available="20.0 GiB" free="20.5 GiB" minimum="457.0 MiB" overhead="0 B""#
            ),
        );
        let id = format!("GPU-{gpu}a");
        for (part, bytes) in [
            ("available", 20 * GIB),
            ("free", 41 * GIB / 2),
            ("minimum", 457 << 20),
            ("overhead", 0),
        ] {
            self.totals.memory(&id, part, bytes);
        }
    }

    /// A file whose metadata cannot be read: no runner is started for it.
    pub(super) fn bad_file(&mut self, model: usize) {
        if self.is_loaded(model) || self.version == Version::V0_1_34 {
            return;
        }
        let text = format!(
            r#"level=INFO source=sched.go:529 msg="failed to load model metadata" model={} error="invalid file magic""#,
            path(model)
        );
        self.slog(self.now, &text);
        self.totals
            .load("load_failed", &super::life::digest(model), 0);
        self.answered(model, "500", self.now, self.now + 900);
    }
}
