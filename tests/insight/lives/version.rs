//! What the versions of Ollama print.

/// One release of each way of logging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The runner's timings are JSON, and no line tells that a load is done.
    V0_1_34,
    /// The end of a load is printed twice; slog tells of memory; no tokens.
    V0_12,
    /// As 0.12, and llama.cpp's own lines of memory beside those of slog.
    V0_24,
    /// llama-server: its slots and tasks.
    V0_30,
    /// As 0.30, with other words about drafts and no lines of its HTTP.
    V0_33,
}

impl Version {
    pub(crate) const ALL: [Self; 5] = [
        Self::V0_1_34,
        Self::V0_12,
        Self::V0_24,
        Self::V0_30,
        Self::V0_33,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V0_1_34 => "0.1.34",
            Self::V0_12 => "0.12.3",
            Self::V0_24 => "0.24.0",
            Self::V0_30 => "0.30.1",
            Self::V0_33 => "0.33.0-rc2",
        }
    }

    /// Whether llama-server answers.
    pub(crate) fn is_llama_server(self) -> bool {
        matches!(self, Self::V0_30 | Self::V0_33)
    }

    /// What the runner is called in messages about its process.
    pub(crate) fn runner(self) -> &'static str {
        if self.is_llama_server() {
            "llama-server"
        } else {
            "llama runner"
        }
    }

    /// Whether a line tells that a load is done.
    pub(crate) fn tells_load_done(self) -> bool {
        self != Self::V0_1_34
    }

    /// Whether lines tell of clients that left: none did in 0.1.34.
    pub(crate) fn tells_hang_ups(self) -> bool {
        self != Self::V0_1_34
    }
}
