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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn a_panic_is_one_line_whatever_is_in_it() {
        let (told, heard) = mpsc::channel();
        let before = Arc::new(panic::take_hook());
        let others = Arc::clone(&before);
        // Tests beside this one may panic, too.
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name() == Some("a\nb") {
                let _ = told.send(words(panic));
            } else {
                others(panic);
            }
        }));
        let panicking = thread::Builder::new().name("a\nb".to_owned());
        let panicking = panicking.spawn(|| panic!("{}", "x\n<0>y\x1b[2J")).unwrap();
        assert!(panicking.join().is_err());
        panic::set_hook(Box::new(move |panic| before(panic)));
        let words = String::from(heard.recv().unwrap());
        assert!(
            words.starts_with(r"shipper: thread a\nb panicked at src/base/terminal/panics.rs:")
        );
        assert!(words.ends_with(r": x\n<0>y\u{1b}[2J"), "{words}");
    }
}
