//! The control socket: how commands reach the running service, which alone may open the spool.
//!
//! One JSON object a line each way, over a Unix stream socket of mode 0660. A peer must be root or the user the
//! service runs as (`SO_PEERCRED`). What a request does is decided in [`crate::operate`]; here it is only carried.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tracing::debug;

use super::shares::{self, Limits, Share};
use super::socket::{self, SocketError};
use crate::base::stop::Stop;
use crate::operate::{Answer, ControlRequest, Operator};

/// Whom every service listens to, and every command trusts.
const ROOT: u32 = 0;
/// Version of the protocol; a peer of another one is told so.
const VERSION: u32 = 1;
/// The longest request line, in bytes; the longest one that a command writes has some hundred.
const MAX_REQUEST: u64 = 64 << 10;
/// The longest answer that a command accepts, in bytes.
const MAX_ANSWER: u64 = 64 << 20;
/// A client that takes longer than this to write its line is cut off: a command writes it at once.
const QUESTION_PATIENCE: Duration = Duration::from_secs(2);
/// A client that takes longer than this to read its answer is cut off: a command does nothing else meanwhile.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// An answer may have some megabytes.
const LIMITS: Limits = Limits {
    connections: 128,
    answers: 8,
};
/// How long a command waits for a sign of whoever listens; the service has one at hand.
const GREETING_PATIENCE: Duration = Duration::from_secs(20);
/// How long a command waits for the service's answer.
const SERVICE_PATIENCE: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize, Serialize)]
struct Question {
    v: u32,
    /// The spool that the command was configured for.
    spool_dir: PathBuf,
    request: ControlRequest,
}

impl Question {
    fn of(spool_dir: &Path, request: ControlRequest) -> Self {
        Self {
            v: VERSION,
            spool_dir: spool_dir.to_owned(),
            request,
        }
    }
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Answer),
    Error(String),
}

/// Why the service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket is there and this user may not use it.
    #[error("this user may not talk to the service at {}: run as root, or as the user of the service", .0.display())]
    Forbidden(PathBuf),
    /// Somebody else listens there.
    #[error(
        "a process of user {user} listens at {}, which is neither root's nor the owner's of the spool: nothing was asked. \
         Find out what it is (ss -xlp); the directory of SHIPPER_CONTROL_SOCKET has to be the service's alone",
        path.display()
    )]
    Stranger { path: PathBuf, user: u32 },
    /// The conversation broke.
    #[error("the service at {} did not answer: {source}", path.display())]
    Broken { path: PathBuf, source: io::Error },
    /// The service refused.
    #[error("{0}")]
    Refused(String),
}

/// Listens at `path`, in place of the socket of a dead service.
///
/// # Errors
/// Those of [`socket::listen`].
pub(crate) async fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    socket::listen(path, "SHIPPER_CONTROL_SOCKET").await
}

/// Answers clients until `stop`, then removes the socket.
pub(crate) async fn serve(listener: UnixListener, operator: Operator, stop: Stop) {
    let attend = |stream, share| {
        let operator = operator.clone();
        async move {
            if let Err(error) = attend(stream, &operator, &share).await {
                debug!(%error, "control client cut off");
            }
        }
    };
    shares::serve(&listener, "control socket", LIMITS, attend, &stop).await;
    socket::remove(&listener);
}

async fn attend(stream: UnixStream, operator: &Operator, share: &Share) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let (reader, mut writer) = stream.into_split();
    if peer != ROOT && peer != rustix::process::geteuid().as_raw() {
        let refusal = "only root and the user of the service may ask".to_owned();
        return write(&mut writer, &Reply::Error(refusal)).await;
    }
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(MAX_REQUEST));
    timeout(QUESTION_PATIENCE, reader.read_until(b'\n', &mut line)).await??;
    let answered = async {
        let reply = answer(&line, operator).await;
        write(&mut writer, &reply).await
    };
    share.answer(answered).await
}

async fn write(writer: &mut OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    timeout(ANSWER_PATIENCE, writer.write_all(&line)).await?
}

async fn answer(line: &[u8], operator: &Operator) -> Reply {
    if !line.ends_with(b"\n") {
        return Reply::Error(format!(
            "a request is one line of at most {MAX_REQUEST} bytes"
        ));
    }
    let question: Question = match serde_json::from_slice(line) {
        Ok(question) => question,
        Err(error) => return Reply::Error(format!("not a request: {error}")),
    };
    if question.v != VERSION {
        return Reply::Error(format!(
            "the service speaks version {VERSION} of the protocol, this command {}: restart the service",
            question.v
        ));
    }
    if question.spool_dir != operator.spool_dir() {
        return Reply::Error(format!(
            "the service at this socket has the spool {}, this command asks for {}: set SHIPPER_CONTROL_SOCKET or SHIPPER_SPOOL_DIR",
            operator.spool_dir().display(),
            question.spool_dir.display()
        ));
    }
    match operator.answer(question.request).await {
        Ok(answer) => Reply::Ok(answer),
        Err(error) => Reply::Error(error.to_string()),
    }
}

/// Whether a living service listens at `path`. Whoever listens and never answers is found out here, before a request that may take long.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Stranger`], [`Error::Broken`].
pub(crate) async fn is_served(path: &Path, spool_dir: &Path) -> Result<bool, Error> {
    let Some(stream) = connect(path, spool_dir).await? else {
        return Ok(false);
    };
    let question = Question::of(spool_dir, ControlRequest::Progress);
    match converse(stream, &question, GREETING_PATIENCE).await {
        Err(source) if source.kind() == io::ErrorKind::TimedOut => Err(Error::Broken {
            path: path.to_owned(),
            source,
        }),
        // What it says wrong is said of the request proper.
        _ => Ok(true),
    }
}

/// Asks the service that listens at `path`; `None` when there is none.
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Broken`], or [`Error::Refused`] with the service's own words.
pub(crate) async fn ask(
    path: &Path,
    spool_dir: &Path,
    request: ControlRequest,
) -> Result<Option<Answer>, Error> {
    let Some(stream) = connect(path, spool_dir).await? else {
        return Ok(None);
    };
    let question = Question::of(spool_dir, request);
    let reply = converse(stream, &question, SERVICE_PATIENCE).await;
    match reply.map_err(|source| Error::Broken {
        path: path.to_owned(),
        source,
    })? {
        Reply::Ok(answer) => Ok(Some(answer)),
        Reply::Error(reason) => Err(Error::Refused(reason)),
    }
}

/// The service that listens at `path`, once it is known to be the one of the spool.
async fn connect(path: &Path, spool_dir: &Path) -> Result<Option<UnixStream>, Error> {
    let broken = |source| Error::Broken {
        path: path.to_owned(),
        source,
    };
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(source) => {
            return match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
                io::ErrorKind::PermissionDenied => Err(Error::Forbidden(path.to_owned())),
                _ => Err(broken(source)),
            };
        }
    };
    let user = stream.peer_cred().map_err(broken)?.uid();
    if user != ROOT && user != owner_of(spool_dir) {
        let path = path.to_owned();
        return Err(Error::Stranger { path, user });
    }
    Ok(Some(stream))
}

/// Whose the spool is; this user's, while there is none or it cannot be seen.
fn owner_of(spool_dir: &Path) -> u32 {
    match std::fs::metadata(spool_dir) {
        Ok(found) => found.uid(),
        Err(_) => rustix::process::geteuid().as_raw(),
    }
}

async fn converse(
    stream: UnixStream,
    question: &Question,
    patience: Duration,
) -> io::Result<Reply> {
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    line.clear();
    let mut reader = BufReader::new(reader.take(MAX_ANSWER));
    timeout(patience, reader.read_until(b'\n', &mut line)).await??;
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_listens_and_never_answers_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let _silent = UnixListener::bind(&path).unwrap();
        let stream = connect(&path, dir.path()).await.unwrap().unwrap();
        let question = Question::of(dir.path(), ControlRequest::Progress);
        let heard = converse(stream, &question, Duration::from_millis(1)).await;
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
