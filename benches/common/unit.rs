//! The unit that is installed, where it bears on figures.

/// What the unit sets for the allocator.
pub(crate) fn environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../deploy/Ollama_InfluxDB.service.in").lines();
    let values = lines.filter_map(|line| line.strip_prefix("Environment="));
    let pairs = values.flat_map(str::split_ascii_whitespace);
    pairs.filter_map(|pair| pair.split_once('='))
}
