//! What the endpoint holds, what is to go wrong, and what it stores.

use std::collections::VecDeque;

use hyper::Response;
use hyper::body::Bytes;

use super::serving::{BUCKETS, QUERY, error, plain, with_body};
use super::{Fault, Illness, Keep, Manner, Poison, Seen};
use crate::asked::Bucket;
use crate::body::AnswerBody;
use crate::points::{Point, Points};
use crate::{asked, points};

#[derive(Default)]
pub(super) struct State {
    pub(super) keep: Keep,
    pub(super) down: bool,
    pub(super) max_body: Option<usize>,
    pub(super) poison: Option<(Manner, Poison)>,
    pub(super) illness: Option<Illness>,
    /// What happens to the next requests; then all is well.
    pub(super) script: VecDeque<Option<Fault>>,
    pub(super) points: Points,
    /// What it can be asked for; nothing when there is none.
    pub(super) bucket: Option<Bucket>,
    /// What happens to questions, by the text of their Flux; `None` is no fault.
    pub(super) silence: Option<Illness>,
    pub(super) seen: Vec<Seen>,
    pub(super) counted: usize,
    pub(super) bodies: Vec<(Bytes, bool)>,
    pub(super) open: usize,
    pub(super) most_open: usize,
}

impl State {
    /// What goes wrong with this request.
    pub(super) fn fault(&mut self, body: &[u8]) -> Option<Fault> {
        if let Some(scripted) = self.script.pop_front() {
            return scripted;
        }
        let illness = self.illness.as_mut()?;
        illness(&String::from_utf8_lossy(body))
    }

    /// What goes wrong with this question.
    pub(super) fn silenced(&mut self, flux: &[u8]) -> Option<Fault> {
        let silence = self.silence.as_mut()?;
        silence(&String::from_utf8_lossy(flux))
    }

    /// What a server that is well does.
    pub(super) fn reply(&mut self, target: &str, body: &[u8]) -> Response<AnswerBody> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (status, text) = match path {
            BUCKETS => asked::buckets(self.bucket.as_ref(), query),
            QUERY => {
                let flux = String::from_utf8_lossy(body);
                asked::query(self.bucket.as_ref(), query, &flux, &self.points)
            }
            _ => return self.store(body),
        };
        plain(status, text)
    }

    /// Stores what it takes.
    pub(super) fn store(&mut self, body: &[u8]) -> Response<AnswerBody> {
        if self.max_body.is_some_and(|max| body.len() > max) {
            return error(413, "request entity too large");
        }
        if self.keep == Keep::Count {
            self.counted += newlines(body);
            return with_body(204, AnswerBody::whole(""));
        }
        let Ok(text) = std::str::from_utf8(body) else {
            return error(400, "not UTF-8");
        };
        let mut good = Vec::new();
        let mut refused: Vec<(Point, String)> = Vec::new();
        for line in points::lines(text) {
            match line {
                Ok(point) => match self.refusal(&point) {
                    Some(reason) => refused.push((point, reason)),
                    None => good.push(point),
                },
                Err(error_text) => return error(400, &format!("unable to parse {error_text}")),
            }
        }
        let Some((first, reason)) = refused.first() else {
            self.points.extend(good);
            return with_body(204, AnswerBody::whole(""));
        };
        let manner = self.poison.as_ref().map(|(manner, _)| *manner);
        let (status, text) = match manner.unwrap_or(Manner::Counted) {
            Manner::NothingNamed => {
                good.clear();
                (
                    400,
                    format!("unable to parse '{} …': {reason}", first.series),
                )
            }
            Manner::NothingQuoted => {
                good.clear();
                (400, quoted(&refused))
            }
            Manner::NothingStored => {
                good.clear();
                (400, reason.clone())
            }
            Manner::Counted => (422, partial(reason, refused.len())),
            Manner::CountedOneHour => {
                let hour = |(point, _): &&(Point, String)| point.time / HOUR == first.time / HOUR;
                (422, partial(reason, refused.iter().filter(hour).count()))
            }
            Manner::Quoted1x => (
                400,
                format!("partial write: {} dropped=0", quoted(&refused)),
            ),
            Manner::Counted1x => (400, partial(reason, refused.len())),
            Manner::Counted500 => (500, partial(reason, refused.len())),
            Manner::Uncounted => (400, reason.clone()),
        };
        self.points.extend(good);
        error(status, &text)
    }

    fn refusal(&mut self, point: &Point) -> Option<String> {
        let (_, poison) = self.poison.as_mut()?;
        poison(point)
    }
}

fn partial(reason: &str, dropped: usize) -> String {
    format!("failure writing points to database: partial write: {reason} dropped={dropped}")
}

/// Nanoseconds of a shard in [`Manner::CountedOneHour`].
const HOUR: i64 = 3_600_000_000_000;

/// Refused lines as InfluxDB quotes them: with all that is in them.
fn quoted(refused: &[(Point, String)]) -> String {
    let quote = |(point, reason): &(Point, String)| {
        let (series, message, time) = (&point.series, point.message(), point.time);
        format!("unable to parse '{series} message=\"{message}\" {time}': {reason}")
    };
    refused.iter().map(quote).collect::<Vec<_>>().join("\n")
}

pub(super) fn newlines(body: &[u8]) -> usize {
    body.iter().filter(|&&byte| byte == b'\n').count()
}
