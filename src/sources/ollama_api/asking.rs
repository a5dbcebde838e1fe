//! From round to round: the questions put, their answers told and stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::{ListedModel, NamedModels};
use super::ask::{Asker, NoAnswer, until_stopped};
use super::round::{PollRound, Questions};
use super::{OllamaApi, address, pace};
use crate::base::stop::Stop;
use crate::base::stored;
use crate::base::when::When;
use crate::insight::Models;
use crate::record::{Poll, Record};
use crate::sources::snapshot::{FoundModels, InstalledModel, parts, write};
use crate::sources::{WriteError, Writer, recall};

/// Version of the position.
const POSITION: u8 = 1;
/// Bytes of a position at most.
const MOST_POSITION: usize = 1 << 20;
/// How long the first list waits until it is known whether the models directory can be read: longer than a directory is given.
const FIRST_LOOK: Duration = Duration::from_secs(15);

/// What lasts from round to round.
pub(super) struct Asking<'a> {
    api: &'a OllamaApi,
    /// Where was asked last, unless that failed: then it is found out anew.
    asker: Option<Asker>,
    list_asked: Option<Instant>,
    /// Models that the last list had beside those that are told of.
    beyond_list: u64,
    /// What was in memory when that was last stored.
    in_memory: BTreeSet<String>,
    /// The last inventory, while it is made of Ollama's lists.
    known: Option<Models>,
    /// What was said last.
    said: Option<String>,
}

impl<'a> Asking<'a> {
    /// Goes on with what was in memory at `position`.
    pub(super) fn resume(api: &'a OllamaApi, position: Option<&[u8]>) -> Self {
        let stored =
            position.and_then(|stored| stored::decode::<_, MOST_POSITION>(POSITION, stored));
        Self {
            api,
            asker: None,
            list_asked: None,
            beyond_list: 0,
            in_memory: stored.unwrap_or_default(),
            known: None,
            said: None,
        }
    }

    /// Puts the questions of a round; `None` when stopped meanwhile.
    pub(super) fn ask(&mut self, stop: &Stop) -> Option<PollRound> {
        let ago = self.list_asked.map(|asked| asked.elapsed());
        let questions = Questions {
            state: self.api.points,
            list: pace::is_list_due(ago, self.api.interval),
        };
        let round = match self.put(questions, stop) {
            Ok(round) => round?,
            Err(error) => PollRound::failed(questions, error),
        };
        if let Some(Ok(list)) = &round.list {
            self.list_asked = Some(Instant::now());
            self.beyond_list = list.left_out;
        }
        Some(round)
    }

    fn put(&mut self, questions: Questions, stop: &Stop) -> Result<Option<PollRound>, NoAnswer> {
        let asker = self.asker()?;
        let round = until_stopped(stop, PollRound::ask(&asker, questions));
        let round = round.map_err(|error| NoAnswer::Unreachable(error.to_string()))?;
        let is_well = round.as_ref().is_some_and(|round| round.error().is_none());
        self.asker = is_well.then_some(asker);
        Ok(round)
    }

    fn asker(&mut self) -> Result<Asker, NoAnswer> {
        if let Some(asker) = self.asker.take() {
            return Ok(asker);
        }
        let url = address(&self.api.url, &self.api.units)
            .ok_or_else(|| NoAnswer::Unreachable("OLLAMA_HOST is no address".to_owned()))?;
        let shown = url.to_string();
        self.api
            .status
            .send_modify(|status| status.url = Some(shown));
        Asker::new(url)
    }

    /// Tells and stores what a round gave.
    pub(super) fn take(
        &mut self,
        round: &PollRound,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), WriteError> {
        self.count(round);
        self.say(round);
        if let Some(Ok(list)) = &round.list {
            self.api
                .details
                .send_replace(Some(Arc::new(list.details())));
        } else {
            // Whoever waits for it need not wait for a list that does not come.
            self.api.details.send_if_modified(|details| {
                let is_first = details.is_none();
                details.get_or_insert_default();
                is_first
            });
        }
        if let Some(poll) = round.poll() {
            self.store(round, poll, writer)?;
        }
        match &round.list {
            Some(Ok(list)) => self.inventory(list, writer, stop),
            _ => Ok(()),
        }
    }

    fn count(&self, round: &PollRound) {
        let loaded = round.loaded.iter().flatten();
        let left_out = self.beyond_list + loaded.map(|loaded| loaded.left_out).sum::<u64>();
        self.api.status.send_modify(|status| {
            status.rounds += 1;
            status.asked_at = Some(When::now().0);
            status.last_error = round.error().map(ToString::to_string);
            status.failed += u64::from(round.error().is_some());
            if let Some(version) = &round.version {
                status.up = Some(version.is_ok());
                status.version = version.as_ref().ok().map(|(version, _)| version.clone());
                status.loaded = round.models();
            }
            status.left_out = left_out;
        });
    }

    /// One line for a change of what is the matter.
    fn say(&mut self, round: &PollRound) {
        let url = self.api.status.borrow().url.clone();
        let url = url.as_deref().unwrap_or("an address that is not known");
        let error = round
            .error()
            .map(|error| format!("Ollama at {url}: {error}"));
        let text = match (&error, &round.version) {
            (Some(error), _) => error.clone(),
            (None, Some(Ok((version, _)))) => format!("Ollama {version} answers at {url}"),
            (None, _) => return,
        };
        if self.said.as_ref() == Some(&text) {
            return;
        }
        match error {
            Some(_) => tracing::warn!("{text}"),
            None => tracing::info!("{text}"),
        }
        self.said = Some(text);
    }

    fn store(
        &mut self,
        round: &PollRound,
        poll: Poll<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<(), WriteError> {
        let now = round.in_memory(&self.in_memory);
        let points = round.points(&self.in_memory);
        let key = Poll::key(When::now().0);
        writer.push(key, &Record::Poll(poll), &points)?;
        writer.flush(Some(stored::encode(POSITION, &now)?))?;
        self.in_memory = now;
        Ok(())
    }

    /// The list as the inventory, where nobody sees the models directory.
    fn inventory(
        &mut self,
        list: &NamedModels<ListedModel>,
        writer: &mut Writer<'_>,
        stop: &Stop,
    ) -> Result<(), WriteError> {
        let mut sees = self.api.sees.clone();
        let sees = stop.wait(FIRST_LOOK, sees.wait_for(Option::is_some));
        let sees = sees.and_then(|sees| *sees.ok()?);
        if sees != Some(false) {
            self.known = None;
            // While nobody knows, the next round finds out.
            self.list_asked = self.list_asked.filter(|_| sees.is_some());
            return Ok(());
        }
        let models: Vec<InstalledModel> = list
            .by_name
            .values()
            .map(|model| model.installed.clone())
            .collect();
        let parts = parts(&models);
        if !self.api.points {
            return write(&parts, &[], writer);
        }
        // What the shipper wrote can be read.
        let Ok(found) = FoundModels::read(&parts) else {
            return Ok(());
        };
        let before = self.known.clone();
        let before = before.or_else(|| recall::models(writer.store()));
        // A list that is cut says nothing about what is missing in it.
        let is_whole = list.left_out == 0;
        let details = list.details();
        let points = found.points(before.as_ref().filter(|_| is_whole), |_| false, &details);
        write(&parts, &points, writer)?;
        self.known = match is_whole {
            true => Some(found.all().clone()),
            false => before,
        };
        Ok(())
    }

    /// After something was not stored: the list is asked for again.
    pub(super) fn begin_anew(&mut self, writer: &mut Writer<'_>) {
        writer.discard();
        writer.accept_rewinds();
        self.list_asked = None;
    }
}
