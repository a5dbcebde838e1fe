//! Enough of HTTP to ask a server on this machine something.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Status, head and body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[cfg(test)]
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header.
    #[cfg(test)]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// POSTs `body` to `path`, with further header lines (each ended by CR LF).
pub(crate) fn post(port: u16, path: &str, headers: &str, body: &str) -> io::Result<Answer> {
    send(
        ("127.0.0.1", port),
        &format!("POST {path}"),
        headers,
        body.as_bytes(),
    )
}

/// Sends `body` to a method and a path of the server at `address`, with further header lines (each ended by CR LF).
pub(crate) fn send(
    address: impl ToSocketAddrs,
    target: &str,
    headers: &str,
    body: &[u8],
) -> io::Result<Answer> {
    // HTTP/1.0: the answer ends with the connection, and is never chunked.
    let length = body.len();
    let head = format!(
        "{target} HTTP/1.0\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).map_err(io::Error::other)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        #[cfg(test)]
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// `text` for a form or a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
