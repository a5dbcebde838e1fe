//! The command line of a runner, as `cmd=` prints it: arguments joined by spaces, without quotes.

use std::borrow::Cow;

use super::scan;
use crate::record::Fact;

/// What a runner was started with: the SHA-256 of its model's weights, unless the model is a plain file, the context of one sequence, and the
/// sequences served at once. `None` without `--model`: such a runner only looks for GPUs.
pub(super) fn load_start(command: &str) -> Option<Vec<Fact<'static>>> {
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
    let digest = scan::blob_sha256(path).map(|digest| Cow::Owned(digest.to_owned()));
    let facts = [
        digest.map(Fact::ModelSha256),
        per_sequence(&all, &parallel).map(Fact::Context),
        parallel.number().map(Fact::Parallel),
    ];
    Some(facts.into_iter().flatten().collect())
}

/// `{Operation:commit … Parallel:1 … KvSize:4096 …}`. Of the operations of one load only this one is final.
pub(super) fn load_commit(request: &str) -> Option<Vec<Fact<'static>>> {
    let fields = request.strip_prefix('{')?.strip_suffix('}')?;
    let mut fields = fields.split(' ');
    if fields.next() != Some("Operation:commit") {
        return None;
    }
    let (mut all, mut parallel) = (None, None);
    for field in fields {
        match field.split_once(':') {
            Some(("KvSize", number)) => all = scan::integer(number),
            Some(("Parallel", number)) => parallel = scan::integer(number),
            _ => {}
        }
    }
    let parallel = parallel?;
    let context = split_context(all?, parallel)?;
    Some(vec![Fact::Context(context), Fact::Parallel(parallel)])
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
