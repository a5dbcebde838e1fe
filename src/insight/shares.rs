//! How much is understood of each version's lines: a new version of Ollama that writes them otherwise is noticed by it. Pure.

/// Lines of each of two versions before they are compared; a load alone is two hundred lines, and differs from a day of requests.
const COMPARED_FROM: u64 = 1_000;
/// Versions remembered.
const REMEMBERED: usize = 4;

/// Lines of the latest versions, the one that runs last.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares(Vec<VersionShare>);

#[derive(Clone, Debug)]
struct VersionShare {
    /// `None` for lines from before the first start that was read.
    version: Option<String>,
    lines: u64,
    understood: u64,
}

impl VersionShare {
    fn percent(&self) -> u64 {
        self.understood * 100 / self.lines.max(1)
    }

    fn name(&self) -> String {
        match &self.version {
            Some(version) => format!("Ollama {version}"),
            None => "the version before".to_owned(),
        }
    }
}

impl Shares {
    /// Counts a line of the version that runs.
    pub(super) fn count(&mut self, version: Option<&str>, is_understood: bool) {
        let runs = |known: &VersionShare| known.version.as_deref() == version;
        if !self.0.last().is_some_and(runs) {
            let known = self.0.iter().position(runs);
            let share = known.map(|place| self.0.remove(place));
            if self.0.len() == REMEMBERED {
                self.0.remove(0);
            }
            self.0.push(share.unwrap_or_else(|| VersionShare {
                version: version.map(ToOwned::to_owned),
                lines: 0,
                understood: 0,
            }));
        }
        if let Some(share) = self.0.last_mut() {
            share.lines += 1;
            share.understood += u64::from(is_understood);
        }
    }

    /// What to say when less than three quarters as much is understood of the version that runs as was of the one before.
    pub(super) fn fallen(&self) -> Option<String> {
        let (now, earlier) = self.0.split_last()?;
        let is_enough = |share: &&VersionShare| share.lines >= COMPARED_FROM;
        let before = earlier.iter().rev().find(is_enough)?;
        let has_fallen = is_enough(&now) && now.percent() * 4 < before.percent() * 3;
        has_fallen.then(|| {
            format!(
                "{} % of the lines of {}, {} % of those of {}: `shipper insight explain --journal` lists the others",
                now.percent(),
                now.name(),
                before.percent(),
                before.name(),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(shares: &mut Shares, version: Option<&str>, lines: u64, understood: u64) {
        (0..lines).for_each(|line| shares.count(version, line < understood));
    }

    #[test]
    fn a_version_whose_lines_are_understood_less_is_told_until_they_are_again() {
        let mut shares = Shares::default();
        read(&mut shares, Some("0.24.0"), 2_000, 1_900);
        assert_eq!(shares.fallen(), None, "nothing to compare with");
        read(&mut shares, Some("0.33.0"), 999, 90);
        assert_eq!(shares.fallen(), None, "too few lines");
        read(&mut shares, Some("0.33.0"), 1, 0);
        let told = shares.fallen().unwrap();
        assert!(
            told.starts_with("9 % of the lines of Ollama 0.33.0, 95 % of those of Ollama 0.24.0"),
            "{told}"
        );
        read(&mut shares, Some("0.33.0"), 9_000, 9_000);
        assert_eq!(shares.fallen(), None, "a shipper that understands them");
    }

    #[test]
    fn a_version_that_was_tried_for_a_moment_is_not_what_is_compared_with() {
        let mut shares = Shares::default();
        read(&mut shares, None, 1_000, 1_000);
        read(&mut shares, Some("0.30.0"), 10, 0);
        read(&mut shares, Some("0.31.0"), 1_000, 500);
        let told = shares.fallen().unwrap();
        assert!(
            told.contains("100 % of those of the version before"),
            "{told}"
        );
    }

    #[test]
    fn a_restart_of_the_same_version_goes_on_with_its_count_and_memory_is_bounded() {
        let mut shares = Shares::default();
        for round in 0..100 {
            read(&mut shares, Some(&round.to_string()), 3, 1);
            read(&mut shares, Some("same"), 10, 10);
        }
        assert_eq!(shares.0.len(), REMEMBERED);
        assert_eq!(shares.0.last().map(|share| share.lines), Some(1_000));
    }
}
