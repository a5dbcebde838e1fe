//! `shipper feed`, and the rule that gives it the group of the journal: what the service's user gets by them, and by every other way
//! that sudo has. The rule is asked by the real sudo, in a mount namespace where it is all of the host's sudoers.
#![cfg(test)]

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use shipper::sources::journal::readers::{FeedRequest, Positions};
use support::endpoint::{Endpoint, Points};
use support::journal::{BEGIN, Entry, UNIT, busy, write_journal};
use tempfile::TempDir;

/// `nobody`, who may do nothing but what the rule says.
const NOBODY: u32 = 65_534;
/// Where `install.sh` puts it.
const SHIPPER: &str = "/usr/local/bin/shipper";
/// The command line of the rule, as the service gives it to sudo.
const FEED: [&str; 5] = ["-g", "systemd-journal", "--", SHIPPER, "feed"];
/// Lines of Ollama in the journal.
const LINES: usize = 40;
/// What another unit has printed.
const SECRET: &str = "the password is swordfish";
/// What a program writes that was started in place of another.
const LOOT: &str = "loot";

/// What the host needs to be: root's, with sudo and a group for the journal.
fn is_possible() -> bool {
    let possible = rustix::process::geteuid().is_root() && Path::new("/usr/bin/sudo").exists();
    if !possible {
        support::loud("SKIPPED: sudo is asked only when the tests run as root");
    }
    possible
}

/// A host with our rule, a journal that only the group may read, and a directory where the user may write.
struct Host {
    dir: TempDir,
    /// What is installed as the shipper.
    program: PathBuf,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_shipper")),
        };
        set_mode(host.dir.path(), 0o711);
        let copied = Command::new("cp")
            .args(["--archive", "/etc"])
            .arg(host.dir.path())
            .status();
        assert!(copied.unwrap().success());
        // Ours alone.
        fs::remove_file(host.path("etc/sudoers")).unwrap();
        host.rule(&rule());
        let config = host.path("etc/ollama-influxdb");
        let _ = fs::remove_dir_all(&config);
        fs::create_dir(&config).unwrap();
        set_mode(&config, 0o755);
        host.configure("");

        fs::create_dir(host.path("bin")).unwrap();
        fs::write(host.path("bin/shipper"), "").unwrap();
        fs::create_dir(host.path("user")).unwrap();
        chown(host.path("user"), Some(NOBODY), Some(NOBODY)).unwrap();

        fs::create_dir(host.path("journal")).unwrap();
        let file = host.path("journal/system.journal");
        let secret = Entry::of_unit(BEGIN + 1, "bank.service", SECRET);
        write_journal(&file, [secret].into_iter().chain(busy(LINES))).unwrap();
        let given = Command::new("chgrp")
            .args(["--recursive", "systemd-journal"])
            .arg(host.path("journal"))
            .status();
        assert!(given.unwrap().success());
        set_mode(&file, 0o640);
        set_mode(&host.path("journal"), 0o750);
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path in the user's own directory.
    fn own(&self, name: &str) -> String {
        self.path("user").join(name).to_str().unwrap().to_owned()
    }

    fn rule(&self, text: &str) {
        let file = self.path("etc/sudoers");
        let _ = fs::remove_file(&file);
        fs::write(&file, text).unwrap();
        set_mode(&file, 0o440);
    }

    fn config(&self) -> PathBuf {
        self.path("etc/ollama-influxdb/config.env")
    }

    /// What root has configured.
    fn configure(&self, lines: &str) {
        let journal = self.path("journal");
        let text = format!("SHIPPER_JOURNAL_DIR={}\n{lines}", journal.display());
        fs::write(self.config(), text).unwrap();
        set_mode(&self.config(), 0o644);
    }

    /// A command of the user's on this host.
    fn command<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let script = r#"cd "$1" && mount --bind etc /etc && mount --bind bin /usr/local/bin && mount --bind "$2" /usr/local/bin/shipper &&
            cd user && shift 2 && exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@""#;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "bash", "-c", script, "bash"])
            .arg(self.dir.path())
            .arg(&self.program)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn sudo<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = self.command(["/usr/bin/sudo", "-n"]);
        command.args(words);
        command
    }
}

/// The rule as it is installed for `nobody`.
fn rule() -> String {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/sudoers.in");
    fs::read_to_string(template)
        .unwrap()
        .replace("@USER@", "nobody")
        .replace("@BINARY@", SHIPPER)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The bytes of a request, which anybody could make up.
fn request(units: &[&str]) -> Vec<u8> {
    let request = FeedRequest {
        followed: units.iter().map(|unit| (*unit).to_owned()).collect(),
        positions: Positions::begin(0, [0; 16]),
    };
    let bytes = bincode::serde::encode_to_vec(&request, bincode::config::standard()).unwrap();
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_le_bytes()[..], &bytes].concat()
}

/// What a `feed` handed over.
struct Fed {
    entries: usize,
    everything: Vec<u8>,
    /// Why it handed over nothing more.
    refusal: Option<String>,
    /// What was written to standard error.
    said: String,
}

impl Fed {
    fn holds(&self, text: &str) -> bool {
        let mut windows = self.everything.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    }
}

/// Asks `command` for `request`, and reads what it gives until it says that there is nothing more, or ends.
fn feed(mut command: Command, request: &[u8]) -> Fed {
    let mut child = command.spawn().unwrap();
    let mut fed = exchange(&mut child, request);
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    fed.everything.extend(output.stdout);
    fed.said = String::from_utf8_lossy(&output.stderr).into_owned();
    fed
}

fn exchange(child: &mut Child, request: &[u8]) -> Fed {
    // One that has ended takes no request.
    let _ = child.stdin.as_mut().unwrap().write_all(request);
    let stdout = child.stdout.as_mut().unwrap();
    let mut fed = Fed {
        entries: 0,
        everything: Vec::new(),
        refusal: None,
        said: String::new(),
    };
    let mut length = [0; 4];
    while stdout.read_exact(&mut length).is_ok() {
        let begin = fed.everything.len();
        let message = stdout.take(u32::from_le_bytes(length).into());
        message
            .take(1 << 20)
            .read_to_end(&mut fed.everything)
            .unwrap();
        // The first byte is the kind of the message.
        match fed.everything.get(begin) {
            Some(0) => fed.entries += 1,
            Some(5) => break,
            Some(6) => {
                let why = String::from_utf8_lossy(&fed.everything[begin + 1..]);
                fed.refusal = Some(why.into_owned());
                break;
            }
            _ => {}
        }
    }
    fed
}

/// Whether sudo refused `words`: nothing ran.
fn refused(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or_default();
    let by_sudo = [
        "sudo: ",
        "Sorry, user nobody is not allowed",
        "usage: sudo ",
    ];
    !output.status.success()
        && output.stdout.is_empty()
        && by_sudo.iter().any(|begin| first.starts_with(begin))
}

#[test]
fn the_rule_is_valid_sudoers() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), rule()).unwrap();
    let output = Command::new("/usr/sbin/visudo")
        .args(["--strict", "--check", "--file"])
        .arg(file.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_user_gets_the_entries_of_what_is_followed_and_no_others() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    // Without the rule there is nothing.
    let output = host
        .command(["cat", host.path("journal/system.journal").to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let fed = feed(host.command([SHIPPER, "feed"]), &request(&[UNIT]));
    assert_eq!(fed.entries, 0, "without sudo");
    assert!(fed.refusal.unwrap().contains("no permission"));

    let fed = feed(host.sudo(FEED), &request(&[UNIT]));
    assert_eq!(
        (fed.entries, fed.refusal.as_deref()),
        (LINES, None),
        "{}",
        fed.said
    );
    assert!(!fed.holds(SECRET) && !fed.holds("bank.service"));
}

#[test]
fn a_request_for_more_than_root_has_configured_is_refused() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    for units in [
        &["bank.service"][..],
        &[UNIT, "bank.service"],
        &["user:ollama.service"],
        &["container:ollama"],
        &[""],
        &["bank.service\nollama.service"],
    ] {
        let fed = feed(host.sudo(FEED), &request(units));
        assert_eq!(fed.entries, 0, "{units:?}");
        let why = fed.refusal.unwrap();
        assert!(
            why.contains("is not followed by /etc/ollama-influxdb/config.env"),
            "{why}"
        );
    }
    let nothing = feed(host.sudo(FEED), &request(&[]));
    assert_eq!(nothing.entries, 0);
    for garbage in [
        &b""[..],
        b"\0",
        b"\xff\xff\xff\xff",
        b"\x04\0\0\0\x01\xfb\xff\xff",
    ] {
        let mut child = host.sudo(FEED).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(garbage).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{garbage:?}");
    }

    // What root configures decides, not what the caller does.
    host.configure("SHIPPER_JOURNAL_UNITS=ollama.service,bank.service\n");
    let fed = feed(host.sudo(FEED), &request(&["bank.service"]));
    assert_eq!((fed.entries, fed.holds(SECRET)), (1, true));
}

#[test]
fn a_file_that_others_may_write_is_refused() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    let directory = host.path("etc/ollama-influxdb");
    let refuses = |what: &str| {
        let fed = feed(host.sudo(FEED), &request(&[UNIT]));
        assert_eq!(fed.entries, 0, "{what}");
        let why = fed.refusal.unwrap_or_default();
        assert!(why.contains("has to be root's"), "{what}: {why}");
    };
    for path in [host.config(), directory.clone()] {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        for more in [0o020, 0o002] {
            set_mode(&path, mode | more);
            refuses("writable by others");
            set_mode(&path, mode);
        }
        chown(&path, Some(NOBODY), None).unwrap();
        refuses("the user's");
        chown(&path, Some(0), None).unwrap();
    }
    let elsewhere = host.path("etc/elsewhere.env");
    fs::rename(host.config(), &elsewhere).unwrap();
    symlink("/etc/elsewhere.env", host.config()).unwrap();
    refuses("a link");
    fs::remove_file(host.config()).unwrap();
    let fed = feed(host.sudo(FEED), &request(&[UNIT]));
    assert!(fed.refusal.unwrap().contains("config.env: "), "no file");
    fs::rename(&elsewhere, host.config()).unwrap();
    let fed = feed(host.sudo(FEED), &request(&[UNIT]));
    assert_eq!(fed.entries, LINES);
}

#[test]
fn everything_else_is_refused_by_sudo() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    symlink("/usr/bin/id", host.own("shipper")).unwrap();
    let impostor = host.own("shipper");
    let link_to_shell = host.own("feed");
    symlink("/bin/sh", &link_to_shell).unwrap();
    let with = |before: &[&str], after: &[&str]| {
        let words = before.iter().chain(after);
        words.map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let group = ["-g", "systemd-journal"];
    let mut attempts: Vec<Vec<String>> = Vec::new();
    // Arguments: others, more of them, none, and the same in other pieces.
    for arguments in [
        &[][..],
        &[""],
        &["feed", ""],
        &["", "feed"],
        &["feed "],
        &[" feed"],
        &["feed\n"],
        &["feed\t"],
        &["feed", "feed"],
        &["feed", "--"],
        &["--", "feed"],
        &["FEED"],
        &["fee"],
        &["feeds"],
        &["f*"],
        &["^feed$"],
        &["fe", "ed"],
        &["feed", "--config=/tmp/x"],
        &["feed --config=/tmp/x"],
        &["feed", "--config", "/tmp/x"],
        &["--config=/tmp/x", "feed"],
        &["--config", "/tmp/x", "feed"],
        &["--set", "SHIPPER_JOURNAL_UNITS=bank.service", "feed"],
        &["feed", "--set=SHIPPER_JOURNAL_UNITS=bank.service"],
        &["feed", "-h"],
        &["help", "feed"],
        &["--help"],
        &["run"],
        &["run", "feed"],
        &["doctor"],
        &["backfill"],
        &["demo"],
        &["man", "feed"],
    ] {
        attempts.push(with(&[&group[..], &[SHIPPER]].concat(), arguments));
    }
    // Users and groups.
    for who in [
        &[][..],
        &["-u", "root"],
        &["-u", "root", "-g", "systemd-journal"],
        &["-u", "#0", "-g", "systemd-journal"],
        &["-u", "#-1", "-g", "systemd-journal"],
        &["-u", "daemon", "-g", "systemd-journal"],
        &["-u", "nobody"],
        &["-g", "root"],
        &["-g", "#0"],
        &["-g", "adm"],
        &["-g", "shadow"],
        &["-g", "systemd-network"],
        &["-g", "#-1"],
        &["-g", "systemd-journal,root"],
        &["-g", "systemd-journal", "-g", "root"],
    ] {
        attempts.push(with(who, &[SHIPPER, "feed"]));
    }
    // Other programs.
    for program in [
        &["/bin/sh"][..],
        &["/bin/sh", "-c", "id"],
        &["sh", "feed"],
        &["/usr/bin/id", "feed"],
        &["/usr/bin/id"],
        &["/usr/bin/journalctl", "feed"],
        &["/usr/bin/cat", "/var/log/journal"],
        &["/usr/local/bin/other", "feed"],
        &["/usr/local/bin/shipper feed"],
        &["/usr/local/bin/shipper feed", "feed"],
        &["/usr/local/bin/*", "feed"],
        &["feed"],
        &[&impostor, "feed"],
        &["./shipper", "feed"],
        &["./feed"],
        &["/proc/self/exe", "feed"],
    ] {
        attempts.push(with(&group, program));
    }
    // A shell, an editor, another root directory, and what else sudo can be told.
    for options in [
        &["-s"][..],
        &["-i"],
        &["-s", "-g", "systemd-journal"],
        &["-i", "-g", "systemd-journal"],
        &["-s", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-i", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-e", "/etc/ollama-influxdb/config.env"],
        &[
            "-e",
            "-g",
            "systemd-journal",
            "/etc/ollama-influxdb/config.env",
        ],
        &["sudoedit", "/etc/ollama-influxdb/config.env"],
        &["-R", "/tmp", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-C", "10", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-T", "5", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-E", "-g", "systemd-journal", SHIPPER, "feed"],
        &["-h", "elsewhere", "-g", "systemd-journal", SHIPPER, "feed"],
    ] {
        attempts.push(with(options, &[]));
    }
    // Variables.
    for variable in [
        "SHIPPER_JOURNAL_UNITS=bank.service",
        "SHIPPER_JOURNAL_DIR=/tmp",
        "LD_PRELOAD=/tmp/x.so",
        "LD_LIBRARY_PATH=/tmp",
        "GLIBC_TUNABLES=glibc.malloc.check=3",
        "RUST_LOG=trace",
        "=",
    ] {
        attempts.push(with(&group, &[variable, SHIPPER, "feed"]));
    }
    assert!(attempts.len() > 80);
    for words in attempts {
        let output = host.sudo(&words).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            refused(&output),
            "{words:?}: {} {printed} {said}",
            output.status
        );
    }
}

/// Every way to say `words` in pieces of other lengths, with what may stand between two of them in one piece.
fn regrouped(words: &[&str], glue: &str) -> Vec<Vec<String>> {
    let Some((first, rest)) = words.split_first() else {
        return vec![Vec::new()];
    };
    let tails = regrouped(rest, glue);
    let apart = tails.iter().map(|tail| {
        let mut pieces = vec![(*first).to_owned()];
        pieces.extend(tail.iter().cloned());
        pieces
    });
    let joined = tails.iter().filter_map(|tail| {
        let (next, tail) = tail.split_first()?;
        let mut pieces = vec![format!("{first}{glue}{next}")];
        pieces.extend(tail.iter().cloned());
        Some(pieces)
    });
    apart.chain(joined).collect()
}

/// `word` cut in two at every place.
fn cut(word: &str) -> Vec<[String; 2]> {
    let places = (1..word.len()).filter(|place| word.is_char_boundary(*place));
    places
        .map(|place| [word[..place].to_owned(), word[place..].to_owned()])
        .collect()
}

/// What one word may look like to somebody who reads it in another way than its writer.
fn disguised(word: &str) -> Vec<String> {
    let mut looks = Vec::new();
    for blank in [" ", "\t", "\n", "\r", "\u{b}", "\u{a0}", "\0"] {
        if blank != "\0" {
            looks.extend([format!("{blank}{word}"), format!("{word}{blank}")]);
        }
    }
    for quoted in [
        format!("\"{word}\""),
        format!("'{word}'"),
        format!("\\{word}"),
        format!("{word}\\"),
        format!("$'{word}'"),
        format!("{word}*"),
        format!("*{word}"),
        format!("^{word}$"),
        format!("[{}]{}", &word[..1], &word[1..]),
        format!("?{}", &word[1..]),
        format!("{{{word},x}}"),
        word.to_uppercase(),
    ] {
        looks.push(quoted);
    }
    looks.extend(["", "*", "?", ".*", "^.*$", "--"].map(str::to_owned));
    looks
}

/// All command lines made of an allowed one by other groupings: its words joined, cut, doubled, swapped, left out, disguised, and with
/// others among them. sudo joins arguments by blanks before it compares.
fn groupings(program: &str, arguments: &[&str]) -> std::collections::BTreeSet<Vec<String>> {
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let line = owned(&[&[program], arguments].concat());
    let mut found = std::collections::BTreeSet::new();
    let strangers = [
        "",
        " ",
        "\t",
        "--",
        "-h",
        "feed",
        program,
        "*",
        "--config=/tmp/x",
        "run",
    ];
    for glue in [" ", "  ", "\t", "\n", "", "\\ ", "=", ","] {
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        found.extend(regrouped(&words, glue));
        // With one word twice, and with a stranger at each place.
        for place in 0..=line.len() {
            for stranger in strangers {
                let mut more = words.clone();
                more.insert(place, stranger);
                found.extend(regrouped(&more, glue));
            }
        }
    }
    for (place, word) in line.iter().enumerate() {
        let with = |pieces: Vec<String>| {
            let mut words = line.clone();
            words.splice(place..=place, pieces);
            words
        };
        found.extend(disguised(word).into_iter().map(|look| with(vec![look])));
        found.extend(cut(word).into_iter().map(|pieces| with(pieces.to_vec())));
        found.insert(with(Vec::new()));
        let mut swapped = line.clone();
        swapped.rotate_left(place);
        found.insert(swapped);
    }
    found.remove(&Vec::new());
    found
}

/// The command lines that the rule allows: without a wildcard or an expression in them, they stand there as they are.
fn allowed() -> Vec<(String, Vec<String>)> {
    let rule = rule();
    let lines = rule
        .lines()
        .filter_map(|line| line.strip_prefix("Cmnd_Alias "));
    let commands = lines.flat_map(|line| line.split_once('=').unwrap().1.split(','));
    commands
        .map(|command| {
            assert!(
                !command.contains(['*', '?', '[', '^', '\\', '!']),
                "{command}"
            );
            let mut words = command.split_whitespace().map(str::to_owned);
            (words.next().unwrap(), words.collect())
        })
        .collect()
}

/// Runs each of `attempts`, all in one session, and gives what they printed, exit code last.
fn try_all(host: &Host, attempts: &[Vec<String>]) -> Vec<String> {
    let script = r#"
        while IFS= read -r -d "" count; do
            words=()
            for ((; count > 0; count--)); do IFS= read -r -d "" word; words+=("$word"); done
            out=$(/usr/bin/sudo -n -g systemd-journal -- "${words[@]}" </dev/null 2>&1 | tr -d "\0"; exit "${PIPESTATUS[0]}")
            printf "%s\n%d\0" "$out" "$?"
        done"#;
    let mut child = host.command(["bash", "-c", script]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut input = Vec::new();
    for words in attempts {
        for word in std::iter::once(&words.len().to_string()).chain(words) {
            input.extend(word.as_bytes());
            input.push(0);
        }
    }
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn no_grouping_of_an_allowed_command_line_is_another_command() {
    if !is_possible() {
        return;
    }
    let mut host = Host::new();
    // In place of the shipper: it tells what it was given.
    let telling = "#!/bin/sh\nprintf 'ran'\nprintf ' <%s>' \"$@\"\n";
    fs::write(host.path("telling"), telling).unwrap();
    set_mode(&host.path("telling"), 0o755);
    host.program = host.path("telling");
    let mut tried = 0;
    for (program, arguments) in allowed() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let attempts: Vec<_> = groupings(&program, &arguments).into_iter().collect();
        let answers = try_all(&host, &attempts);
        assert_eq!(answers.len(), attempts.len());
        let plain: Vec<String> = arguments.iter().map(|word| format!(" <{word}>")).collect();
        let plain = format!("ran{}\n0", plain.concat());
        for (words, answer) in attempts.iter().zip(&answers) {
            let is_plain = words[0] == program && words[1..] == arguments[..];
            match is_plain {
                true => assert_eq!(*answer, plain, "the allowed command line"),
                false => assert!(
                    !answer.starts_with("ran") && !answer.ends_with("\n0"),
                    "{words:?}: {answer}"
                ),
            }
        }
        tried += attempts.len();
    }
    assert!(tried > 300, "{tried}");
}

/// Why the one command of the rule has one word: two could be said as one, which means something else.
#[test]
fn the_groupings_find_what_a_rule_of_two_words_lets_through() {
    if !is_possible() {
        return;
    }
    let mut host = Host::new();
    host.rule(&rule().replace(" feed\n", " feed --lines=1\n"));
    host.program = PathBuf::from("/bin/echo");
    let attempts = regrouped(&[SHIPPER, "feed", "--lines=1"], " ");
    let answers = try_all(&host, &attempts);
    let ran: Vec<_> = attempts
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.ends_with("\n0"))
        .map(|(words, _)| words.len())
        .collect();
    assert_eq!(ran, [3, 2]);
}

/// What sudo lets through beside the plain command line is the same command.
#[test]
fn other_ways_to_the_same_command_give_nothing_more() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    fs::create_dir(host.path("user/bin")).unwrap();
    symlink(SHIPPER, host.own("bin/shipper")).unwrap();
    // Whoever is started in its place has the group of whoever starts it.
    let loot = host.own(LOOT);
    for program in ["systemctl", "journalctl", "sh", "bash"] {
        let file = host.own(&format!("bin/{program}"));
        fs::write(&file, format!("#!/bin/bash\n/usr/bin/id >>{loot}\n")).unwrap();
        set_mode(Path::new(&file), 0o755);
    }
    let link = host.own("bin/shipper");
    let feed_of = |options: &[&str], command: &str| {
        let mut words: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
        words.extend(["-g", "systemd-journal", command, "feed"].map(str::to_owned));
        words
    };
    let mut ways = vec![
        feed_of(&[], SHIPPER),
        feed_of(&[], "shipper"),
        feed_of(&[], &link),
        feed_of(&[], "/usr/local/bin/../bin/shipper"),
        feed_of(&[], "//usr/local//bin/shipper"),
        feed_of(&["-u", "nobody"], SHIPPER),
        feed_of(&["-u", "#65534"], SHIPPER),
        feed_of(&["-P"], SHIPPER),
        feed_of(&["-H"], SHIPPER),
        feed_of(&["-S"], SHIPPER),
        feed_of(&["-b"], SHIPPER),
        feed_of(&["-k"], SHIPPER),
        // Means nothing without SELinux.
        feed_of(&["-r", "unconfined_r"], SHIPPER),
        feed_of(
            &["--preserve-env=LD_PRELOAD,LD_LIBRARY_PATH,PATH,SHIPPER_JOURNAL_UNITS"],
            SHIPPER,
        ),
    ];
    ways.push(feed_of(&["-D", &host.own("")], SHIPPER));
    // Where the host has no `secure_path`, this one is the caller's.
    let path = format!("PATH={}", host.own("bin"));
    ways.push(feed_of(&[&path], SHIPPER));
    let own = host.own("");
    let variables = [
        format!("PATH={own}/bin:/usr/local/bin:/usr/bin:/bin"),
        "SHIPPER_JOURNAL_UNITS=bank.service".to_owned(),
        "SHIPPER_JOURNAL_READER=journalctl".to_owned(),
        format!("LD_PRELOAD={own}/x.so"),
        format!("LD_LIBRARY_PATH={own}"),
        format!("BASH_ENV={own}/bin/sh"),
        format!("SHELL={own}/bin/sh"),
    ];
    let try_it = |words: &[String]| {
        let mut command = host.command(["/usr/bin/env"]);
        command.args(&variables).args(["/usr/bin/sudo", "-n"]);
        command.args(words);
        command
    };
    // Without a directory of its own, the journal is looked for, and systemd is asked for namespaces.
    for config in ["", "SHIPPER_JOURNAL_DIR=\n"] {
        host.configure(config);
        for words in &ways {
            let fed = feed(try_it(words), &request(&[UNIT]));
            let ran = fs::read_to_string(&loot);
            assert!(ran.is_err(), "{words:?}: {ran:?}");
            assert!(!fed.holds(SECRET), "{words:?}");
            if config.is_empty() {
                let refused = fed.said.starts_with("sudo: ");
                assert!(
                    refused || fed.entries == LINES,
                    "{words:?}: {} {:?}",
                    fed.said,
                    fed.refusal
                );
            }
            let fed = feed(try_it(words), &request(&["bank.service"]));
            assert!(fed.entries == 0 && !fed.holds(SECRET), "{words:?}");
        }
    }
}

/// It runs as its user: what it meets of other units must not be there to be looked at.
#[test]
fn its_memory_is_not_its_users() {
    if !is_possible() {
        return;
    }
    let host = Host::new();
    let mut child = host.sudo(FEED).env("SHIPPER_HOST", "x").spawn().unwrap();
    let fed = exchange(&mut child, &request(&[UNIT]));
    assert_eq!(fed.entries, LINES);
    // sudo has become the program.
    let of = |name: &str| format!("/proc/{}/{name}", child.id());
    let words = fs::read(of("cmdline")).unwrap();
    assert_eq!(String::from_utf8_lossy(&words), "/proc/self/exe\0feed\0");
    assert_eq!(
        fs::read(of("environ")).unwrap(),
        b"",
        "it has no environment"
    );
    let status = fs::read_to_string(of("status")).unwrap();
    let ids = |what: &str| {
        let mut line = status
            .lines()
            .find(|line| line.starts_with(what))
            .unwrap()
            .split_whitespace();
        line.nth(1).unwrap().to_owned()
    };
    assert_eq!(ids("Uid:"), NOBODY.to_string());
    assert_eq!(ids("CapEff:"), "0000000000000000");
    for name in ["mem", "environ", "fd/0", "maps"] {
        let script = format!("head --bytes=1 {} | cat", of(name));
        let output = host
            .command(["sh", "-c", &script])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.stdout, b"", "{name}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Permission denied"), "{name}: {said}");
    }
    // No core is left of one that is killed for it.
    let killed = host
        .command(["sh", "-c", &format!("kill -SEGV {}", child.id())])
        .status()
        .unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    assert!(
        !std::os::unix::process::ExitStatusExt::core_dumped(&status),
        "{status}"
    );
}

/// The service on this host, for one pass.
fn run_once(host: &Host, url: &str, settings: &[(&str, &str)]) -> Output {
    let mut command = host.command([SHIPPER, "run", "--once"]);
    command
        .env("SHIPPER_JOURNAL_READER", "sudo")
        .env("INFLUXDB_URL", url)
        .env("INFLUXDB_API", "v2")
        .env("INFLUXDB_TOKEN", "token")
        .env("INFLUXDB_ORG", "org")
        .env("INFLUXDB_BUCKET", "logs")
        .env("OLLAMA_MODELS", host.own(""))
        .env("SHIPPER_OLLAMA_URL", "off")
        .env("SHIPPER_HOST", "testhost")
        .env("SHIPPER_LOOKBACK", "3650d")
        .env("SHIPPER_SPOOL_DIR", host.own("spool"))
        .env("SHIPPER_CONTROL_SOCKET", host.own("control.sock"))
        .envs(settings.iter().copied())
        .stdin(Stdio::null());
    command.output().unwrap()
}

#[test]
fn the_service_gets_its_entries_by_the_rule() {
    if !is_possible() {
        return;
    }
    let (host, endpoint) = (Host::new(), Endpoint::start().unwrap());
    for _ in 0..2 {
        let output = run_once(&host, &endpoint.url(), &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
        let messages = endpoint.points(Points::messages);
        assert_eq!(messages.len(), LINES);
        assert!(!messages.iter().any(|message| message.contains(SECRET)));
    }
}

/// The rule of version 0.1, as its `install.sh` wrote it, less its longest lines.
const OLD_RULE: &str = r"Cmnd_Alias OLLAMA_INFLUXDB_JOURNAL = \
    /usr/bin/journalctl ^--no-pager --output=export --output-fields=MESSAGE,_PID --unit=ollama[.]service --lines=1$
Defaults!OLLAMA_INFLUXDB_JOURNAL !log_allowed, !pam_session
nobody ALL = (root) NOPASSWD: OLLAMA_INFLUXDB_JOURNAL
";

#[test]
fn what_the_rule_or_the_file_does_not_allow_is_said_with_what_fixes_it() {
    if !is_possible() {
        return;
    }
    let (host, endpoint) = (Host::new(), Endpoint::start().unwrap());
    let more = [("SHIPPER_JOURNAL_UNITS", "ollama.service,bank.service")];
    let output = run_once(&host, &endpoint.url(), &more);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let why = "bank.service is not followed by /etc/ollama-influxdb/config.env";
    assert!(said.contains(why), "{said}");

    host.rule(OLD_RULE);
    let output = run_once(&host, &endpoint.url(), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for words in [
        "a password is required",
        "install.sh --journal-access sudoers",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(endpoint.counted(), 0);
}
