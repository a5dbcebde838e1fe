//! Connections of a listener, shared among its peers: nobody keeps the others out, neither by many connections nor by slow ones.
//!
//! A newcomer always gets in. When all seats are taken, the peer with the most of them loses its oldest one, first one that waits for
//! its client. Whom that hits is decided by [`Seats`] (pure).

mod seats;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tracing::warn;

use crate::base::stop::Stop;
use seats::{Admission, Seats};

/// What may be had at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections.
    pub(super) connections: usize,
    /// Answers made and written; a peer has half of them.
    pub(super) answers: usize,
}

/// How long nobody is let in after the system has refused a connection, as it does without a free file descriptor.
const PAUSE: Duration = Duration::from_secs(1);

/// Where connections come from, and whose they are.
pub(super) trait Listen {
    type Stream;
    /// Whoever has one share.
    type Peer: Clone + Debug + Ord;

    /// The next connection.
    async fn next(&self) -> io::Result<(Self::Stream, Self::Peer)>;
}

impl Listen for TcpListener {
    type Stream = TcpStream;
    /// A network of one customer counts as one: RFC 6177.
    type Peer = IpAddr;

    async fn next(&self) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, address) = self.accept().await?;
        let peer = match address.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from(u128::from(ip) >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        };
        Ok((stream, peer))
    }
}

impl Listen for UnixListener {
    type Stream = UnixStream;
    /// User and process.
    type Peer = (u32, Option<i32>);

    async fn next(&self) -> io::Result<(UnixStream, Self::Peer)> {
        let (stream, _) = self.accept().await?;
        let peer = stream.peer_cred()?;
        Ok((stream, (peer.uid(), peer.pid())))
    }
}

/// Lets clients in until `stop`, and has each attended to. Whoever is still there at the end is cut off.
pub(super) async fn serve<L: Listen, F>(
    listener: &L,
    name: &str,
    limits: Limits,
    attend: impl Fn(L::Stream, Share) -> F,
    stop: &Stop,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut room = Room::new(name, limits);
    let clients = async {
        loop {
            match listener.next().await {
                Ok((stream, peer)) => {
                    room.until_free().await;
                    room.seat(peer, |share| attend(stream, share));
                }
                Err(error) => {
                    warn!("{name}: cannot accept: {error}");
                    sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = clients => {}
        () = stop.triggered() => {}
    }
}

/// Who is there.
struct Room<'a, P> {
    name: &'a str,
    limits: Limits,
    seats: Seats<P>,
    /// Each ends with the number of its seat; all are cut off with the set.
    clients: JoinSet<u64>,
    cut: BTreeMap<u64, AbortHandle>,
    answers: Arc<Semaphore>,
    /// Of each peer that is there.
    own: BTreeMap<P, Weak<Semaphore>>,
}

impl<'a, P: Clone + Debug + Ord> Room<'a, P> {
    fn new(name: &'a str, limits: Limits) -> Self {
        Self {
            name,
            limits,
            seats: Seats::new(limits.connections),
            clients: JoinSet::new(),
            cut: BTreeMap::new(),
            answers: Arc::new(Semaphore::new(limits.answers)),
            own: BTreeMap::new(),
        }
    }

    fn seat<F>(&mut self, peer: P, attend: impl FnOnce(Share) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.own.retain(|_, answers| answers.strong_count() > 0);
        let own = self.own.get(&peer).and_then(Weak::upgrade);
        let own = own.unwrap_or_else(|| Arc::new(Semaphore::new(self.limits.answers.div_ceil(2))));
        self.own.insert(peer.clone(), Arc::downgrade(&own));
        let share = Share {
            is_busy: Arc::default(),
            own,
            all: Arc::clone(&self.answers),
        };
        let seat = self
            .seats
            .take(peer, Instant::now(), Arc::clone(&share.is_busy));
        let attended = attend(share);
        let cut = self.clients.spawn(async move {
            attended.await;
            seat
        });
        self.cut.insert(seat, cut);
    }

    /// Waits until there is a seat for one more.
    async fn until_free(&mut self) {
        while let Some(ended) = self.clients.try_join_next() {
            self.leave(ended.ok());
        }
        loop {
            match self.seats.next(Instant::now()) {
                Admission::Free => return,
                Admission::Cut(seat, peer) => {
                    warn!(
                        "{}: more than {} connections: the oldest of {peer:?} is closed",
                        self.name, self.limits.connections
                    );
                    self.leave(Some(seat));
                }
                Admission::Wait(wait) => {
                    let ended = tokio::select! {
                        ended = self.clients.join_next() => ended,
                        () = sleep(wait) => None,
                    };
                    self.leave(ended.and_then(Result::ok));
                }
            }
        }
    }

    /// Frees the seat, and cuts off whoever still has it.
    fn leave(&mut self, seat: Option<u64>) {
        let Some(seat) = seat else { return };
        self.seats.leave(seat);
        if let Some(cut) = self.cut.remove(&seat) {
            cut.abort();
        }
    }
}

/// What a connection has of what all have.
#[derive(Clone)]
pub(super) struct Share {
    is_busy: Arc<AtomicBool>,
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Share {
    /// Lets `answering` take its turn: its client has asked and waits.
    pub(super) async fn answer<T>(&self, answering: impl Future<Output = T>) -> T {
        self.is_busy.store(true, Ordering::Relaxed);
        // Neither is ever closed.
        let _own = self.own.acquire().await;
        let _one = self.all.acquire().await;
        let answer = answering.await;
        self.is_busy.store(false, Ordering::Relaxed);
        answer
    }
}
