//! What a panic says: one line, whatever text of others is in it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

use tracing::Level;

use super::{Safe, tell};

/// Has every panic of this process said in one line, with the stack behind it where `RUST_BACKTRACE` asks for it.
pub fn report() {
    panic::set_hook(Box::new(|panic| {
        tell(Level::ERROR, &words(panic));
        let stack = Backtrace::capture();
        if stack.status() == BacktraceStatus::Captured {
            tell(Level::ERROR, &Safe::lines(stack));
        }
    }));
}

fn words(panic: &PanicHookInfo<'_>) -> Safe {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let what = panic.payload_as_str().unwrap_or("no message");
    match panic.location() {
        Some(place) => Safe::line(format_args!(
            "shipper: thread {name} panicked at {place}: {what}"
        )),
        None => Safe::line(format_args!("shipper: thread {name} panicked: {what}")),
    }
}
