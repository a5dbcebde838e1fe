//! A models directory on a file system that does not answer: a FUSE mount that nobody serves, which is as a network mount whose
//! server is gone.

use std::fs;
use std::process::Output;

use support::endpoint::Endpoint;
use support::journal::{busy, write_journal};

use super::common::{Host, hang};
use super::rig::in_private_mounts;

/// What `script` does where the models directory hangs; `None` where nobody can mount.
fn where_it_hangs(host: &Host, script: &str) -> Option<Output> {
    fs::create_dir_all(host.path("journal")).unwrap();
    write_journal(&host.path("journal/system.journal"), busy(10)).unwrap();
    let hang = hang("models")?;
    let output = in_private_mounts(host, &format!("{hang}{script}"));
    assert_ne!(output.status.code(), Some(99), "{output:?}");
    Some(output)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn doctor_says_that_the_directory_does_not_answer() {
    let endpoint = Endpoint::start().unwrap();
    let host = Host::new(&endpoint.url(), "v2", "token");
    let Some(output) = where_it_hangs(&host, r#"timeout 60 "$2" doctor --json 3>&-"#) else {
        return;
    };
    let said = text(&output.stdout);
    assert!(said.contains("/models does not answer"), "{output:?}");
}

#[test]
fn run_once_goes_on_without_it_and_says_so() {
    let endpoint = Endpoint::start().unwrap();
    let host = Host::new(&endpoint.url(), "v2", "token");
    let Some(output) = where_it_hangs(&host, r#"timeout 60 "$2" run --once 3>&-"#) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stderr);
    assert_eq!(said.matches("does not answer").count(), 1, "{said}");
    let arrived = endpoint.points(|points| points.messages().len());
    assert_eq!(arrived, 10);
}

/// Reloads three times, each time once the inventory of the round before looks, and waits until as many threads look as are expected.
/// Then stops; prints how many milliseconds that took.
const RELOADS: &str = r#"
"$2" run 3>&- 2>"$1/log" & pid=$!
named() { grep -lx "$1" /proc/$pid/task/*/comm; }
await() {
    tries=300
    until [ "$(named inventory)" != "$before" ] && [ "$(named models | wc -l)" = $1 ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { echo "not $1 but: $(named models)"; kill -KILL $pid; exit 1; }
        sleep 0.1
    done
}
until grep -q 'does not answer' "$1/log"; do kill -0 $pid || exit 1; sleep 0.1; done
await 1
for threads in 2 2 2; do
    before=$(named inventory)
    kill -HUP $pid
    await $threads
done
begun=$(date +%s%3N)
kill -TERM $pid
wait $pid || exit 1
echo $(($(date +%s%3N) - begun))
"#;

#[test]
fn a_stop_does_not_wait_for_it_and_no_reload_leaves_a_thread_more() {
    let endpoint = Endpoint::start().unwrap();
    let host = Host::new(&endpoint.url(), "v2", "token");
    // One thread hangs, and one waits for its turn.
    let Some(output) = where_it_hangs(&host, RELOADS) else {
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let millis: u64 = text(&output.stdout).trim().parse().unwrap();
    assert!(millis < 5_000, "the stop took {millis} ms");
}
