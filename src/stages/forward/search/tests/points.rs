//! Points that follow from lines, and servers that refuse some of them.

use super::*;
use crate::record::{DerivedSet, Event, Kind, Memory, Part, Phase, Tokens};
use crate::sinks::{BodyLine, NumberedLine};

const MEMORY: &str = "ollama_memory";
const EVENTS: &str = "ollama_events";
const TOKENS: &str = "ollama_tokens";

/// What such a server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    Nothing,
    /// The measurement of the first refused point.
    Measurement,
    /// Always this one, whatever is refused.
    WrongMeasurement,
    /// The numbers of all refused lines.
    Numbers,
    /// Of the first one.
    OneNumber,
    /// The number of the first line, whatever is refused.
    WrongNumber,
    /// Numbers that no line has.
    Nonsense,
}

/// A server, and what it holds.
struct PointServer<'a> {
    records: Arc<Records>,
    bad_lines: &'a BTreeSet<usize>,
    bad_points: &'a dyn Fn(usize, &str) -> bool,
    tells: Tells,
    requests: usize,
    /// The points of each line and request that passed: lines, and with their measurement what follows from them.
    held: BTreeSet<(usize, Option<&'static str>)>,
}

fn memory() -> Derived<'static> {
    Derived::Memory(Memory {
        device: Cow::Borrowed("CPU"),
        part: Part::Weights,
        bytes: 1,
    })
}

fn event() -> Derived<'static> {
    Derived::Event(Event {
        kind: Kind::ALL[0],
        facts: Vec::new(),
    })
}

fn tokens() -> Derived<'static> {
    Derived::Tokens(Tokens::of(Phase::Prompt, 1))
}

/// Most lines have no points, some have two of one measurement, some have points of several.
fn points_of(line: usize) -> Vec<Derived<'static>> {
    match line % 20 {
        3 => vec![memory()],
        7 => vec![memory(), memory(), event()],
        11 => vec![event()],
        13 => vec![memory(), event(), tokens()],
        _ => Vec::new(),
    }
}

fn with_points(lines: usize) -> Arc<Records> {
    records_of(lines, |line| (log(), points_of(line)))
}

impl PointServer<'_> {
    fn body(&self, trial: &Trial) -> Vec<BodyLine> {
        let mut body = Vec::new();
        for &place in &trial.lines {
            let payload = self.records.get(place).unwrap().payload;
            let points = Record::point_measurements(payload).into_iter();
            let sent = points.filter(|name| !trial.form.left_out().contains(name));
            let own = [None].into_iter().chain(sent.map(Some));
            body.extend(own.map(|derived| BodyLine { place, derived }));
        }
        body
    }

    fn refuses(&self, line: &BodyLine) -> bool {
        match line.derived {
            None => self.bad_lines.contains(&line.place),
            Some(name) => (self.bad_points)(line.place, name),
        }
    }

    /// The answer to a body, if it is refused, and what of it is named.
    fn answer(&mut self, body: &[BodyLine]) -> Option<(Refusal, Vec<BodyLine>)> {
        self.requests += 1;
        let refused: Vec<_> = (1..)
            .zip(body)
            .filter(|(_, line)| self.refuses(line))
            .collect();
        let Some((_, first)) = refused.first() else {
            let held = body.iter().map(|line| (line.place, line.derived));
            self.held.extend(held);
            return None;
        };
        let mut refusal = refusal(vec![], None);
        refusal.reason = match (self.tells, first.derived) {
            (Tells::Measurement, Some(name)) => format!("conflict in \"{name}\""),
            (Tells::WrongMeasurement, _) => format!("conflict in \"{TOKENS}\""),
            _ => format!("refused: {:?}", first.derived),
        };
        let numbers: Vec<usize> = match self.tells {
            Tells::Numbers => refused.iter().map(|(number, _)| *number).collect(),
            Tells::OneNumber => vec![refused[0].0],
            Tells::WrongNumber => vec![1],
            Tells::Nonsense => vec![0, body.len() + 1, usize::MAX],
            _ => vec![],
        };
        let numbered = numbers.iter().map(|number| NumberedLine {
            number: *number,
            reason: refusal.reason.clone(),
        });
        refusal.numbered = numbered.collect();
        let point = |number: &usize| body.get(number.checked_sub(1)?).copied();
        Some((refusal, numbers.iter().filter_map(point).collect()))
    }

    /// A batch is refused, and then searched.
    fn search(&mut self) -> SearchFindings {
        let lines = self.records.len();
        let whole = Trial {
            lines: (0..lines).collect(),
            form: Form::WHOLE,
        };
        let body = self.body(&whole);
        let Some((refusal, named)) = self.answer(&body) else {
            return SearchFindings {
                stored: whole.lines,
                ..SearchFindings::default()
            };
        };
        let hints = Hints::new(&refusal, named);
        let mut search = Search::new(Arc::clone(&self.records), lines, &hints);
        while let Some(trial) = search.next() {
            let body = self.body(&trial);
            match self.answer(&body) {
                None => search.stored(),
                Some((refusal, named)) => {
                    search.refused(&refusal, &Hints::new(&refusal, named));
                }
            }
        }
        search.finish()
    }
}

/// What a search found, how many requests it took, and what the server holds.
struct Searched {
    found: SearchFindings,
    requests: usize,
    held: BTreeSet<(usize, Option<&'static str>)>,
}

impl Searched {
    fn new(
        lines: usize,
        bad_lines: &BTreeSet<usize>,
        bad_points: &dyn Fn(usize, &str) -> bool,
        tells: Tells,
    ) -> Self {
        let mut server = PointServer {
            records: with_points(lines),
            bad_lines,
            bad_points,
            tells,
            requests: 0,
            held: BTreeSet::new(),
        };
        let found = server.search();
        Self {
            found,
            requests: server.requests,
            held: server.held,
        }
    }

    /// The points of stored lines that the server does not hold, by measurement.
    fn missing(&self) -> BTreeMap<&'static str, usize> {
        let mut missing = BTreeMap::new();
        for &line in &self.found.stored {
            for point in points_of(line) {
                let name = point.measurement().name;
                if !self.held.contains(&(line, Some(name))) {
                    *missing.entry(name).or_default() += 1;
                }
            }
        }
        missing
    }

    fn given_up(&self) -> BTreeMap<&'static str, usize> {
        let given_up = self.found.given_up.iter();
        given_up
            .map(|(name, points)| (*name, points.points))
            .collect()
    }
}

/// All points of `measurements` that follow from stored lines.
fn all_of(measurements: DerivedSet, stored: &[usize]) -> BTreeMap<&'static str, usize> {
    let mut all = BTreeMap::new();
    for point in stored.iter().flat_map(|line| points_of(*line)) {
        let name = point.measurement().name;
        if measurements.contains(name) {
            *all.entry(name).or_default() += 1;
        }
    }
    all
}

const TELLS: [Tells; 7] = [
    Tells::Nothing,
    Tells::Measurement,
    Tells::WrongMeasurement,
    Tells::Numbers,
    Tells::OneNumber,
    Tells::WrongNumber,
    Tells::Nonsense,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn measurements_in_conflict_cost_only_their_own_points(
        lines in 1_usize..600,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        names in prop::sample::subsequence(vec![MEMORY, EVENTS, TOKENS], 0..=3),
        tells in prop::sample::select(&TELLS[..]),
    ) {
        let bad: BTreeSet<_> = picks.iter().map(|pick| pick.index(lines)).collect();
        let conflicting: DerivedSet = names.iter().copied().collect();
        let searched = Searched::new(lines, &bad, &|_, name| conflicting.contains(name), tells);
        let stored: BTreeSet<_> = searched.found.stored.iter().copied().collect();
        prop_assert_eq!(stored.len(), searched.found.stored.len());
        prop_assert_eq!(refused_lines(&searched.found), bad.clone());
        prop_assert_eq!(searched.found.refused.len(), bad.len());
        prop_assert_eq!(stored.len() + bad.len(), lines);
        prop_assert_eq!(searched.missing(), all_of(conflicting, &searched.found.stored));
        prop_assert_eq!(searched.given_up(), searched.missing());
        let given_up = &searched.found.given_up;
        prop_assert!(given_up.values().all(|points| points.reason.contains("ollama_") || tells == Tells::WrongMeasurement), "{:?}", given_up);
        let most = bound(lines, bad.len() + FEW * names.len()) + 5 * (bad.len() + 4 * names.len()) + 40;
        prop_assert!(searched.requests <= most, "{} requests of {}", searched.requests, most);
    }

    /// As in a shard.
    #[test]
    fn where_points_conflict_in_a_stretch_of_time_exactly_those_are_missing(
        lines in 1_usize..600,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        stretch in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        tells in prop::sample::select(&TELLS[..]),
    ) {
        let bad: BTreeSet<_> = picks.iter().map(|pick| pick.index(lines)).collect();
        let (one, other) = (stretch.0.index(lines), stretch.1.index(lines));
        let stretch = one.min(other)..one.max(other) + 1;
        let is_bad = |line: usize, name: &str| name == MEMORY && stretch.contains(&line);
        let searched = Searched::new(lines, &bad, &is_bad, tells);
        prop_assert_eq!(refused_lines(&searched.found), bad.clone());
        prop_assert_eq!(searched.found.stored.len() + bad.len(), lines);
        prop_assert_eq!(searched.given_up(), searched.missing());
        let inside = searched.found.stored.iter().copied().filter(|line| stretch.contains(line));
        let inside: Vec<_> = inside.collect();
        prop_assert_eq!(searched.missing(), all_of(DerivedSet::of(MEMORY), &inside));
        let most = bound(lines, bad.len() + FEW) + 5 * (bad.len() + 4) + 40;
        prop_assert!(searched.requests <= most, "{} requests of {}", searched.requests, most);
    }

    #[test]
    fn points_that_conflict_here_and_there_are_never_missing_uncounted(
        lines in 1_usize..600,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        points in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![MEMORY, EVENTS, TOKENS])), 0..8),
        tells in prop::sample::select(&TELLS[..]),
    ) {
        let bad: BTreeSet<_> = picks.iter().map(|pick| pick.index(lines)).collect();
        let points: BTreeSet<_> = points.iter().map(|(line, name)| (line.index(lines), *name)).collect();
        let is_bad = |line: usize, name: &str| points.iter().any(|bad| *bad == (line, name));
        let searched = Searched::new(lines, &bad, &is_bad, tells);
        prop_assert_eq!(refused_lines(&searched.found), bad.clone());
        prop_assert_eq!(searched.found.stored.len() + bad.len(), lines);
        prop_assert_eq!(searched.given_up(), searched.missing());
        let named: DerivedSet = points.iter().map(|(_, name)| *name).collect();
        let innocent = DerivedSet::ALL.without(named);
        prop_assert!(searched.given_up().keys().all(|name| !innocent.contains(name)));
        if tells == Tells::Numbers {
            let conflicting = |line: usize| points_of(line).iter().filter(|point| is_bad(line, point.measurement().name)).count();
            let of_stored: usize = searched.found.stored.iter().map(|line| conflicting(*line)).sum();
            prop_assert_eq!(searched.given_up().values().sum::<usize>(), of_stored);
        }
    }
}

#[test]
fn numbers_lead_straight_to_the_refused_lines_and_points() {
    let (none, lines) = (BTreeSet::new(), 5000);
    // The request that was refused, the three alone, one that shows whether anything is stored, and the rest.
    let three = BTreeSet::from([17, 2500, 4000]);
    let searched = Searched::new(lines, &three, &|_, _| false, Tells::Numbers);
    assert_eq!(searched.requests, 1 + 3 + 1 + 1);
    // Three points: one of them with nothing else, their lines without them, and the rest.
    let is_bad = |line: usize, name: &str| name == MEMORY && [23, 2503, 4003].contains(&line);
    let searched = Searched::new(lines, &none, &is_bad, Tells::Numbers);
    assert_eq!(searched.requests, 1 + 1 + 1 + 1);
    assert_eq!(searched.given_up(), BTreeMap::from([(MEMORY, 3)]));
    assert_eq!(searched.missing(), searched.given_up());
    // A whole measurement costs no more.
    let searched = Searched::new(lines, &none, &|_, name| name == MEMORY, Tells::Numbers);
    assert_eq!(searched.requests, 4);
    assert_eq!(searched.given_up(), BTreeMap::from([(MEMORY, 4 * 250)]));
}

#[test]
fn a_measurement_that_is_named_is_found_in_few_requests() {
    let none = BTreeSet::new();
    let conflict = |_: usize, name: &str| name == MEMORY;
    let named = Searched::new(5000, &none, &conflict, Tells::Measurement);
    let unnamed = Searched::new(5000, &none, &conflict, Tells::Nothing);
    println!("{} and {}", named.requests, unnamed.requests);
    // Two lines without their points; those of them that are refused, and others; the rest.
    assert!(named.requests <= 1 + 2 * (1 + 2) + 1, "{}", named.requests);
    assert!(unnamed.requests <= 45, "{}", unnamed.requests);
    assert_eq!(named.given_up(), unnamed.given_up());
}

#[test]
fn wrong_numbers_are_found_out_and_cost_few_requests_more() {
    let bad = BTreeSet::from([1234]);
    let untold = Searched::new(5000, &bad, &|_, _| false, Tells::Nothing);
    for tells in [Tells::WrongNumber, Tells::Nonsense] {
        let searched = Searched::new(5000, &bad, &|_, _| false, tells);
        assert_eq!(refused_lines(&searched.found), bad);
        assert!(
            searched.requests <= untold.requests + 3,
            "{} where {} would do",
            searched.requests,
            untold.requests
        );
    }
}

#[test]
fn doubted_points_whose_line_may_not_be_sent_leave_it_pending() {
    let records = with_points(80);
    let mut search = Search::new(records, 80, &Hints::default());
    let has_memory = |trial: &Trial| {
        let mut points = trial.lines.iter().flat_map(|line| points_of(*line));
        let sent = |name: &str| !trial.form.left_out().contains(name);
        points.any(|point| point.measurement().name == MEMORY && sent(MEMORY))
    };
    let mut skipped = 0;
    while let Some(trial) = search.next() {
        if search.current.as_ref().unwrap().purpose == Purpose::Doubted {
            skipped += 1;
            search.skip();
        } else if has_memory(&trial) {
            refuse(&mut search, &refusal(vec![], None));
        } else {
            search.stored();
        }
    }
    assert_eq!(skipped, 1);
    let found = search.finish();
    let stored: BTreeSet<_> = found.stored.iter().copied().collect();
    let left: BTreeSet<_> = found.skipped.iter().copied().collect();
    assert!(!left.is_empty() && stored.is_disjoint(&left));
    assert_eq!(stored.len() + left.len(), 80);
}

#[test]
fn a_line_whose_points_were_not_tried_to_the_end_stays_pending() {
    let records = with_points(14);
    let mut search = Search::new(records, 14, &Hints::default());
    // Line 13 has points of three measurements.
    while let Some(trial) = search.next() {
        match trial.lines[..] {
            [13] if trial.form == Form::BARE => {
                search.stored();
                break;
            }
            _ if trial.lines.contains(&13) => refuse(&mut search, &refusal(vec![], None)),
            _ => search.stored(),
        }
    }
    assert!(search.next().is_some(), "its points are to be tried");
    assert!(!search.finish().stored.contains(&13));
}

#[test]
fn lines_beyond_retention_keep_no_points_of_others_from_being_stored() {
    let records = with_points(200);
    let mut search = Search::new(records, 200, &Hints::default());
    let old: BTreeSet<usize> = (0..30).collect();
    let mut held = BTreeSet::new();
    while let Some(trial) = search.next() {
        let count = |line: usize| {
            let points = points_of(line).into_iter();
            1 + points
                .filter(|point| !trial.form.left_out().contains(point.measurement().name))
                .count()
        };
        let dropped: usize = trial
            .lines
            .iter()
            .filter(|line| old.contains(line))
            .map(|line| count(*line))
            .sum();
        for line in trial.lines.iter().filter(|line| !old.contains(line)) {
            let points = points_of(*line)
                .into_iter()
                .map(|point| point.measurement().name);
            let sent = points.filter(|name| !trial.form.left_out().contains(name));
            held.extend(sent.map(|name| (*line, name)));
        }
        match dropped {
            0 => search.stored(),
            _ => {
                let beyond = Refusal {
                    cause: Cause::BeyondRetention { keeps: None },
                    ..refusal(vec![], Some(dropped))
                };
                refuse(&mut search, &beyond);
            }
        }
    }
    let found = search.finish();
    assert_eq!((found.stored.len(), found.old.len()), (170, 30));
    assert!(found.given_up.is_empty(), "{:?}", found.given_up);
    let of_others = (30..200).flat_map(|line| {
        points_of(line)
            .into_iter()
            .map(move |point| (line, point.measurement().name))
    });
    assert_eq!(held, of_others.collect());
}
