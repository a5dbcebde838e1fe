//! Ports of servers that may be stopped and started again: below those that the system hands out by itself, so that meanwhile nobody else
//! gets them.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// `net.ipv4.ip_local_port_range` begins at 32768.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// How many were looked at by this process.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// A listener on a port of loopback that this process does not get twice.
pub(crate) fn listen() -> io::Result<TcpListener> {
    // Processes begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
    loop {
        let place = LOOKED_AT.fetch_add(1, Ordering::Relaxed);
        if place == COUNT {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let port = FIRST + (begin + place) % COUNT;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}
