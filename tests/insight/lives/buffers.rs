//! What versions print of the memory that a loaded model takes.

use std::collections::BTreeMap;

use super::life::{Life, MS};
use super::loading::{device, runs_on_llama_cpp};
use super::version::Version;

/// Quarters of a MiB, which llama.cpp prints exactly.
const QUARTER: u64 = 1 << 18;

impl Life {
    /// Memory, as the runner and the server print it. It is printed before the next runner starts: lines of two loads could not be told apart.
    pub(super) fn buffers(&mut self, time: u64, model: usize) {
        match self.version {
            Version::V0_1_34 => self.native(
                time,
                model,
                [
                    "llm_load_tensors",
                    "llama_kv_cache_init",
                    "llama_new_context_with_model",
                    "llama_new_context_with_model",
                ],
                "",
            ),
            Version::V0_12 => self.estimated(time, model),
            Version::V0_24 => {
                self.estimated(time, model);
                if runs_on_llama_cpp(model) {
                    self.native(
                        time + MS,
                        model,
                        [
                            "load_tensors",
                            "llama_kv_cache",
                            "llama_context",
                            "llama_context",
                        ],
                        "model ",
                    );
                }
            }
            Version::V0_30 | Version::V0_33 => {
                self.native(
                    time,
                    model,
                    [
                        "load_tensors",
                        "llama_kv_cache",
                        "llama_context",
                        "sched_reserve",
                    ],
                    "model ",
                );
            }
        }
    }

    /// Lines of slog, one a device and part.
    fn estimated(&mut self, time: u64, model: usize) {
        let device = device(model);
        for operation in ["fit", "alloc", "commit"] {
            self.slog(time, &format!(r#"level=INFO source=runner.go:1297 msg=load request="{{Operation:{operation} LoraPath:[] Parallel:2 BatchSize:512 FlashAttention:Enabled KvSize:8192 KvCacheType: NumThreads:1 GPULayers:[] MultiUserCache:false ProjectorPath: MainGPU:0 UseMmap:false}}""#));
        }
        let file = if self.version == Version::V0_12 {
            "backend.go:310"
        } else {
            "device.go:245"
        };
        let gib = 4 + model as u64;
        for (message, part, size, bytes) in [
            (
                "model weights",
                "weights",
                format!("{gib}.5 GiB"),
                (2 * gib + 1) << 29,
            ),
            ("kv cache", "kv_cache", "544.0 MiB".to_owned(), 544 << 20),
            ("compute graph", "compute", "96.5 MiB".to_owned(), 193 << 19),
        ] {
            self.slog(
                time,
                &format!(
                    r#"level=INFO source={file} msg="{message}" device={device} size="{size}""#
                ),
            );
            self.totals.memory(&device, part, bytes);
        }
        self.slog(
            time,
            &format!(r#"level=INFO source={file} msg="total memory" size="{gib}.0 GiB""#),
        );
        self.totals.memory("all", "model", gib << 30);
        self.slog(
            time,
            r#"level=INFO source=ggml.go:502 msg="offloaded 33/33 layers to GPU""#,
        );
    }

    /// Lines of llama.cpp, by functions called `names`: those of one part of a device add up.
    fn native(&mut self, time: u64, model: usize, names: [&str; 4], weights: &str) {
        let [tensors, cache, output, compute] = names;
        let (own, size) = (device(model), 400 + 4 * model as u64);
        self.line(time, "print_info: n_merges         = 4");
        let mut buffers = vec![(tensors, own.clone(), weights, "weights", 43 * size + 1)];
        if self.version != Version::V0_1_34 {
            // Weights in two files have two lines.
            buffers.push((tensors, own.clone(), weights, "weights", size + 2));
        }
        buffers.push((
            output,
            "CUDA_Host".to_owned(),
            "output ",
            "output",
            2 + model as u64,
        ));
        buffers.push((cache, own.clone(), "KV ", "kv_cache", 2_304));
        if model == 1 && self.version.is_llama_server() {
            // A sliding window has two caches.
            buffers.push((cache, own.clone(), "KV ", "kv_cache", 181));
            buffers.push((
                "llama_memory_recurrent",
                own.clone(),
                "RS ",
                "recurrent_state",
                599,
            ));
        }
        buffers.push((compute, own, "compute ", "compute", size + 3));
        let mut held: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for (place, (function, device, kind, part, quarters)) in buffers.into_iter().enumerate() {
            let mib = format!("{}.{:02}", quarters / 4, quarters % 4 * 25);
            let time = time + 2 * MS * place as u64;
            self.line(
                time,
                format!("{function}: {device:>10} {kind}buffer size = {mib:>8} MiB"),
            );
            let sum = held.entry((device.clone(), part)).or_default();
            *sum += quarters * QUARTER;
            self.totals.memory(&device, part, *sum);
        }
        self.line(time, format!("{tensors}: offloaded 33/33 layers to GPU"));
    }
}
