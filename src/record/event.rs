//! Events: what happened, and the facts a line gives of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;

/// A thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// What.
    pub kind: Kind,
    /// What is known of it, each fact at most once.
    #[serde(borrow)]
    pub facts: Vec<Fact<'a>>,
}

/// Declares enums whose variants have a name in InfluxDB.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What happened. Stored by variant number: new kinds go last.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* $variant,)+
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The tag's value.
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
}

/// One field of an event. Stored by variant number: new facts go last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact<'a> {
    /// Ollama's version; `0.0.0` is a build from source.
    Version(Cow<'a, str>),
    /// A model's name as `ollama list` prints it; several, sorted and joined by `, `, when they share their weights.
    Model(Cow<'a, str>),
    /// SHA-256 of a model's weights, 64 hex digits.
    ModelSha256(Cow<'a, str>),
    /// How long it took.
    Seconds(Decimal),
    /// Context length of one sequence, in tokens.
    Context(u64),
    /// Sequences served at once.
    Parallel(u64),
    /// Layers, on GPUs where that is the question.
    Layers(u64),
    /// Layers the model has.
    LayersTotal(u64),
    /// How many.
    Count(u64),
    /// An error's text, at most 300 bytes.
    Error(Cow<'a, str>),
    /// The most that would have been possible, in tokens.
    Limit(u64),
    /// Tokens of the prompt.
    PromptTokens(u64),
    /// Tokens: those kept of a truncated prompt, those in the context at an answer's end.
    Tokens(u64),
    /// 1 when the context was too short for the answer, 0 when not.
    Truncated(u64),
    /// The library that drives a GPU, such as `cuda`.
    Library(Cow<'a, str>),
    /// A GPU's name, such as `NVIDIA GeForce RTX 3090`.
    Name(Cow<'a, str>),
    /// The GPU driver's version.
    Driver(Cow<'a, str>),
    /// The device, as in `ollama_memory`.
    Device(Cow<'a, str>),
    /// `OLLAMA_MAX_LOADED_MODELS`; 0 lets Ollama choose.
    MaxLoadedModels(u64),
    /// `OLLAMA_MAX_QUEUE`.
    MaxQueue(u64),
    /// `OLLAMA_KEEP_ALIVE`.
    KeepAliveSeconds(Decimal),
    /// Memory that was needed.
    RequiredBytes(u64),
    /// Memory that was there.
    FreeBytes(u64),
    /// A model's size in bytes.
    Size(u64),
}

impl Fact<'_> {
    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::Model(_) => "model",
            Self::ModelSha256(_) => "model_sha256",
            Self::Seconds(_) => "seconds",
            Self::Context(_) => "context",
            Self::Parallel(_) => "parallel",
            Self::Layers(_) => "layers",
            Self::LayersTotal(_) => "layers_total",
            Self::Count(_) => "count",
            Self::Error(_) => "error",
            Self::Limit(_) => "limit",
            Self::PromptTokens(_) => "prompt_tokens",
            Self::Tokens(_) => "tokens",
            Self::Truncated(_) => "truncated",
            Self::Library(_) => "library",
            Self::Name(_) => "name",
            Self::Driver(_) => "driver",
            Self::Device(_) => "device",
            Self::MaxLoadedModels(_) => "max_loaded_models",
            Self::MaxQueue(_) => "max_queue",
            Self::KeepAliveSeconds(_) => "keep_alive_seconds",
            Self::RequiredBytes(_) => "required_bytes",
            Self::FreeBytes(_) => "free_bytes",
            Self::Size(_) => "size",
        }
    }
}

impl<'a> Event<'a> {
    /// An event of which nothing is known yet.
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            facts: Vec::new(),
        }
    }

    /// The event with one more fact.
    pub(crate) fn with(mut self, fact: Fact<'a>) -> Self {
        self.facts.push(fact);
        self
    }

    /// The event with one more fact, if there is one.
    pub(crate) fn with_any(mut self, fact: Option<Fact<'a>>) -> Self {
        self.facts.extend(fact);
        self
    }
}
