//! A line for each row and version range of the formats that Ollama has printed.

use super::support::{SHA, points};

/// Lines, with `SHA` for a digest, and what each must give.
pub(crate) type Table = &'static [(&'static str, &'static [&'static str])];

pub(crate) fn check(table: Table) {
    for (line, expected) in table {
        check_line(line, expected, line);
    }
}

/// Checks what one line gives; `title` says which it is.
pub(crate) fn check_line(line: &str, expected: &[&str], title: &str) {
    let line = line.replace("SHA", SHA);
    let expected: Vec<_> = expected
        .iter()
        .map(|point| point.replace("SHA", SHA))
        .collect();
    assert_eq!(points(&line), expected, "{title}");
}

#[test]
fn requests_of_every_shape_are_counted_once_with_their_latency() {
    check(&[
        (
            r#"[GIN] 2025/07/16 - 08:22:38 | 200 |         4m14s |   192.168.176.4 | POST     "/api/generate""#,
            &[
                "requests method=POST route=/api/generate status=200 client=192.168.176.4 latency_ms=254000",
            ],
        ),
        (
            r#"[GIN] 2024/05/01 - 10:00:00 | 200 |     414µs |             ::1 | GET      "/api/tags""#,
            &["requests method=GET route=/api/tags status=200 client=::1 latency_ms=0.414"],
        ),
        (
            r#"[GIN] 2024/05/01 - 10:00:00 | 200 |     186.069┬╡s |       127.0.0.1 | HEAD     "/""#,
            &["requests method=HEAD route=/ status=200 client=127.0.0.1 latency_ms=0.186069"],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 25.362564666s |    192.168.3.22 | POST     "/v1/messages?beta=true""#,
            &[
                "requests method=POST route=/v1/messages status=200 client=192.168.3.22 latency_ms=25362.564666",
            ],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 499 |        1h2m3s |       127.0.0.1 | POST     "/v1/chat/completions""#,
            &[
                "requests method=POST route=/v1/chat/completions status=499 client=127.0.0.1 latency_ms=3723000",
            ],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 503 |            0s |       127.0.0.1 | POST     "/api/chat""#,
            &["requests method=POST route=/api/chat status=503 client=127.0.0.1 latency_ms=0"],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 201 |      1.2778ms |       127.0.0.1 | POST     "/api/blobs/sha256:SHA""#,
            &[
                "requests method=POST route=/api/blobs/:digest status=201 client=127.0.0.1 latency_ms=1.2778",
            ],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 404 |        17.1µs |       127.0.0.1 | GET      "/wp-login.php?\"x\"""#,
            &["requests method=GET route=other status=404 client=127.0.0.1 latency_ms=0.0171"],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 405 |        17.1µs |       127.0.0.1 | PROPFIND "/api/chat""#,
            &[
                "requests method=other route=/api/chat status=405 client=127.0.0.1 latency_ms=0.0171",
            ],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 |        17.1µs |                 | GET      "/v1/models/llama3""#,
            &[
                "requests method=GET route=/v1/models/:model status=200 latency_ms=0.0171 model=\"llama3\"",
            ],
        ),
        (
            "[GIN] 2026/02/25 - 18:14:52 |\u{1b}[97;42m 200 \u{1b}[0m|      17.1µs |       127.0.0.1 |\u{1b}[97;46m POST    \u{1b}[0m \"/api/show\"",
            &["requests method=POST route=/api/show status=200 client=127.0.0.1 latency_ms=0.0171"],
        ),
        (
            "[GIN] 2026/02/25 - 18:14:52 | 500 |      17.1µs |       127.0.0.1 | POST     \"/api/show\"\nError #01: no\n",
            &["requests method=POST route=/api/show status=500 client=127.0.0.1 latency_ms=0.0171"],
        ),
    ]);
}

#[test]
fn what_only_resembles_a_request_is_none() {
    check(&[
        (
            "[GIN-debug] POST   /api/pull                 --> server.(*Server).PullHandler-fm (5 handlers)",
            &[],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1µs | 127.0.0.1 | GET "/api/tags"[GIN] 2026/02/25"#,
            &[],
        ),
        (
            r#"x[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1µs | 127.0.0.1 | GET "/api/tags""#,
            &[],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1µs | 127.0.0.1 | GET "/api/tags"#,
            &[],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1 | 127.0.0.1 | GET "/api/tags""#,
            &[],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 2000 | 17.1µs | 127.0.0.1 | GET "/api/tags""#,
            &[],
        ),
        (
            r#"[GIN] 2026/02/25 - 18:14:52 | 200 | 17.1µs | localhost | GET "/api/tags""#,
            &[],
        ),
        // The runner's own HTTP server.
        (
            r#"{"function":"log_server_request","level":"INFO","line":2741,"method":"POST","msg":"request","params":{},"path":"/completion","remote_addr":"127.0.0.1","remote_port":39456,"status":200,"tid":"1","timestamp":1}"#,
            &[],
        ),
        (
            "srv  log_server_r: done request: POST /completion 127.0.0.1 200",
            &[],
        ),
    ]);
}

#[test]
fn server_starts_and_their_configuration_are_read_in_every_form() {
    check(&[
        (
            r#"time=2026-01-21T07:58:24.397Z level=INFO source=routes.go:1667 msg="Listening on [::]:11434 (version 0.14.2)""#,
            &[r#"events kind=server_start version="0.14.2""#],
        ),
        // 0.7.0 and later.
        (
            r#"time=2026-01-21T07:58:24.393Z level=INFO source=routes.go:1614 msg="server config" env="map[CUDA_VISIBLE_DEVICES: HTTP_PROXY: OLLAMA_CONTEXT_LENGTH:128000 OLLAMA_DEBUG:INFO OLLAMA_KEEP_ALIVE:5m0s OLLAMA_MAX_LOADED_MODELS:0 OLLAMA_MAX_QUEUE:512 OLLAMA_NUM_PARALLEL:1 OLLAMA_ORIGINS:[http://localhost OLLAMA_MAX_QUEUE:7 https://x] no_proxy:]""#,
            &[
                "events kind=server_config context=128000i keep_alive_seconds=300 max_loaded_models=0i max_queue=512i parallel=1i",
            ],
        ),
        // 0.1.34 to 0.6.8: before slog.
        (
            r#"2025/03/05 06:59:46 routes.go:1215: INFO server config env="map[OLLAMA_KEEP_ALIVE:24h OLLAMA_MAX_LOADED_MODELS:3 OLLAMA_MAX_QUEUE:512 OLLAMA_NUM_PARALLEL:4 OLLAMA_ORIGINS:[a b]]""#,
            &[
                "events kind=server_config keep_alive_seconds=86400 max_loaded_models=3i max_queue=512i parallel=4i",
            ],
        ),
        // Kept for ever: Go's longest duration, which is no number of seconds to chart.
        (
            r#"time=2026-01-21T07:58:24.393Z level=INFO source=routes.go:1 msg="server config" env="map[OLLAMA_KEEP_ALIVE:2562047h47m16.854775807s OLLAMA_MAX_QUEUE:1]""#,
            &["events kind=server_config max_queue=1i"],
        ),
        // The runner's server, and llama-server's.
        (
            r#"time=2026-01-21T07:58:24.397Z level=INFO source=runner.go:1446 msg="Server listening on 127.0.0.1:40751""#,
            &[],
        ),
        (
            "srv  llama_server: server is listening on http://127.0.0.1:35259",
            &[],
        ),
    ]);
}

#[test]
fn gpus_are_discovered_in_every_form() {
    check(&[
        // 0.1.35 to 0.3.6.
        (
            r#"time=2024-06-16T07:54:57.385+08:00 level=INFO source=types.go:71 msg="inference compute" id=0 library=metal compute="" driver=0.0 name="" total="21.3 GiB" available="21.3 GiB""#,
            &[
                "memory device=metal0 part=total bytes=22870700851i",
                "memory device=metal0 part=available bytes=22870700851i",
                r#"events kind=gpu_discovered device="metal0" library="metal""#,
            ],
        ),
        // 0.3.7 to 0.12.3.
        (
            r#"time=2024-09-08T10:00:00.000Z level=INFO source=types.go:107 msg="inference compute" id=GPU-452cac9f library=cuda variant=v12 compute=8.6 driver=12.4 name="NVIDIA GeForce RTX 3090" total="23.7 GiB" available="23.4 GiB""#,
            &[
                "memory device=GPU-452cac9f part=total bytes=25447681229i",
                "memory device=GPU-452cac9f part=available bytes=25125558682i",
                r#"events kind=gpu_discovered device="GPU-452cac9f" library="cuda" name="NVIDIA GeForce RTX 3090" driver="12.4""#,
            ],
        ),
        // 0.12.4 and later: the product is in the description.
        (
            r#"time=2025-11-08T10:00:00.000Z level=INFO source=types.go:42 msg="inference compute" id=GPU-452cac9f filter_id="" library=CUDA compute=8.6 name=CUDA0 description="NVIDIA GeForce RTX 3090" libdirs=ollama,cuda_v13 driver=13.0 pci_id=0000:01:00.0 type=discrete total="24.0 GiB" available="512.0 MiB""#,
            &[
                "memory device=GPU-452cac9f part=total bytes=25769803776i",
                "memory device=GPU-452cac9f part=available bytes=536870912i",
                r#"events kind=gpu_discovered device="GPU-452cac9f" library="CUDA" name="NVIDIA GeForce RTX 3090" driver="13.0""#,
            ],
        ),
        // No GPU: a row for the CPU, and a message of its own up to 0.12.3.
        (
            r#"time=2026-09-02T16:52:04.751Z level=INFO source=types.go:60 msg="inference compute" id=cpu library=cpu compute="" name=cpu description=cpu libdirs=ollama driver="" pci_id="" type="" total="6.7 GiB" available="6.0 GiB""#,
            &[
                "memory device=cpu part=total bytes=7194070221i",
                "memory device=cpu part=available bytes=6442450944i",
                "events kind=no_gpu",
            ],
        ),
        (
            r#"time=2024-09-08T10:00:00.000Z level=INFO source=gpu.go:199 msg="looking for compatible GPUs""#,
            &[],
        ),
        (
            r#"time=2024-09-08T10:00:00.000Z level=INFO source=gpu.go:347 msg="no compatible GPUs were discovered""#,
            &["events kind=no_gpu"],
        ),
        (
            r#"time=2025-11-08T10:00:00.000Z level=INFO source=runner.go:67 msg="discovering available GPUs...""#,
            &[],
        ),
        (
            r#"time=2025-11-08T10:00:00.000Z level=INFO source=runner.go:443 msg="failure during GPU discovery" OLLAMA_LIBRARY_PATH="[/usr/lib/ollama /usr/lib/ollama/cuda_v13]" extra_envs=map[] error="failed to finish discovery before timeout""#,
            &[
                r#"events kind=gpu_discovery_failed error="failed to finish discovery before timeout""#,
            ],
        ),
        (
            r#"time=2026-11-08T10:00:00.000Z level=INFO source=runner.go:443 msg="failure during llama-server GPU discovery" OLLAMA_LIBRARY_PATH=[/usr/lib/ollama] extra_envs=map[] error=EOF"#,
            &[r#"events kind=gpu_discovery_failed error="EOF""#],
        ),
        (
            r#"time=2025-11-08T10:00:00.000Z level=WARN source=runner.go:383 msg="unable to refresh free memory, using old values""#,
            &["events kind=vram_stale"],
        ),
    ]);
}

#[test]
fn memory_before_a_load_is_read_with_its_units() {
    check(&[
        (
            r#"time=2025-10-01T00:00:00.000Z level=INFO source=routes.go:1453 msg="entering low vram mode" "total vram"="0 B" threshold="20.0 GiB""#,
            &[
                "memory device=all part=total bytes=0i",
                "events kind=low_vram",
            ],
        ),
        (
            r#"time=2026-09-02T16:52:04.751Z level=INFO source=routes.go:2058 msg="vram-based default context" total_vram="24.0 GiB" default_num_ctx=32768"#,
            &[
                "memory device=all part=total bytes=25769803776i",
                "events kind=default_context context=32768i",
            ],
        ),
        (
            r#"time=2026-03-27T00:19:25.239Z level=INFO source=sched.go:491 msg="system memory" total="24.0 GiB" free="23.0 GiB" free_swap="8.0 GiB""#,
            &[
                "memory device=system part=total bytes=25769803776i",
                "memory device=system part=free bytes=24696061952i",
                "memory device=system part=free_swap bytes=8589934592i",
            ],
        ),
        // 0.11.5 to 0.12.3: no library.
        (
            r#"time=2025-09-01T00:00:00.000Z level=INFO source=sched.go:477 msg="gpu memory" id=GPU-1 available="4.5 GiB" free="5.0 GiB" minimum="457.0 MiB" overhead="0 B""#,
            &[
                "memory device=GPU-1 part=available bytes=4831838208i",
                "memory device=GPU-1 part=free bytes=5368709120i",
                "memory device=GPU-1 part=minimum bytes=479199232i",
                "memory device=GPU-1 part=overhead bytes=0i",
            ],
        ),
        (
            r#"time=2026-06-28T20:51:02.167+02:00 level=INFO source=sched.go:630 msg="gpu memory" id=0 library=CUDA available="4.5 GiB" free="5.0 GiB" minimum="457.0 MiB" overhead="0 B""#,
            &[
                "memory device=CUDA0 part=available bytes=4831838208i",
                "memory device=CUDA0 part=free bytes=5368709120i",
                "memory device=CUDA0 part=minimum bytes=479199232i",
                "memory device=CUDA0 part=overhead bytes=0i",
            ],
        ),
        // `available` is raw bytes here.
        (
            r#"time=2024-08-19T14:10:00.000Z level=INFO source=sched.go:710 msg="new model will fit in available VRAM in single GPU, loading" model=/x/blobs/sha256-SHA gpu=GPU-1 parallel=4 available=25149636608 required="6.2 GiB""#,
            &[
                "memory device=GPU-1 part=available bytes=25149636608i",
                "memory device=GPU-1 part=required bytes=6657199309i",
            ],
        ),
        (
            r#"time=2024-08-19T14:10:00.000Z level=INFO source=memory.go:1 msg="new model will fit in available VRAM, loading" model=/x/blobs/sha256-SHA library=cuda parallel=4 required="6.0 GiB""#,
            &["memory device=cuda part=required bytes=6442450944i"],
        ),
        (
            r#"time=2025-09-19T14:10:00.000Z level=INFO source=memory.go:1 msg="new model will fit in available VRAM across minimum required GPUs, loading" model=/x/blobs/sha256-SHA library=cuda parallel=4 required="6.0 GiB" gpus=2"#,
            &["memory device=cuda part=required bytes=6442450944i"],
        ),
        (
            r#"time=2026-02-25T18:14:52.494+08:00 level=INFO source=sched.go:689 msg="updated VRAM based on existing loaded models" gpu=0 library=Metal total="25.0 GiB" available="16.0 GiB""#,
            &[
                "memory device=Metal0 part=total bytes=26843545600i",
                "memory device=Metal0 part=available bytes=17179869184i",
            ],
        ),
        (
            r#"time=2024-05-25T18:14:52.494+08:00 level=INFO source=sched.go:1 msg="updated VRAM" gpu=GPU-1 library=cuda total="25.0 GiB" available="16.0 GiB""#,
            &[
                "memory device=GPU-1 part=total bytes=26843545600i",
                "memory device=GPU-1 part=available bytes=17179869184i",
            ],
        ),
    ]);
}

#[test]
fn the_estimate_of_layers_is_never_what_was_asked_for() {
    check(&[
        // 0.1.32: reallayers is what was asked for.
        (
            r#"time=2024-04-19T00:00:00.000Z level=INFO source=server.go:127 msg="offload to gpu" reallayers=99 layers=27 required="4724.5 MiB" used="4724.5 MiB" available="22958.3 MiB" kv="256.0 MiB" fulloffload="164.0 MiB" partialoffload="181.0 MiB""#,
            &[r#"events kind=offload_estimate device="gpu" layers=27i"#],
        ),
        // 0.1.33 to 0.1.37: layers.real is what was asked for, here without a limit.
        (
            r#"time=2024-05-05T00:00:00.000Z level=INFO source=memory.go:152 msg="offload to gpu" layers.real=-1 layers.estimate=33 memory.available="15.0 GiB" memory.required.full="5.0 GiB" memory.required.partial="4.0 GiB" memory.required.kv="256.0 MiB""#,
            &[
                "memory device=gpu part=required bytes=5368709120i",
                "memory device=gpu part=required_vram bytes=4294967296i",
                r#"events kind=offload_estimate device="gpu" layers=33i"#,
            ],
        ),
        // 0.1.38 to 0.1.44: layers.real is the estimate.
        (
            r#"time=2024-05-27T12:33:12.567Z level=INFO source=memory.go:133 msg="offload to gpu" layers.requested=-1 layers.real=5 memory.available="7.8 GiB" memory.required.full="38.0 GiB" memory.required.partial="7.0 GiB" memory.required.kv="2.5 GiB""#,
            &[
                "memory device=gpu part=required bytes=40802189312i",
                "memory device=gpu part=required_vram bytes=7516192768i",
                r#"events kind=offload_estimate device="gpu" layers=5i"#,
            ],
        ),
        // 0.1.45 to 0.5.11.
        (
            r#"time=2024-09-08T10:00:00.000Z level=INFO source=memory.go:309 msg="offload to cuda" layers.requested=-1 layers.model=33 layers.offload=30 layers.split=15,15 memory.available="[7.8 GiB 7.8 GiB]" memory.gpu_overhead="0 B" memory.required.full="5.0 GiB" memory.required.partial="4.0 GiB" memory.required.kv="1.0 GiB" memory.required.allocations="[2.0 GiB 2.0 GiB]" memory.weights.total="3.9 GiB""#,
            &[
                "memory device=cuda part=required bytes=5368709120i",
                "memory device=cuda part=required_vram bytes=4294967296i",
                r#"events kind=offload_estimate device="cuda" layers=30i layers_total=33i"#,
            ],
        ),
        // 0.5.12 to 0.12.10.
        (
            r#"time=2025-05-08T10:00:00.000Z level=INFO source=server.go:168 msg=offload library=cuda layers.requested=-1 layers.model=33 layers.offload=0 layers.split="" memory.available="[7.8 GiB]" memory.gpu_overhead="0 B" memory.required.full="5.0 GiB" memory.required.partial="0 B""#,
            &[
                "memory device=cuda part=required bytes=5368709120i",
                "memory device=cuda part=required_vram bytes=0i",
                r#"events kind=offload_estimate device="cuda" layers=0i layers_total=33i"#,
            ],
        ),
    ]);
}

#[test]
fn a_load_starts_where_a_runner_gets_a_model() {
    check(&[
        // 0.1.32 to 0.11.4: the context is that of all sequences.
        (
            r#"time=2025-04-29T12:31:48.589+02:00 level=INFO source=server.go:405 msg="starting llama server" cmd="/usr/bin/ollama runner --model /var/lib/ollama/blobs/sha256-SHA --ctx-size 8192 --batch-size 512 --n-gpu-layers 33 --threads 8 --parallel 4 --port 44657""#,
            &[r#"events kind=load_start model_sha256="SHA" context=2048i parallel=4i"#],
        ),
        (
            r#"time=2024-04-19T12:31:48.589+02:00 level=INFO source=server.go:264 msg="starting llama server" cmd="/tmp/ollama1/runners/cuda_v11/ollama_llama_server --model C:\\My Files\\blobs\\sha256-SHA --ctx-size 2048 --batch-size 512 --embedding --log-disable --n-gpu-layers 33 --port 37017""#,
            &[r#"events kind=load_start model_sha256="SHA" context=2048i"#],
        ),
        // 0.11.5 to 0.24.0.
        (
            r#"time=2026-03-27T00:19:25.239Z level=INFO source=server.go:431 msg="starting runner" cmd="/usr/bin/ollama runner --ollama-engine --model /root/.ollama/models/blobs/sha256-SHA --port 40751""#,
            &[r#"events kind=load_start model_sha256="SHA""#],
        ),
        // Without a model it only looks for GPUs.
        (
            r#"time=2026-03-27T00:19:25.239Z level=INFO source=server.go:431 msg="starting runner" cmd="/usr/bin/ollama runner --ollama-engine --port 40751""#,
            &[],
        ),
        // 0.30 and later; the projector's digest is not the model's.
        (
            r#"time=2026-09-02T16:52:34.600Z level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/lib/ollama/llama-server --model /root/.ollama/models/blobs/sha256-SHA --port 44067 --host 127.0.0.1 --no-webui --offline -c 8192 -np 2 --log-verbosity 4 --mmproj /root/.ollama/models/blobs/sha256-70ca26e41ecea9da997e2887462ad68b848fbf64da011ff4107bbe7353519ee0 --flash-attn auto -b 1024 -ub 1024 --context-shift --keep 4""#,
            &[r#"events kind=load_start model_sha256="SHA" context=4096i parallel=2i"#],
        ),
        // A context that its sequences cannot share evenly is not one to show.
        (
            r#"time=2026-09-02T16:52:34.600Z level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/lib/ollama/llama-server --model /x/sha256-SHA -c 8191 -np 2""#,
            &[r#"events kind=load_start model_sha256="SHA" parallel=2i"#],
        ),
        (
            r#"time=2026-09-02T16:52:34.600Z level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/lib/ollama/llama-server --model /x/plain.gguf -c 8192 -np 0""#,
            &[r#"events kind=load_start parallel=0i"#],
        ),
        (
            r#"time=2026-06-22T18:36:56.556+07:00 level=INFO source=client.go:367 msg="starting mlx runner subprocess" model=gemma4:26b-mlx port=100"#,
            &[r#"events kind=load_start model="gemma4:26b-mlx""#],
        ),
        (
            r#"time=2026-09-02T16:52:34.597Z level=INFO source=server.go:109 msg="using llama-server for model" model=/x/blobs/sha256-SHA"#,
            &[],
        ),
        (
            r#"time=2026-09-02T16:52:34.597Z level=INFO source=llama_server.go:1048 msg="loading model via llama-server" model=/x/blobs/sha256-SHA"#,
            &[],
        ),
    ]);
}

#[test]
fn the_steps_of_a_load_are_told_apart() {
    check(&[
        (
            r#"time=2026-03-27T00:19:25.239Z level=INFO source=server.go:757 msg="loading model" "model layers"=7 requested=-1"#,
            &["events kind=load_plan layers_total=7i"],
        ),
        (
            r#"time=2026-03-27T00:19:25.273Z level=INFO source=runner.go:1284 msg=load request="{Operation:commit LoraPath:[] Parallel:4 BatchSize:512 FlashAttention:false KvSize:16384 KvCacheType: NumThreads:8 GPULayers:33[ID:GPU-1 Layers:33(0..32)] MultiUserCache:false ProjectorPath: MainGPU:0 UseMmap:false}""#,
            &["events kind=load_commit context=4096i parallel=4i"],
        ),
        (
            r#"time=2026-03-27T00:19:25.273Z level=INFO source=runner.go:1284 msg=load request="{Operation:fit LoraPath:[] Parallel:4 BatchSize:512 KvSize:16384}""#,
            &[],
        ),
        (
            r#"time=2026-03-27T00:19:25.273Z level=INFO source=runner.go:1284 msg=load request="{Operation:alloc LoraPath:[] Parallel:4 BatchSize:512 KvSize:16384}""#,
            &[],
        ),
        (
            r#"time=2026-03-27T00:19:25.273Z level=INFO source=runner.go:1284 msg=load request="{Operation:close LoraPath:[] Parallel:0 BatchSize:0 KvSize:0}""#,
            &[],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=ggml.go:494 msg="offloaded 0/7 layers to GPU""#,
            &["events kind=layers layers=0i layers_total=7i"],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=device.go:245 msg="model weights" device=CUDA0 size="65.5 MiB""#,
            &["memory device=CUDA0 part=weights bytes=68681728i"],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=device.go:256 msg="kv cache" device=CPU size="1.5 GiB""#,
            &["memory device=CPU part=kv_cache bytes=1610612736i"],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=device.go:267 msg="compute graph" device=CPU size="96.0 KiB""#,
            &["memory device=CPU part=compute bytes=98304i"],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=device.go:272 msg="total memory" size="11.5 GiB""#,
            &["memory device=all part=model bytes=12348030976i"],
        ),
        // 0.6.0 to 0.11.4; no size up to 0.6.5.
        (
            r#"time=2025-04-26T23:40:07.926Z level=INFO source=ggml.go:298 msg="model weights" buffer=CUDA0 size="1.5 GiB""#,
            &["memory device=CUDA0 part=weights bytes=1610612736i"],
        ),
        (
            r#"time=2025-04-26T23:40:07.926Z level=INFO source=ggml.go:553 msg="compute graph" backend=CUDA0 buffer_type=CUDA0 size="1.5 GiB""#,
            &["memory device=CUDA0 part=compute bytes=1610612736i"],
        ),
        (
            r#"time=2025-03-26T23:40:07.926Z level=INFO source=ggml.go:553 msg="compute graph" backend=CUDA0 buffer_type=CUDA0"#,
            &[],
        ),
        (
            r#"time=2025-03-26T23:40:07.926Z level=INFO source=server.go:589 msg="waiting for server to become available" status="llm server not responding""#,
            &[],
        ),
        (
            r#"time=2026-03-26T23:40:07.926Z level=INFO source=llama_server.go:589 msg="waiting for llama-server to become available" status="llm server loading model""#,
            &[],
        ),
        (
            r#"time=2025-07-16T08:20:47.858Z level=INFO source=server.go:637 msg="llama runner started in 141.59 seconds""#,
            &["events kind=load_done seconds=141.59"],
        ),
        (
            r#"time=2026-08-19T08:08:36.523-05:00 level=INFO source=llama_server.go:1362 msg="llama-server started in 28.08 seconds""#,
            &["events kind=load_done seconds=28.08"],
        ),
        (
            r#"time=2026-08-18T13:17:06.831+08:00 level=INFO source=client.go:106 msg="mlx runner is ready" port=56223"#,
            &["events kind=load_done"],
        ),
        (
            r#"time=2026-08-18T13:17:06.831+08:00 level=INFO source=sched.go:566 msg="loaded runners" count=3"#,
            &["events kind=loaded_models count=3i"],
        ),
        (
            r#"time=2026-01-10T14:48:00.000+01:00 level=INFO source=images.go:373 msg="template selection" model=registry.ollama.ai/library/qwen3.5:9b selected=renderer_parser"#,
            &[r#"events kind=model_selected model="qwen3.5:9b""#],
        ),
        (
            r#"time=2026-01-10T14:48:00.000+01:00 level=INFO source=images.go:373 msg="template selection" model=hf.co/user/model:Q4 selected=renderer_parser"#,
            &[r#"events kind=model_selected model="hf.co/user/model:Q4""#],
        ),
        (
            r#"time=2026-06-22T19:29:32.938+07:00 level=INFO source=client.go:126 msg="stopping mlx runner subprocess" pid=999"#,
            &["events kind=unload"],
        ),
        (
            r#"time=2026-06-22T19:29:32.938+07:00 level=INFO source=runner.go:1 msg="peak memory" size="8.25 GiB""#,
            &["memory device=all part=peak bytes=8858370048i"],
        ),
        (
            r#"time=2026-06-22T19:29:32.938+07:00 level=INFO source=runner.go:1 msg="Prompt processing progress" processed=336 total=337"#,
            &[],
        ),
    ]);
}

#[test]
fn evictions_and_unloads_are_events() {
    check(&[
        (
            r#"time=2025-09-01T00:00:00.000Z level=INFO source=server.go:900 msg="model requires more memory than is currently available, evicting a model to make space" "loaded layers"=12"#,
            &["events kind=eviction layers=12i"],
        ),
        (
            r#"time=2025-12-01T00:00:00.000Z level=INFO source=server.go:900 msg="model requires more gpu memory than is currently available, evicting a model to make space" "loaded layers"=0"#,
            &["events kind=eviction layers=0i"],
        ),
        (
            r#"time=2025-12-01T00:00:00.000Z level=INFO source=server.go:900 msg="model requires more system memory than is currently available, evicting a model to make space" required=8589934592 free=4294967296"#,
            &["events kind=eviction required_bytes=8589934592i free_bytes=4294967296i"],
        ),
        (
            r#"time=2026-09-01T00:00:00.000Z level=INFO source=sched.go:900 msg="llama-server model predicted to exceed available memory, evicting" predicted="8.0 GiB" available="4.0 GiB" gpu_free="4.0 GiB" system_free="1.0 GiB""#,
            &["events kind=eviction required_bytes=8589934592i free_bytes=4294967296i"],
        ),
        (
            r#"time=2026-09-01T00:00:00.000Z level=INFO source=sched.go:900 msg="evicting all other loaded models for OOM retry" count=2"#,
            &["events kind=eviction count=2i"],
        ),
        // Of the lines of an unload one counts.
        (
            r#"time=2024-05-25T00:00:00.000Z level=DEBUG source=sched.go:1 msg="runner expired event received" modelPath=/x/blobs/sha256-SHA"#,
            &[],
        ),
        (
            r#"time=2024-05-25T00:00:00.000Z level=DEBUG source=sched.go:1 msg="timer expired, expiring to unload" modelPath=/x/blobs/sha256-SHA"#,
            &[],
        ),
        (
            r#"time=2024-05-05T00:00:00.000Z level=DEBUG source=sched.go:1 msg="sending an unloaded event" model=/x/blobs/sha256-SHA"#,
            &[r#"events kind=unload model_sha256="SHA""#],
        ),
        (
            r#"time=2024-05-25T00:00:00.000Z level=DEBUG source=sched.go:1 msg="sending an unloaded event" modelPath=/x/blobs/sha256-SHA"#,
            &[r#"events kind=unload model_sha256="SHA""#],
        ),
        // It comes only when another request waits.
        (
            r#"time=2024-05-25T00:00:00.000Z level=DEBUG source=sched.go:1 msg="unload completed" modelPath=/x/blobs/sha256-SHA"#,
            &[],
        ),
        (
            r#"time=2025-10-03T13:18:05.002+02:00 level=DEBUG source=sched.go:482 msg="sending an unloaded event" runner.name=registry.ollama.ai/library/llama3.2:latest runner.inference=cpu runner.devices=1 runner.size="2.6 GiB" runner.vram="0 B" runner.parallel=1 runner.pid=27080 runner.model=/usr/share/ollama/.ollama/models/blobs/sha256-SHA runner.num_ctx=4096"#,
            &[r#"events kind=unload model_sha256="SHA" model="llama3.2:latest""#],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=WARN source=sched.go:647 msg="gpu VRAM usage didn't recover within timeout" seconds=5.604140987 model=/root/.ollama/models/blobs/sha256-SHA"#,
            &[r#"events kind=vram_not_recovered model_sha256="SHA" seconds=5.60414"#],
        ),
    ]);
}

#[test]
fn what_a_client_notices_is_an_event() {
    check(&[
        // Up to 0.4.5, and since.
        (
            r#"time=2024-09-05T06:59:00.224Z level=WARN source=runner.go:126 msg="truncating input prompt" limit=2048 prompt=5000 numKeep=5"#,
            &["events kind=truncation limit=2048i prompt_tokens=5000i"],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=WARN source=runner.go:131 msg="truncating input prompt" limit=4096 prompt=5000 keep=5 new=4096"#,
            &["events kind=truncation limit=4096i prompt_tokens=5000i tokens=4096i"],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=WARN source=server.go:114 msg="requested context size too large for model" num_ctx=262144 num_parallel=4 n_ctx_train=40960"#,
            &["events kind=context_too_large context=65536i limit=40960i"],
        ),
        (
            r#"time=2026-03-05T06:59:00.224Z level=WARN source=server.go:114 msg="requested context size too large for model" num_ctx=262144 n_ctx_train=40960"#,
            &["events kind=context_too_large context=262144i limit=40960i"],
        ),
        (
            r#"time=2025-03-17T07:09:31.565Z level=INFO source=runner.go:654 msg="aborting completion request due to client closing the connection""#,
            &["events kind=abort"],
        ),
        (
            r#"time=2026-03-17T07:09:31.565Z level=INFO source=llama_server.go:654 msg="aborting chat request due to client closing the connection""#,
            &["events kind=abort"],
        ),
        (
            r#"time=2025-03-17T07:09:31.565Z level=WARN source=server.go:596 msg="client connection closed before server finished loading, aborting load""#,
            &["events kind=load_aborted"],
        ),
        (
            r#"time=2026-03-17T07:09:31.565Z level=WARN source=llama_server.go:596 msg="client connection closed before llama-server finished loading, aborting load""#,
            &["events kind=load_aborted"],
        ),
    ]);
}

#[test]
fn failures_are_events_whatever_their_level() {
    check(&[
        // Raw bytes 0.2.2 to 0.11.4, sizes later; another key in 0.2.0 and 0.2.1.
        (
            r#"time=2024-08-05T06:59:00.224Z level=WARN source=server.go:135 msg="model request too large for system" requested=41943040000 available=16777216000 total="31.2 GiB" free="20.0 GiB" swap="2.0 GiB""#,
            &["events kind=model_too_large required_bytes=41943040000i free_bytes=16777216000i"],
        ),
        (
            r#"time=2025-10-05T06:59:00.224Z level=WARN source=server.go:135 msg="model request too large for system" requested="8.0 GiB" available="4.0 GiB" total="31.2 GiB" free="20.0 GiB" swap="2.0 GiB""#,
            &["events kind=model_too_large required_bytes=8589934592i free_bytes=4294967296i"],
        ),
        (
            r#"time=2024-07-05T06:59:00.224Z level=WARN source=server.go:135 msg="model request too large for system" requested=41943040000 system="31.2 GiB""#,
            &["events kind=model_too_large required_bytes=41943040000i"],
        ),
        (
            r#"time=2026-02-05T06:59:00.224Z level=INFO source=sched.go:470 msg="Load failed" model=/x/blobs/sha256-SHA error="do load request: EOF""#,
            &[r#"events kind=load_failed model_sha256="SHA" error="do load request: EOF""#],
        ),
        (
            r#"time=2025-02-05T06:59:00.224Z level=INFO source=sched.go:470 msg="NewLlamaServer failed" model=/x/blobs/sha256-SHA error="unable to load model: \"x\"\nbad""#,
            &[
                r#"events kind=load_failed model_sha256="SHA" error="unable to load model: \"x\"\nbad""#,
            ],
        ),
        (
            r#"time=2026-05-05T06:59:00.224Z level=INFO source=sched.go:470 msg="failed to create server" model=/x/blobs/sha256-SHA error=EOF"#,
            &[r#"events kind=load_failed model_sha256="SHA" error="EOF""#],
        ),
        (
            r#"time=2025-02-05T06:59:00.224Z level=ERROR source=sched.go:456 msg="error loading llama server" error="llama runner process has terminated: exit status 2""#,
            &[
                r#"events kind=load_failed error="llama runner process has terminated: exit status 2""#,
            ],
        ),
        (
            r#"time=2025-02-05T06:59:00.224Z level=WARN source=server.go:600 msg="llama runner process no longer running" sys=9 string="signal: killed""#,
            &[r#"events kind=runner_gone error="signal: killed""#],
        ),
        (
            r#"time=2026-02-05T06:59:00.224Z level=WARN source=llama_server.go:600 msg="llama-server process no longer running" sys=9 string="signal: killed""#,
            &[r#"events kind=runner_gone error="signal: killed""#],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=ERROR source=server.go:449 msg="llama runner terminated" error="exit status 2""#,
            &[r#"events kind=crash error="exit status 2""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=ERROR source=llama_server.go:449 msg="llama-server terminated" error="signal: segmentation fault""#,
            &[r#"events kind=crash error="signal: segmentation fault""#],
        ),
        (
            r#"time=2025-09-05T06:59:00.224Z level=ERROR source=server.go:1459 msg="post predict" error="Post \"http://127.0.0.1:40751/completion\": EOF""#,
            &[
                r#"events kind=generation_failed error="Post \"http://127.0.0.1:40751/completion\": EOF""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=sched.go:700 msg="llama-server load failed; retrying with a smaller context" model=/x/blobs/sha256-SHA error="out of memory" old_num_ctx=8192 new_num_ctx=4096"#,
            &[r#"events kind=oom_retry model_sha256="SHA" error="out of memory""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=sched.go:700 msg="runtime OOM detected; expiring loaded models" model=/x/blobs/sha256-SHA error="CUDA error: out of memory""#,
            &[r#"events kind=oom_retry model_sha256="SHA" error="CUDA error: out of memory""#],
        ),
    ]);
}

#[test]
fn native_errors_are_events_of_one_kind_each() {
    check(&[
        (
            "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 1918.36 MiB on device 0: cudaMalloc failed: out of memory",
            &[
                r#"events kind=oom error="ggml_backend_cuda_buffer_type_alloc_buffer: allocating 1918.36 MiB on device 0: cudaMalloc failed: out of memory""#,
            ],
        ),
        (
            "ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 2011545600",
            &[
                r#"events kind=allocation_failed required_bytes=2011545600i error="ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 2011545600""#,
            ],
        ),
        (
            "CUDA error: an illegal memory access was encountered",
            &[
                r#"events kind=gpu_error error="CUDA error: an illegal memory access was encountered""#,
            ],
        ),
        (
            "ROCm error: invalid device function",
            &[r#"events kind=gpu_error error="ROCm error: invalid device function""#],
        ),
        (
            "ggml.c:3066: GGML_ASSERT(ctx->mem_buffer != NULL) failed",
            &[
                r#"events kind=assertion_failed error="ggml.c:3066: GGML_ASSERT(ctx->mem_buffer != NULL) failed""#,
            ],
        ),
        (
            "GGML_ASSERT: llama.cpp:123: x == y",
            &[r#"events kind=assertion_failed error="GGML_ASSERT: llama.cpp:123: x == y""#],
        ),
        (
            "panic: runtime error: index out of range [1] with length 1",
            &[
                r#"events kind=panic error="panic: runtime error: index out of range [1] with length 1""#,
            ],
        ),
        (
            "fatal error: fault",
            &[r#"events kind=panic error="fatal error: fault""#],
        ),
        (
            "SIGABRT: abort",
            &[r#"events kind=signal error="SIGABRT: abort""#],
        ),
    ]);
}

#[test]
fn native_buffers_and_layers_are_read_under_every_name_their_function_had() {
    check(&[
        (
            "llm_load_tensors:      CUDA0 buffer size =  3847.55 MiB",
            &["memory device=CUDA0 part=weights bytes=4034448589i"],
        ),
        (
            "llm_load_tensors:   CPU_Mapped model buffer size =  8566.04 MiB",
            &["memory device=CPU_Mapped part=weights bytes=8982143959i"],
        ),
        (
            "load_tensors:        CUDA0 model buffer size =  4403.50 MiB",
            &["memory device=CUDA0 part=weights bytes=4617404416i"],
        ),
        (
            "llama_kv_cache_init:      CUDA0 KV buffer size =   256.00 MiB",
            &["memory device=CUDA0 part=kv_cache bytes=268435456i"],
        ),
        (
            "llama_kv_cache_unified:        CPU KV buffer size =  1024.00 MiB",
            &["memory device=CPU part=kv_cache bytes=1073741824i"],
        ),
        (
            "llama_kv_cache:      Metal KV buffer size =  1280.00 MiB",
            &["memory device=Metal part=kv_cache bytes=1342177280i"],
        ),
        (
            "llama_new_context_with_model:  CUDA_Host  output buffer size =     0.50 MiB",
            &["memory device=CUDA_Host part=output bytes=524288i"],
        ),
        (
            "llama_init_from_model:      CUDA0 compute buffer size =   258.50 MiB",
            &["memory device=CUDA0 part=compute bytes=271056896i"],
        ),
        (
            "llama_context:        CPU  output buffer size =     0.50 MiB",
            &["memory device=CPU part=output bytes=524288i"],
        ),
        (
            "sched_reserve:      CUDA0 compute buffer size =   300.00 MiB",
            &["memory device=CUDA0 part=compute bytes=314572800i"],
        ),
        (
            "llm_load_tensors: offloaded 33/33 layers to GPU",
            &["events kind=layers layers=33i layers_total=33i"],
        ),
        (
            "load_tensors: offloaded 5/49 layers to GPU",
            &["events kind=layers layers=5i layers_total=49i"],
        ),
        ("load_tensors: offloaded 50/49 layers to GPU", &[]),
        (
            "llama_kv_cache_unified: KV self size  = 1024.00 MiB, K (f16):  512.00 MiB, V (f16):  512.00 MiB",
            &[],
        ),
        (
            "llama_memory_recurrent:      CUDA0 RS buffer size =   149.06 MiB",
            &["memory device=CUDA0 part=recurrent_state bytes=156300739i"],
        ),
        (
            "alloc_compute_meta:      CUDA0 compute buffer size =    21.55 MiB",
            &["memory device=CUDA0 part=compute bytes=22596813i"],
        ),
        (
            "other_function:      CUDA0 compute buffer size =   300.00 MiB",
            &["memory device=CUDA0 part=compute bytes=314572800i"],
        ),
        // What is in it is said by no name.
        ("other_function:      CUDA0 buffer size =   300.00 MiB", &[]),
        (
            "other function:      CUDA0 compute buffer size =   300.00 MiB",
            &[],
        ),
    ]);
}

#[test]
fn tokens_are_read_where_a_version_prints_them() {
    check(&[
        // 0.1.28 to 0.1.34.
        (
            r#"{"function":"print_timings","level":"INFO","line":257,"msg":"prompt eval time     =      85.00 ms /    26 tokens (    3.27 ms per token,   305.87 tokens per second)","n_prompt_tokens_processed":26,"n_tokens_second":305.87,"slot_id":0,"t_prompt_processing":85.0,"t_token":3.27,"task_id":0,"tid":"1","timestamp":1714000000}"#,
            &["tokens phase=prompt ms=85 tokens=26i tokens_per_second=305.87"],
        ),
        (
            r#"{"function":"print_timings","level":"INFO","line":271,"msg":"generation eval time =    1204.91 ms /    57 runs   (   21.14 ms per token,    47.31 tokens per second)","n_decoded":57,"n_tokens_second":47.31,"slot_id":0,"task_id":0,"tid":"1","timestamp":1714000000}"#,
            &["tokens phase=generation ms=1204.91 tokens=57i tokens_per_second=47.31"],
        ),
        (
            r#"{"function":"print_timings","level":"INFO","line":281,"msg":"          total time =    1289.91 ms","slot_id":0,"tid":"1","timestamp":1714000000}"#,
            &[],
        ),
        (
            r#"{"function":"print_timings","level":"INFO","line":257,"msg":"prompt eval time     =       0.00 ms /     0 tokens (     inf ms per token,      nan tokens per second)","t_token":null}"#,
            &[],
        ),
        // 0.1.35 to 0.3.14 with OLLAMA_DEBUG.
        (
            r#"DEBUG [print_timings] prompt eval time     =      85.00 ms /    26 tokens (    3.27 ms per token,   305.87 tokens per second) | n_prompt_tokens_processed=26 n_tokens_second=305.87 slot_id=0 t_prompt_processing=85 t_token=3.27 task_id=4 tid="1" timestamp=1718000000"#,
            &["tokens phase=prompt ms=85 tokens=26i tokens_per_second=305.87"],
        ),
        // 0.30 and later.
        (
            "slot print_timing: id  0 | task 4 | prompt eval time =     100.00 ms /   100 tokens (    1.00 ms per token,  1000.00 tokens per second)",
            &["tokens phase=prompt ms=100 tokens=100i tokens_per_second=1000"],
        ),
        (
            "slot print_timing: id  0 | task 4 |        eval time =     200.50 ms /     9 tokens (   22.28 ms per token,    44.89 tokens per second)",
            &["tokens phase=generation ms=200.5 tokens=9i tokens_per_second=44.89"],
        ),
        (
            "slot print_timing: id  0 | task 4 |       total time =     300.50 ms /   109 tokens",
            &[],
        ),
        (
            "slot print_timing: id  0 | task 4 |    graphs reused =          8",
            &[],
        ),
        (
            "slot print_timing: id  0 | task 4 | n_decoded =    172, tg =  12.00 t/s, tg_3s = 11.00 t/s",
            &[],
        ),
        (
            "slot print_timing: id  0 | task 0 | prompt processing, n_tokens =   1536, progress = 0.10, t =   3.42 s / 448.61 tokens per second",
            &[],
        ),
        (
            "slot print_timing: id  0 | task 4 |        eval time =       0.00 ms /     1 tokens (    0.00 ms per token,      inf tokens per second)",
            &["tokens phase=generation ms=0 tokens=1i"],
        ),
        (
            "slot      release: id  0 | task 388 | stop processing: n_tokens = 218, truncated = 0",
            &["events kind=prompt_done tokens=218i truncated=0i"],
        ),
        (
            "slot      release: id  0 | task 388 | stop processing: n_tokens = 4096, truncated = 1",
            &["events kind=prompt_done tokens=4096i truncated=1i"],
        ),
        (
            "slot   operator(): id  0 | task 0 | new prompt, n_ctx_slot = 131072, n_keep = 4, task.n_tokens = 14892",
            &["events kind=prompt_start context=131072i prompt_tokens=14892i busy_slots=1i"],
        ),
        (
            "slot update_slots: id  0 | task 5 | new prompt, n_ctx_slot = 4096, n_keep = 0, task.n_tokens = 51",
            &["events kind=prompt_start context=4096i prompt_tokens=51i busy_slots=1i"],
        ),
        (
            "slot launch_slot_: id  0 | task -1 | sampler chain: logits -> penalties",
            &[],
        ),
    ]);
}

#[test]
fn lines_glued_together_give_nothing() {
    check(&[
        (
            r#"llama_context: n_ctx_per_seq (4096) < context 2time=2025-03-05T06:59:00.224Z level=WARN source=runner.go:131 msg="truncating input prompt" limit=4096 prompt=5000 keep=5 new=4096"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=1time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=2"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=1 time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=2"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=1[GIN] 2026/02/25 - 18:14:52 | 200"#,
            &[],
        ),
        (
            "load_tensors: offloaded 5/49 layers to GPUload_tensors: offloaded 5/49 layers to GPU",
            &[],
        ),
        (
            "load_tensors:        CUDA0 model buffer size =  4403.50 MiBllama_context: x",
            &[],
        ),
    ]);
}

#[test]
fn a_malformed_number_spoils_its_line() {
    check(&[
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=one"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="loaded runners" count=1 1"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="system memory" total="24.0 GiB" free="23.0 GiB" free_swap="8.0 GB""#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=sched.go:1 msg="system memory" total="24.0 GiB" free="23.0 GiB" free_swap="8.0 G"#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=server.go:1 msg="llama runner started in soon""#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=NOTICE source=server.go:1 msg="llama runner started in 1.00 seconds""#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=server.py:1 msg="llama runner started in 1.00 seconds""#,
            &[],
        ),
        (
            r#"time=2025-03-05T06:59:00.224Z level=INFO source=routes.go:1 msg="Listening on x (version 1 2)""#,
            &[],
        ),
    ]);
}
