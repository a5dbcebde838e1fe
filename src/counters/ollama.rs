//! What the source that asks Ollama tells operators.

use super::table::counters;
use crate::base::human::Tone::{Neutral, Warn};

counters! {
    /// Counters since the service started, and what Ollama answered last.
    #[derive(Default)]
    pub struct OllamaStatus at (service.ollama) {
        /// Where Ollama is asked; `null` when it is not.
        url: Option<String> = Text { row: (Neutral, "asked at") },
        /// Whether it answered when it was asked last.
        up: Option<bool> = Boolean { metric: "shipper_ollama_up" },
        /// Its version.
        version: Option<String> = Text { row: (Neutral, "version") },
        /// Models that it has in memory.
        loaded: Option<u64> = Count { metric: "shipper_ollama_loaded_models", row: (Neutral, "models in memory") },
        /// When it was asked last.
        asked_at: Option<u64> = Time { row: (Neutral, "last asked") },
        /// Rounds of questions to it.
        rounds: u64 = Count { metric: "shipper_ollama_rounds_total", point: "ollama_rounds", row: (Neutral, "rounds") },
        /// Rounds in which a question had no answer, or one that is none of Ollama's.
        failed: u64 = Count { metric: "shipper_ollama_failed_rounds_total", point: "ollama_failed_rounds", row: (Warn, "failed rounds") },
        /// Models of its last answers that are too many to be told of, or have no name.
        left_out: u64 = Count { metric: "shipper_ollama_models_left_out", row: (Warn, "models left out") },
        /// What was wrong when it was asked last.
        last_error: Option<String> = Text { row: (Warn, "error") },
    }
}
