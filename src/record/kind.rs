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
    /// A client hung up before its answer was complete.
    Abort = "abort",
    /// A runner's process ended by itself.
    Crash = "crash",
    /// A runner was found gone; the same one may be found more than once.
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
    LinesDropped = "lines_dropped",
}
