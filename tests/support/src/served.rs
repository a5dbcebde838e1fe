//! Serving HTTP on a loopback port, on a thread of its own, until the value is dropped: then the port refuses connections, and
//! those that were open are closed.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::body::AnswerBody;
use crate::ports;

/// What answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Whether new connections are closed at once.
    fn is_down(&self) -> bool;

    /// The answer to one request; an error closes its connection.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = io::Result<Response<AnswerBody>>> + Send;
}

/// What a handler keeps, also after a test that panicked while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that is served.
pub(crate) struct Served {
    port: u16,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves `port`, or a free one for 0.
    pub(crate) fn start(
        port: u16,
        tls: Option<TlsAcceptor>,
        handler: Arc<impl Handler>,
    ) -> io::Result<Self> {
        let listener = match port {
            0 => ports::listen()?,
            port => TcpListener::bind((Ipv4Addr::LOCALHOST, port))?,
        };
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = accept(listener, tls, handler) => result.expect("accept"),
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            port,
            end: Some(end),
            thread: Some(thread),
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<impl Handler>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if handler.is_down() {
            continue;
        }
        let handler = Arc::clone(&handler);
        match tls.clone() {
            None => {
                tokio::spawn(serve(stream, handler));
            }
            Some(tls) => {
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, handler).await;
                    }
                });
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, handler: Arc<impl Handler>) {
    let service = service_fn(|request| Arc::clone(&handler).answer(request));
    // A connection that a fault closed ends in an error here: that is what was asked for.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
