//! Bodies that arrive whole, by drips, or not to their end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Interval, interval};

/// The body of an answer.
pub(crate) enum AnswerBody {
    Whole(Option<Bytes>),
    /// A part of what its length promises, then an error.
    Cut(Option<Bytes>),
    /// One byte at each tick, for ever.
    Drip(Interval),
}

impl AnswerBody {
    pub(crate) fn whole(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()).filter(|text| !text.is_empty()))
    }

    pub(crate) fn cut(text: &'static str) -> Self {
        Self::Cut(Some(Bytes::from_static(text.as_bytes())))
    }

    pub(crate) fn drip(pause: Duration) -> Self {
        Self::Drip(interval(pause))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = |bytes| Ok(Frame::data(bytes));
        Poll::Ready(match &mut *self {
            Self::Whole(text) => text.take().map(frame),
            Self::Cut(text) => Some(match text.take() {
                Some(text) => frame(text),
                None => Err(io::ErrorKind::ConnectionReset.into()),
            }),
            Self::Drip(interval) => {
                ready!(interval.poll_tick(context));
                Some(frame(Bytes::from_static(b".")))
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Cut(_) => SizeHint::with_exact(1000),
            Self::Drip(_) => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }
}
