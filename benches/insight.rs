//! What insight costs a line. The bound is 1 µs for every shape that Ollama 0.30 and later prints for a request; most lines say nothing and must cost next to nothing.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shipper::insight::Reader;

/// One line of each shape, from cheap to dear.
const SHAPES: &[(&str, &str)] = &[
    (
        "native_noise",
        "llama_model_loader: - kv  13:                          qwen2.block_count u32              = 64",
    ),
    (
        "slog_noise",
        r#"time=2025-11-08T10:00:00.000Z level=INFO source=server.go:1384 msg="waiting for server to become available" status="llm server loading model""#,
    ),
    (
        "request",
        r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 25.362564666s |    192.168.3.22 | POST     "/api/generate""#,
    ),
    (
        "buffer",
        "load_tensors:        CUDA0 model buffer size =  4403.49 MiB",
    ),
    (
        "timing",
        "slot print_timing: id  0 | task 4 |        eval time =     200.50 ms /     9 tokens (   22.28 ms per token,    44.89 tokens per second)",
    ),
    (
        "task_noise",
        "srv   update_slots: - prompt 0x7f32a4005e40:     133 tokens, checkpoints:  0,     0.034 MiB",
    ),
    (
        "task_begin",
        "slot   operator(): id  0 | task 4 | new prompt, n_ctx_slot = 131072, n_keep = 4, task.n_tokens = 14892",
    ),
    (
        "task_cached",
        "slot   operator(): id  0 | task 4 | cached n_tokens = 40, memory_seq_rm [40, end)",
    ),
    (
        "task_end",
        "slot      release: id  0 | task 4 | stop processing: n_tokens = 218, truncated = 0",
    ),
    (
        "json_timing",
        r#"{"function":"print_timings","level":"INFO","line":271,"msg":"generation eval time =    1204.91 ms /    57 runs   (   21.14 ms per token,    47.31 tokens per second)","n_decoded":57,"n_tokens_second":47.31,"slot_id":0,"task_id":0,"tid":"1","timestamp":1714000000}"#,
    ),
    (
        "system_memory",
        r#"time=2026-03-27T00:19:25.239Z level=INFO source=sched.go:491 msg="system memory" total="24.0 GiB" free="23.0 GiB" free_swap="8.0 GiB""#,
    ),
    (
        "gpu_discovered",
        r#"time=2025-11-08T10:00:00.000Z level=INFO source=types.go:42 msg="inference compute" id=GPU-452cac9f-d3a2-4f5e-9c0b-0a1b2c3d4e5f filter_id="" library=CUDA compute=8.6 name=CUDA0 description="NVIDIA GeForce RTX 3090" libdirs=ollama,cuda_v13 driver=13.0 pci_id=0000:01:00.0 type=discrete total="24.0 GiB" available="23.5 GiB""#,
    ),
    (
        "offload",
        r#"time=2025-05-08T10:00:00.000Z level=INFO source=server.go:168 msg=offload library=cuda layers.requested=-1 layers.model=33 layers.offload=33 layers.split="" memory.available="[7.8 GiB]" memory.gpu_overhead="0 B" memory.required.full="5.0 GiB" memory.required.partial="5.0 GiB" memory.required.kv="1.0 GiB" memory.required.allocations="[5.0 GiB]" memory.weights.total="3.9 GiB" memory.weights.repeating="3.5 GiB" memory.weights.nonrepeating="411.0 MiB" memory.graph.full="560.0 MiB" memory.graph.partial="677.5 MiB""#,
    ),
    (
        "load_start",
        r#"time=2025-04-29T12:31:48.589+02:00 level=INFO source=server.go:405 msg="starting llama server" cmd="/usr/bin/ollama runner --model /var/lib/ollama/blobs/sha256-dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff --ctx-size 8192 --batch-size 512 --n-gpu-layers 33 --threads 8 --parallel 4 --port 44657""#,
    ),
    (
        "server_config",
        r#"time=2026-01-21T07:58:24.393Z level=INFO source=routes.go:1614 msg="server config" env="map[CUDA_VISIBLE_DEVICES: GGML_VK_VISIBLE_DEVICES: GPU_DEVICE_ORDINAL: HIP_VISIBLE_DEVICES: HSA_OVERRIDE_GFX_VERSION: HTTPS_PROXY: HTTP_PROXY: NO_PROXY: OLLAMA_CONTEXT_LENGTH:128000 OLLAMA_DEBUG:INFO OLLAMA_FLASH_ATTENTION:true OLLAMA_GPU_OVERHEAD:0 OLLAMA_HOST:http://0.0.0.0:11434 OLLAMA_KEEP_ALIVE:5m0s OLLAMA_KV_CACHE_TYPE: OLLAMA_LLM_LIBRARY: OLLAMA_LOAD_TIMEOUT:5m0s OLLAMA_MAX_LOADED_MODELS:0 OLLAMA_MAX_QUEUE:512 OLLAMA_MODELS:/models OLLAMA_NUM_PARALLEL:1 OLLAMA_ORIGINS:[http://localhost https://localhost http://localhost:* https://localhost:* http://127.0.0.1 https://127.0.0.1 http://127.0.0.1:* https://127.0.0.1:* app://* file://* tauri://* vscode-webview://* vscode-file://*] OLLAMA_REMOTES:[ollama.com] no_proxy:]""#,
    ),
];

fn shapes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insight");
    group.throughput(Throughput::Elements(1));
    for (name, line) in SHAPES {
        group.bench_function(*name, |bencher| {
            let (mut reader, mut out) = (Reader::default(), Vec::new());
            bencher.iter(|| {
                out.clear();
                reader.derive(black_box(line), &mut out);
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, shapes);
criterion_main!(benches);
