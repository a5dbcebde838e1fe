//! A thousand hosts and one server that comes back after an hour, on a paused clock. The table that this prints
//! stands in the documentation of `shipper::base::retry`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use shipper::base::retry::Delays;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

const HOSTS: u32 = 1000;
const OUTAGE: Duration = Duration::from_secs(3600);
/// Requests a second that the server answers; whatever comes beyond that gets a 503.
const CAPACITY: u32 = 200;
/// Batches that each host has gathered when the server is back.
const BACKLOG: u32 = 20;
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long the server takes for a batch.
const SERVICE: Duration = Duration::from_millis(50);

/// How long a host waits after a failure.
enum Waits {
    Jitter(Delays),
    /// What a policy without jitter would do: the same ceilings, always in full.
    Full(Duration),
}

impl Waits {
    fn after_failure(&mut self) -> Duration {
        match self {
            Self::Jitter(delays) => delays.after_failure(None),
            Self::Full(next) => {
                let delay = *next;
                *next = (delay * 2).min(RETRY_MAX);
                delay
            }
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Jitter(delays) => delays.reset(),
            Self::Full(next) => *next = 2 * RETRY_MIN,
        }
    }
}

/// Requests by the second after the server came back.
#[derive(Default)]
struct Server {
    arrived: Vec<u32>,
    refused: u32,
}

impl Server {
    /// Whether the request that arrives `since_back` is answered with 204.
    fn takes(&mut self, since_back: Duration) -> bool {
        let second = usize::try_from(since_back.as_secs()).unwrap();
        self.arrived.resize(self.arrived.len().max(second + 1), 0);
        self.arrived[second] += 1;
        let takes = self.arrived[second] <= CAPACITY;
        self.refused += u32::from(!takes);
        takes
    }
}

struct Outcome {
    peak: u32,
    /// Arrivals in the first ten seconds, when a server that has just come back is at its weakest.
    first_ten: u32,
    refused: u32,
    drained_after: Duration,
}

/// One host, from the beginning of the outage until it has nothing left. `pause` is what `SHIPPER_MAX_RATE` puts between
/// its batches.
async fn host(
    mut waits: Waits,
    phase: Duration,
    pause: Duration,
    start: Instant,
    server: Rc<RefCell<Server>>,
) {
    let back = start + OUTAGE;
    sleep_until(start + phase).await;
    let mut left = BACKLOG;
    while left > 0 {
        let now = Instant::now();
        if now < back || !server.borrow_mut().takes(now - back) {
            sleep(waits.after_failure()).await;
            continue;
        }
        waits.reset();
        left -= 1;
        sleep(SERVICE + pause).await;
    }
}

async fn fleet(waits: impl Fn() -> Waits, pause: Duration) -> Outcome {
    let start = Instant::now();
    let server = Rc::new(RefCell::new(Server::default()));
    let hosts = LocalSet::new();
    for number in 0..HOSTS {
        // All hosts have noticed the outage within a second.
        let phase = Duration::from_secs(1) * number / HOSTS;
        hosts.spawn_local(host(waits(), phase, pause, start, Rc::clone(&server)));
    }
    hosts.await;
    let server = server.borrow();
    Outcome {
        peak: server.arrived.iter().copied().max().unwrap(),
        first_ten: server.arrived.iter().take(10).sum(),
        refused: server.refused,
        drained_after: start.elapsed() - OUTAGE,
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_and_a_rate_keep_a_fleet_from_burying_a_server_that_comes_back() {
    let full = || Waits::Full(2 * RETRY_MIN);
    let jitter = || Waits::Jitter(Delays::new(RETRY_MIN, RETRY_MAX));
    let second = Duration::from_secs(1);
    let without = fleet(full, Duration::ZERO).await;
    let with = fleet(jitter, Duration::ZERO).await;
    let with_rate = fleet(jitter, second * 5).await;
    println!(
        "| delays | peak requests/s | in the first 10 s | refused with 503 | all drained after |"
    );
    println!("|---|---|---|---|---|");
    for (name, outcome) in [
        ("doubling, no jitter", &without),
        ("full jitter", &with),
        ("full jitter, `SHIPPER_MAX_RATE=1000`", &with_rate),
    ] {
        println!(
            "| {name} | {} | {} | {} | {:.0} s |",
            outcome.peak,
            outcome.first_ten,
            outcome.refused,
            outcome.drained_after.as_secs_f64()
        );
    }
    assert!(
        with.peak * 2 < without.peak,
        "{} {}",
        with.peak,
        without.peak
    );
    assert!(with_rate.peak <= CAPACITY * 3 / 2, "{}", with_rate.peak);
    assert!(with_rate.refused < without.refused);
    // The floor is what the server can take at all.
    let floor = second * HOSTS * BACKLOG / CAPACITY;
    assert!(with.drained_after < 3 * floor, "{:?}", with.drained_after);
}
