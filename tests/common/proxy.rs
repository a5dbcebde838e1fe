//! A proxy before a server: passes requests of some paths, and answers all others itself.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What the proxy passes, and what it says of its own.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How the path begins of what is passed on.
    pub passes: &'static str,
    /// Status line, headers and body of the answer to everything else.
    pub otherwise: (&'static str, &'static str),
}

/// A proxy that passes only writes of 2.x, and says of anything else that it is not there.
pub const WRITES_OF_2X: Rules = Rules {
    passes: "/api/v2/write",
    otherwise: ("404 Not Found", "404 page not found\n"),
};

/// The same, whose 502 is for everything else.
pub const WRITES_OF_2X_OR_502: Rules = Rules {
    passes: "/api/v2/write",
    otherwise: ("502 Bad Gateway", "<html>bad gateway</html>"),
};

/// A page for people, whatever is asked.
pub const PAGE: Rules = Rules {
    passes: "/nothing-at-all",
    otherwise: ("200 OK", "<!DOCTYPE html><html>Welcome!</html>"),
};

/// A proxy that passes everything, and says 502 while nobody is behind it.
pub const ALL: Rules = Rules {
    passes: "/",
    otherwise: ("502 Bad Gateway", "<html>bad gateway</html>"),
};

/// A proxy on a port of its own, ended with the value.
pub struct Proxy {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// One before the server at `upstream` of this machine.
    pub fn start(upstream: u16, rules: Rules) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                // A connection that breaks ends here.
                std::thread::spawn(move || serve(stream?, upstream, rules));
            }
        });
        Self {
            port,
            is_over,
            thread: Some(thread),
        }
    }

    /// `INFLUXDB_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request, after whose answer the connection is closed.
fn serve(mut client: TcpStream, upstream: u16, rules: Rules) -> io::Result<()> {
    let request = request(&mut client)?;
    let path = request.split(|&byte| byte == b' ').nth(1);
    let is_passed = path.is_some_and(|path| path.starts_with(rules.passes.as_bytes()));
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream));
    let Some(mut server) = server.ok().filter(|_| is_passed) else {
        let (status, body) = rules.otherwise;
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        client.write_all(head.as_bytes())?;
        return client.write_all(body.as_bytes());
    };
    let line = request.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    server.write_all(&request[..line])?;
    server.write_all(b"Connection: close\r\n")?;
    server.write_all(&request[line..])?;
    io::copy(&mut server, &mut client).map(|_| ())
}

/// The bytes of a whole request whose length is said.
fn request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(whole) = length(&bytes).filter(|&whole| bytes.len() >= whole) {
            bytes.truncate(whole);
            return Ok(bytes);
        }
        let mut piece = [0; 64 << 10];
        match client.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// Bytes of head and body, once the head is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let body = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    Some(head + body.map_or(0, |body| body.trim().parse().unwrap()))
}
