//! What each line that Ollama 0.1.28 to 0.33 prints gives, and that no other text gives anything wrong.

mod lines;
mod properties;
mod stored;
mod support;
mod two_lines;
