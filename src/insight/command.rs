//! The command line of a runner, as `cmd=` prints it: arguments joined by spaces, without quotes.

use super::scan;

/// What a runner was started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Runner {
    /// SHA-256 of the model's weights, unless the model is a plain file.
    pub(super) model_sha256: Option<String>,
    /// Context of one sequence.
    pub(super) context: Option<u64>,
    /// Sequences served at once.
    pub(super) parallel: Option<u64>,
}

/// Reads a command line. `None` without `--model`: such a runner only looks for GPUs.
pub(super) fn runner(command: &str) -> Option<Runner> {
    let (_, model) = command.split_once(" --model ")?;
    // The model comes first. Its path may have spaces in it; it ends where the next option begins.
    let path = &model[..model.find(" -").unwrap_or(model.len())];
    let (mut all, mut parallel) = (Given::Absent, Given::Absent);
    let mut words = model.split(' ');
    while let Some(word) = words.next() {
        let option = match word {
            "--ctx-size" | "-c" => &mut all,
            "--parallel" | "-np" => &mut parallel,
            _ => continue,
        };
        *option = option.and(words.next().and_then(scan::integer));
    }
    Some(Runner {
        model_sha256: scan::blob_sha256(path).map(str::to_owned),
        context: per_sequence(&all, &parallel),
        parallel: parallel.number(),
    })
}

/// The models directory of a command line: what is above `blobs/sha256-…` in `--model`.
pub(super) fn models_dir(command: &str) -> Option<&str> {
    let (_, model) = command.split_once(" --model ")?;
    let (dir, digest) = model.split_once("/blobs/sha256")?;
    let digest = digest.strip_prefix(['-', ':'])?;
    let digest = digest.split(' ').next().unwrap_or_default();
    let is_digest = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    // A model that is no blob: the directory is one of another option.
    (is_digest && !dir.contains(" --")).then_some(dir)
}

/// An option of a command line.
enum Given {
    Absent,
    Number(u64),
    /// Not a number, or more than once.
    Unclear,
}

impl Given {
    /// What is known of the option after it was met with this value.
    fn and(&self, number: Option<u64>) -> Self {
        match (self, number) {
            (Self::Absent, Some(number)) => Self::Number(number),
            _ => Self::Unclear,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Absent | Self::Unclear => None,
        }
    }
}

/// Ollama gives the runner the context of all sequences together.
fn per_sequence(all: &Given, parallel: &Given) -> Option<u64> {
    let all = all.number()?;
    match parallel {
        Given::Absent => Some(all),
        Given::Number(parallel) => split_context(all, *parallel),
        Given::Unclear => None,
    }
}

/// `all / parallel`, when that is a whole number.
pub(super) fn split_context(all: u64, parallel: u64) -> Option<u64> {
    (all.checked_rem(parallel)? == 0).then(|| all / parallel)
}
