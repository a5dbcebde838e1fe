//! Kinds of events.

use serde::{Deserialize, Serialize};

/// Declares enums whose variants have a name in InfluxDB.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What happened. Stored by variant number: new kinds go last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* $variant,)+
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// Ollama's server listens.
    ServerStart = "server_start",
    /// Its configuration, printed at the start.
    ServerConfig = "server_config",
    /// The context length that follows from the memory of all GPUs.
    DefaultContext = "default_context",
    /// Too little VRAM for the usual defaults.
    LowVram = "low_vram",
    /// A GPU was found.
    GpuDiscovered = "gpu_discovered",
    /// Models will run on the CPU.
    NoGpu = "no_gpu",
    /// GPUs could not be asked.
    GpuDiscoveryFailed = "gpu_discovery_failed",
    /// Figures of free VRAM are old ones.
    VramStale = "vram_stale",
    /// VRAM of an unloaded model did not become free in time.
    VramNotRecovered = "vram_not_recovered",
    /// A runner for a model was started.
    LoadStart = "load_start",
    /// How many layers the model about to load has.
    LoadPlan = "load_plan",
    /// Memory for the model was committed.
    LoadCommit = "load_commit",
    /// The model answers.
    LoadDone = "load_done",
    /// It could not be loaded.
    LoadFailed = "load_failed",
    /// Nobody waits for the load any more.
    LoadAborted = "load_aborted",
    /// The model is larger than the host.
    ModelTooLarge = "model_too_large",
    /// A longer context was asked for than the model was trained with.
    ContextTooLarge = "context_too_large",
    /// The scheduler's estimate of layers on GPUs.
    OffloadEstimate = "offload_estimate",
    /// Layers on GPUs, as loaded.
    Layers = "layers",
    /// Models in memory after a load.
    LoadedModels = "loaded_models",
    /// The name of a model about to be used.
    ModelSelected = "model_selected",
    /// A model makes room for another.
    Eviction = "eviction",
    /// A model left memory; only printed at debug level.
    Unload = "unload",
    /// A prompt was longer than the context.
    Truncation = "truncation",
    /// llama-server began a prompt.
    PromptStart = "prompt_start",
    /// llama-server ended an answer.
    PromptDone = "prompt_done",
    /// A client hung up before its answer was complete, as far as the version says.
    Abort = "abort",
    /// A runner's process ended, and Ollama did not end it.
    Crash = "crash",
    /// A runner was found gone.
    RunnerGone = "runner_gone",
    /// An answer broke off.
    GenerationFailed = "generation_failed",
    /// A GPU allocation failed.
    Oom = "oom",
    /// Memory for a buffer could not be had.
    AllocationFailed = "allocation_failed",
    /// Ollama tries again with less after running out of memory.
    OomRetry = "oom_retry",
    /// CUDA or ROCm reported an error.
    GpuError = "gpu_error",
    /// An assertion of ggml failed.
    AssertionFailed = "assertion_failed",
    /// A Go program panicked.
    Panic = "panic",
    /// A process was aborted.
    Signal = "signal",
    /// The inventory has a model that it had not.
    ModelAdded = "model_added",
    /// It no longer has one.
    ModelRemoved = "model_removed",
    /// A name stands for other weights than before.
    ModelChanged = "model_changed",
    /// journald says that it has dropped lines of the unit: there were more than its rate limit allows.
    LinesLost = "lines_lost",
    /// The context was full in the middle of an answer, and its oldest tokens were dropped.
    ContextShift = "context_shift",
    /// A prompt was longer than the context, and was refused.
    ContextExceeded = "context_exceeded",
    /// llama-server gave up a task for another reason.
    TaskFailed = "task_failed",
    /// The host had no memory for a runner.
    HostOom = "host_oom",
    /// Memory that a GPU reaches directly could not be had; ordinary memory is used.
    PinnedMemoryFailed = "pinned_memory_failed",
    /// llama-server ends since it could not load its model; `load_failed` counts these.
    ModelLoadError = "model_load_error",
    /// Ollama's server cannot listen: its port is taken, or may not be used.
    ListenFailed = "listen_failed",
    /// A request made Ollama's server panic; the server goes on.
    PanicRecovered = "panic_recovered",
    /// A GPU is not used, and why.
    GpuUnsupported = "gpu_unsupported",
    /// A model's projector did not fit on the GPU; it is tried on the CPU.
    ProjectorRetry = "projector_retry",
    /// A manifest cannot be read; unused blobs are not removed.
    ManifestsCorrupt = "manifests_corrupt",
    /// A blob is downloaded.
    DownloadStart = "download_start",
    /// A part of it stopped coming, and is asked for once more.
    DownloadStalled = "download_stalled",
    /// A part of it failed, and is asked for once more.
    DownloadRetry = "download_retry",
    /// A loaded model is thought to take more than its GPU has.
    VramExceeded = "vram_exceeded",
    /// The kernel killed a process of the unit for want of memory.
    UnitOomKill = "unit_oom_kill",
    /// The unit's main process ended, as systemd says.
    UnitExited = "unit_exited",
    /// systemd starts the unit again.
    UnitRestart = "unit_restart",
    /// systemd gave up starting the unit.
    UnitStartLimit = "unit_start_limit",
}
