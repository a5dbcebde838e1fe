//! Whole lives of a server, of each way that Ollama has logged: what a reader tells of one is what happened in it, to the last unit.

mod answering;
mod boot;
mod buffers;
mod close_calls;
mod ending;
mod journal;
mod life;
mod loading;
mod script;
mod stored;
mod tasks;
mod totals;
mod version;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use shipper::insight::Reader;

pub(crate) use self::life::Life;
pub(crate) use self::totals::Totals;
pub(crate) use self::version::Version;

/// Lives of each version that are always played, and how many deeds they have at most.
const LIVES: u32 = 48;
const DEEDS: usize = 60;
/// `INSIGHT_LIVES=N` plays so many beside, longer ones, drawn anew unless `INSIGHT_SEED` says which. One life is in memory at a time.
const LONG_DEEDS: usize = 600;

fn tells_the_totals(
    version: Version,
    debug: bool,
    script: &[script::Act],
) -> Result<(), TestCaseError> {
    let (lines, totals) = Life::play(version, debug, script);
    let told = Totals::told(
        &mut Reader::default(),
        lines.iter().map(|line| line.text.as_str()),
    );
    let differences = totals.differences(&told);
    prop_assert!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

/// Draws what follows from `seed`.
fn runner(seed: u64, cases: u32) -> TestRunner {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4));
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, rng)
}

fn play(version: Version, lives: u32, deeds: usize, seed: u64) {
    let scripts = (any::<bool>(), script::script(deeds));
    let run = runner(seed, lives).run(&scripts, |(debug, script)| {
        tells_the_totals(version, debug, &script)
    });
    if let Err(failure) = run {
        panic!("{version:?}, INSIGHT_SEED={seed}: {failure}");
    }
}

/// The number in a variable of the environment.
fn asked(variable: &str) -> Option<u64> {
    let number = std::env::var(variable).ok()?;
    Some(number.parse().expect("a number"))
}

#[test]
fn what_a_reader_tells_of_a_life_is_what_happened_in_it() {
    for version in Version::ALL {
        play(version, LIVES, DEEDS, 19);
    }
}

#[test]
fn what_a_reader_tells_of_long_lives_is_what_happened_in_them_where_that_is_asked_for() {
    let Some(lives) = asked("INSIGHT_LIVES") else {
        return;
    };
    let clock = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let seed = asked("INSIGHT_SEED").unwrap_or_else(clock);
    for version in Version::ALL {
        play(version, lives.try_into().unwrap(), LONG_DEEDS, seed);
    }
}
