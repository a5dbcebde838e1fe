//! A line for each thing that goes wrong, or is not used, from 0.24 on and from systemd.

use super::lines::check;

#[test]
fn answers_and_requests_that_failed_are_events() {
    check(&[
        (
            r#"time=2026-09-05T06:59:00.224Z level=ERROR source=llama_server.go:1640 msg="llama-server completion error" error="Post \"http://127.0.0.1:36061/completion\": EOF""#,
            &[
                r#"events kind=generation_failed error="Post \"http://127.0.0.1:36061/completion\": EOF""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=ERROR source=llama_server.go:1640 msg="llama-server chat error" error=EOF"#,
            &[r#"events kind=generation_failed error="EOF""#],
        ),
        (
            r#"time=2026-05-05T06:59:00.224Z level=INFO source=server.go:1700 msg="llm predict error: the input length exceeds the context length""#,
            &[
                r#"events kind=context_exceeded error="the input length exceeds the context length""#,
            ],
        ),
        (
            r#"time=2026-05-05T06:59:00.224Z level=INFO source=server.go:1700 msg="llm embedding error: EOF""#,
            &[r#"events kind=generation_failed error="EOF""#],
        ),
        (
            "srv          stop: cancel task, id_task = 12",
            &["events kind=abort"],
        ),
        (
            "srv  stop: cancel task, id_task = 12",
            &["events kind=abort"],
        ),
        ("srv  stop: cancel task, id_task = x", &[]),
        (
            "srv    send_error: task id = 12, error: request (900 tokens) exceeds the available context size (512 tokens), try increasing it",
            &[
                r#"events kind=context_exceeded prompt_tokens=900i limit=512i error="request (900 tokens) exceeds the available context size (512 tokens), try increasing it""#,
            ],
        ),
        (
            "srv    send_error: task id = 12, error: Compute error.",
            &[r#"events kind=task_failed error="Compute error.""#],
        ),
        (
            "slot update_slots: id  0 | task 12 | slot context shift, n_keep = 4, n_left = 200, n_discard = 100",
            &["events kind=context_shift tokens=100i"],
        ),
        // It means something only with the lines of its task.
        (
            "slot   operator(): id  0 | task 12 | cached n_tokens = 40, memory_seq_rm [40, end)",
            &[],
        ),
        (
            "slot print_timing: id  0 | task 12 | draft acceptance = 0.75000 (   60 accepted /    80 generated), mean len =  4.00",
            &["tokens phase=draft accepted=60i tokens=80i"],
        ),
        (
            "slot print_timing: id  0 | task 12 | draft acceptance rate = 0.75000 (   60 accepted /    80 generated)",
            &["tokens phase=draft accepted=60i tokens=80i"],
        ),
        (
            "slot print_timing: id  0 | task 12 | draft acceptance = 0.75000 (   90 accepted /    80 generated), mean len =  4.00",
            &[],
        ),
        // Progress, which the end of the task repeats.
        (
            "slot print_timing: id  0 | task 12 | n_gen = 96, tg = 31.25 t/s",
            &[],
        ),
    ]);
}

#[test]
fn memory_that_cannot_be_had_says_how_much_it_was() {
    check(&[
        (
            "ggml_aligned_malloc: insufficient memory (attempted to allocate 512.00 MB)",
            &[
                r#"events kind=host_oom required_bytes=536870912i error="ggml_aligned_malloc: insufficient memory (attempted to allocate 512.00 MB)""#,
            ],
        ),
        (
            "ggml_vulkan: Device memory allocation of size 1073741824 failed.",
            &[
                r#"events kind=oom required_bytes=1073741824i error="ggml_vulkan: Device memory allocation of size 1073741824 failed.""#,
            ],
        ),
        (
            "ggml_cuda_host_malloc: failed to allocate 8301.56 MiB of pinned memory: out of memory",
            &[
                r#"events kind=pinned_memory_failed required_bytes=8704816579i error="ggml_cuda_host_malloc: failed to allocate 8301.56 MiB of pinned memory: out of memory""#,
            ],
        ),
        (
            "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 51539607584",
            &[
                r#"events kind=allocation_failed required_bytes=51539607584i error="ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 51539607584""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=sched.go:1324 msg="predicted usage exceeds VRAM" gpu=GPU-1 totalMemory=25769803776 predicted=26769803776"#,
            &[
                r#"events kind=vram_exceeded device="GPU-1" total_bytes=25769803776i required_bytes=26769803776i"#,
            ],
        ),
    ]);
}

#[test]
fn models_that_cannot_be_loaded_are_events() {
    check(&[
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=sched.go:529 msg="failed to load model metadata" model=/x/blobs/sha256-SHA error="invalid file magic""#,
            &[r#"events kind=load_failed model_sha256="SHA" error="invalid file magic""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=sched.go:511 msg="Load failed" model=/x/blobs/sha256-SHA error="timed out waiting for llama runner to start: context canceled""#,
            &["events kind=load_aborted model_sha256=\"SHA\" error=\"context canceled\""],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=sched.go:632 msg="model is too large for system memory" requireFull=false"#,
            &["events kind=model_too_large"],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=llama_server.go:1091 msg="llama-server startup failed with projector GPU offload; retrying with projector CPU offload" model=/x/blobs/sha256-SHA error="exit status 1""#,
            &[r#"events kind=projector_retry model_sha256="SHA" error="exit status 1""#],
        ),
        (
            "srv  llama_server: exiting due to model loading error",
            &[
                r#"events kind=model_load_error error="srv  llama_server: exiting due to model loading error""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=routes.go:1965 msg="corrupt manifests detected, skipping prune operation.  Re-pull or delete to clear" error="unexpected EOF""#,
            &[r#"events kind=manifests_corrupt error="unexpected EOF""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=ERROR source=llama_server.go:449 msg="llama-server terminated" error="signal: killed""#,
            &[],
        ),
    ]);
}

#[test]
fn gpus_that_are_not_used_say_why() {
    check(&[
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=cuda_compat.go:65 msg="NVIDIA driver too old" device="NVIDIA GeForce GTX 1080" compute=6.1 driver=535 required_driver="550 or newer""#,
            &[
                r#"events kind=gpu_unsupported name="NVIDIA GeForce GTX 1080" driver="535" error="NVIDIA driver too old: 550 or newer is required""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=llama_server.go:299 msg="skipping CUDA device — compute capability not in compiled architectures" device=CUDA0 cc=520 archs="[750 800]" libDirs=[/usr/lib/ollama]"#,
            &[
                r#"events kind=gpu_unsupported device="CUDA0" error="skipping CUDA device — compute capability not in compiled architectures""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=WARN source=amd.go:470 msg="dropping ROCm device — no rocblas support for gfx target" device=ROCm0 gfx_target=gfx1103"#,
            &[
                r#"events kind=gpu_unsupported device="ROCm0" error="dropping ROCm device — no rocblas support for gfx target""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=runner.go:405 msg="dropping integrated GPU; to enable, set OLLAMA_IGPU_ENABLE=1" id=0 library=Vulkan"#,
            &[
                r#"events kind=gpu_unsupported device="Vulkan0" library="Vulkan" error="dropping integrated GPU; to enable, set OLLAMA_IGPU_ENABLE=1""#,
            ],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=runner.go:405 msg="skipping unused layers" id=0"#,
            &[],
        ),
    ]);
}

#[test]
fn downloads_are_told_by_their_blob() {
    check(&[
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=download.go:181 msg="downloading 6331358be52a in 16 291 MB part(s)""#,
            &[r#"events kind=download_start blob="6331358be52a" count=16i"#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=download.go:384 msg="6331358be52a part 3 stalled; retrying. If this persists, press ctrl-c to exit, then 'ollama pull' to find a faster connection.""#,
            &[r#"events kind=download_stalled blob="6331358be52a""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=download.go:291 msg="6331358be52a part 3 attempt 0 failed: unexpected EOF, retrying in 1s""#,
            &[r#"events kind=download_retry blob="6331358be52a" error="unexpected EOF""#],
        ),
        (
            r#"time=2026-09-05T06:59:00.224Z level=INFO source=routes.go:181 msg="downloading 6331358be52a in 16 291 MB part(s)""#,
            &[],
        ),
    ]);
}

#[test]
fn what_ends_or_stops_the_server_is_an_event() {
    check(&[
        (
            "Error: listen tcp 0.0.0.0:11434: bind: address already in use",
            &[
                r#"events kind=listen_failed error="Error: listen tcp 0.0.0.0:11434: bind: address already in use""#,
            ],
        ),
        (
            "\u{1b}[31m2026/11/25 23:53:36 [Recovery] 2026/11/25 - 23:53:36 panic recovered:",
            &[
                r#"events kind=panic_recovered error="\u{1b}[31m2026/11/25 23:53:36 [Recovery] 2026/11/25 - 23:53:36 panic recovered:""#,
            ],
        ),
        (
            "2026/11/25 23:53:36 [Recovery] 2026/11/25 - 23:53:36 panic recovered:",
            &[
                r#"events kind=panic_recovered error="2026/11/25 23:53:36 [Recovery] 2026/11/25 - 23:53:36 panic recovered:""#,
            ],
        ),
        (
            "ollama.service: A process of this unit has been killed by the OOM killer.",
            &["events kind=unit_oom_kill"],
        ),
        (
            "ollama.service: Main process exited, code=killed, status=9/KILL",
            &[r#"events kind=unit_exited error="code=killed, status=9/KILL""#],
        ),
        (
            "ollama.service: Scheduled restart job, restart counter is at 3.",
            &["events kind=unit_restart count=3i"],
        ),
        (
            "ollama.service: Start request repeated too quickly.",
            &["events kind=unit_start_limit"],
        ),
        // It repeats the line before it.
        ("ollama.service: Failed with result 'signal'.", &[]),
    ]);
}
