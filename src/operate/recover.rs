//! What was put aside as damaged, read again as far as it can be.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spool::Spool;

use super::Error;
use crate::store::Store;

/// What came of one directory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Recovered {
    pub dir: PathBuf,
    /// What was read in it.
    #[serde(flatten)]
    pub records: spool::Recovered,
}

/// Recovers what is in `path`: a generation, a directory of them, or the name of something that the spool in `spool_dir` put aside.
pub(super) async fn recover(
    store: &Store,
    spool_dir: &Path,
    path: PathBuf,
) -> Result<Vec<Recovered>, Error> {
    let own = spool_dir.join(&path);
    let is_name = path.components().count() == 1 && own.exists();
    let path = if is_name { own } else { path };
    let mut recovered = Vec::new();
    for dir in Spool::recoverable(&path)? {
        let read = dir.clone();
        let records = store.call(move |spool| spool.recover(&read)).await??;
        store.notify_appended();
        recovered.push(Recovered { dir, records });
    }
    Ok(recovered)
}
