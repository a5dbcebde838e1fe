//! Where the models directory is: who may say so, and whose word counts more.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;
use shipper::base::stop::Stop;
use shipper::base::when::When;
use shipper::sources::inventory::{
    LookError, ModelsPlace, UnitFacts, assigned, environment_files, from_line, home_of, look,
};
use support::endpoint::Endpoint;
use support::journal::{Entry, write_journal};

use super::common::Host;
use super::inventory::{manifest, models_dir};
use super::rig::in_private_mounts;

const DIGEST: &str = "6a0746a1ec1aef3e7ec53868f220ff6e389f6f8ef87a01d77c96807de94ca2aa";

/// How Ollama says its configuration since 0.7.
fn server_config(dir: &str) -> String {
    let map = format!(
        "map[HTTP_PROXY: OLLAMA_HOST:http://127.0.0.1:11434 OLLAMA_MODELS:{dir} OLLAMA_NUM_PARALLEL:2 OLLAMA_ORIGINS:[http://localhost app://*] no_proxy:]"
    );
    format!(
        r#"time=2026-11-25T23:51:36.794Z level=INFO source=routes.go:1802 msg="server config" env="{map}""#
    )
}

/// How it says that a runner starts, since 0.11.5.
fn starting_runner(arguments: &str) -> String {
    format!(
        r#"time=2026-11-25T23:51:37.630Z level=INFO source=server.go:433 msg="starting runner" cmd="/usr/local/bin/ollama runner {arguments} --port 40939""#
    )
}

#[test]
fn ollamas_own_lines_name_the_directory() {
    let blob = format!("/data/models/blobs/sha256-{DIGEST}");
    for (line, dir) in [
        (server_config("/usr/share/ollama/.ollama/models"), "/usr/share/ollama/.ollama/models"),
        (server_config("/data/my models"), "/data/my models"),
        (server_config("/data//models/"), "/data/models"),
        (
            r#"2024/08/19 14:09:56 routes.go:1123: INFO server config env="map[OLLAMA_HOST:http://127.0.0.1 OLLAMA_MODELS:/data/models OLLAMA_NOHISTORY:false]""#.to_owned(),
            "/data/models",
        ),
        (starting_runner(&format!("--model {blob}")), "/data/models"),
        (starting_runner(&format!("--ollama-engine --model {blob}")), "/data/models"),
        (starting_runner(&format!("--model /data/my models/blobs/sha256-{DIGEST}")), "/data/my models"),
        (
            format!(r#"time=2024-08-19T14:10:03.123+02:00 level=INFO source=server.go:391 msg="starting llama server" cmd="/tmp/ollama1/runners/cpu/ollama_llama_server --model {blob} --ctx-size 8192 --parallel 4 --port 33107""#),
            "/data/models",
        ),
        (
            format!(r#"time=2026-11-25T23:53:36.414Z level=INFO source=llama_server.go:433 msg="starting llama-server" cmd="/usr/local/lib/ollama/llama-server --model {blob} --port 34547 --host 127.0.0.1 -c 2048 -np 1""#),
            "/data/models",
        ),
    ] {
        assert_eq!(from_line(line.as_bytes()), Some(PathBuf::from(dir)), "{line}");
    }
}

/// Everything that somebody else than Ollama may get into its log.
#[test]
fn no_other_line_names_a_directory() {
    let own = server_config("/evil");
    let escaped = own.replace('"', r#"\""#);
    let map = "map[OLLAMA_MODELS:/evil OLLAMA_NUM_PARALLEL:1]";
    let blob = format!("/evil/blobs/sha256-{DIGEST}");
    let start = starting_runner(&format!("--model {blob}"));
    let head = "time=2026-11-25T23:51:36.794Z";
    let lines = [
        format!(r#"[GIN] 2026/11/25 - 23:51:36 | 404 | 1.2µs | 10.0.0.9 | GET "/?{map}""#),
        format!(r#"[GIN] 2026/11/25 - 23:51:36 | 404 | 1.2µs | 10.0.0.9 | GET "/?{escaped}""#),
        format!(
            r#"[GIN] 2026/11/25 - 23:51:36 | 200 | 1.2µs | 10.0.0.9 | POST "/x --model {blob}""#
        ),
        format!(r#"INFO server config env="{map}""#),
        format!(r#"env="{map}""#),
        map.to_owned(),
        format!(" {own}"),
        format!("{own} "),
        format!("x {own}"),
        format!("{own}{own}"),
        format!("{own} {own}"),
        own.replace("level=INFO", "level=WARN"),
        own.replace("level=INFO", "level=DEBUG"),
        own.replace("level=INFO", "level=ERROR"),
        own.replace("routes.go", "sched.go"),
        own.replace("server config", "server  config"),
        own.replace(" env=", " request="),
        own.replace(" env=", " model=x env="),
        format!("{own} env=x"),
        own.replace("map[", "MAP["),
        own.replace("]\"", "\""),
        own.replace("OLLAMA_HOST:", "OLLAMA_MODELS:/first OLLAMA_HOST:"),
        own.replace(
            "OLLAMA_NUM_PARALLEL:",
            "OLLAMA_MODELS:/second OLLAMA_NUM_PARALLEL:",
        ),
        own.replace("OLLAMA_ORIGINS:[", "OLLAMA_MODELS:/third OLLAMA_ORIGINS:["),
        format!(
            r#"{head} level=INFO source=routes.go:1 msg="server config" env="map[OLLAMA_ORIGINS:[http://a OLLAMA_MODELS:/evil http://b] OLLAMA_X:1]""#
        ),
        format!(
            r#"{head} level=INFO source=routes.go:1 msg="server config" env="map[OLLAMA_X:1]" note="{map}""#
        ),
        format!(r#"{head} level=WARN source=routes.go:1 msg="bad request" error="{escaped}""#),
        format!(r#"{head} level=INFO source=routes.go:1 msg="{escaped}""#),
        format!(r#"{head} level=INFO source=server.go:1 msg="request" cmd="x --model {blob}""#),
        format!(r#"2024/08/19 14:09:56 routes.go:1123: WARN server config env="{map}""#),
        format!(r#"2024/08/19 14:09:56 evil.go:1123: INFO server config env="{map}""#),
        format!(r#"2024/08/19 14:09:56 routes.go:1123: INFO x: INFO server config env="{map}""#),
        format!(r#"20xx/08/19 14:09:56 routes.go:1123: INFO server config env="{map}""#),
        start.replace("level=INFO", "level=WARN"),
        start.replace("server.go", "images.go"),
        start.replace("starting runner", "runner started"),
        start.replace(" cmd=", " model=x cmd="),
        start.replace("--model", "--lora"),
        start.replace("sha256-6", "sha256-../6"),
        starting_runner(&format!("--model /data/x.gguf --lora {blob}")),
    ];
    for line in lines {
        assert_eq!(from_line(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn a_path_that_is_relative_climbs_or_has_control_characters_is_no_directory() {
    let long = format!("/{}", "x".repeat(256));
    let deep = "/x".repeat(2_100);
    for dir in [
        "",
        "models",
        "./models",
        "~/models",
        "../models",
        "/data/../etc",
        "/..",
        r"/data/\x07",
        r"/data/\n/x",
        r"/data/\x1b[2J",
        r"/data/\u0085",
        r"C:\\models",
        &long,
        &deep,
    ] {
        assert_eq!(from_line(server_config(dir).as_bytes()), None, "{dir}");
    }
    assert_eq!(from_line(b"\xff"), None);
    assert_eq!(from_line(b""), None);
}

/// What a look comes to when the log names `dir` and an administrator nothing.
fn looked_by_log(dir: &Path) -> Result<usize, LookError> {
    let places = [
        ModelsPlace::Logged(dir.to_owned()),
        ModelsPlace::Given(dir.join("nowhere")),
    ];
    look(&places, &Stop::new().unwrap()).map(|sight| sight.scan.models.len())
}

#[test]
fn a_directory_that_the_log_names_holds_manifests_and_no_link_leads_to_or_out_of_it() {
    let path = "registry.ollama.ai/library/llama3/8b";
    let good = models_dir(&[path]);
    assert_eq!(looked_by_log(good.path()).unwrap(), 1);

    let bad = tempfile::tempdir().unwrap();
    let at = |name: &str| bad.path().join(name);
    fs::create_dir(at("bare")).unwrap();
    symlink(good.path(), at("link")).unwrap();
    fs::create_dir(at("inner")).unwrap();
    symlink(good.path().join("manifests"), at("inner/manifests")).unwrap();
    fs::create_dir(at("file")).unwrap();
    fs::write(at("file/manifests"), manifest()).unwrap();
    fs::write(at("plain"), "").unwrap();
    for name in ["bare", "link", "inner", "file", "plain"] {
        let seen = looked_by_log(&at(name));
        assert!(matches!(seen, Err(LookError::Unfit(_))), "{name}: {seen:?}");
    }
    let missing = looked_by_log(&at("missing"));
    assert!(matches!(missing, Err(LookError::NotFound)), "{missing:?}");

    // Links below it, by each of which something from outside would be read.
    let dir = models_dir(&[path]);
    let library = dir.path().join("manifests/registry.ollama.ai/library");
    let outside = good.path().join("manifests").join(path);
    symlink(&outside, library.join("llama3/file")).unwrap();
    symlink(outside.parent().unwrap(), library.join("model")).unwrap();
    symlink(
        good.path().join("manifests/registry.ollama.ai"),
        dir.path().join("manifests/host"),
    )
    .unwrap();
    symlink(
        "../../../../../../../../../../etc/passwd",
        library.join("llama3/relative"),
    )
    .unwrap();
    symlink("/proc/self/root", dir.path().join("manifests/magic")).unwrap();
    assert_eq!(looked_by_log(dir.path()).unwrap(), 1);
}

#[test]
fn an_administrators_directory_may_be_a_link_and_links_within_it_are_followed() {
    let dir = models_dir(&["registry.ollama.ai/library/llama3/8b"]);
    let library = dir.path().join("manifests/registry.ollama.ai/library");
    symlink("8b", library.join("llama3/latest")).unwrap();
    symlink("llama3", library.join("llama")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let link = other.path().join("models");
    symlink(dir.path(), &link).unwrap();
    let seen = look(&[ModelsPlace::Given(link)], &Stop::new().unwrap()).unwrap();
    let names: Vec<_> = seen.scan.models.iter().map(|model| &*model.name).collect();
    assert_eq!(
        names,
        ["llama3:8b", "llama3:latest", "llama:8b", "llama:latest"]
    );
    assert!(seen.scan.is_whole() && seen.caveat().is_none());
}

#[test]
fn a_directory_that_is_passed_over_is_named() {
    let (dir, logged) = (models_dir(&[]), tempfile::tempdir().unwrap());
    let places = [
        ModelsPlace::Logged(logged.path().to_owned()),
        ModelsPlace::Given(dir.path().to_owned()),
    ];
    let seen = look(&places, &Stop::new().unwrap()).unwrap();
    assert_eq!(seen.place, places[1]);
    let said = seen.caveat().unwrap();
    assert!(said.contains(logged.path().to_str().unwrap()), "{said}");
}

#[test]
fn the_units_environment_names_the_directory() {
    let facts = UnitFacts::parse(
        "Environment=PATH=/usr/bin OLLAMA_MODELS=/data/old \"OLLAMA_MODELS=/data/my models\"\nUser=ollama\n",
    );
    assert_eq!(facts.models, Some(PathBuf::from("/data/my models")));
    assert_eq!(facts.user.as_deref(), Some("ollama"));
    assert_eq!(
        UnitFacts::parse("Environment=\nUser=\n"),
        UnitFacts::default()
    );
}

#[test]
fn a_file_of_the_units_environment_names_the_directory() {
    let shown = "Environment=OLLAMA_MODELS=/data/old\nEnvironmentFiles=/etc/default/ollama (ignore_errors=yes)\nEnvironmentFiles=/etc/my ollama.env (ignore_errors=no)\n";
    let expected = ["/etc/default/ollama", "/etc/my ollama.env"].map(PathBuf::from);
    assert_eq!(environment_files(shown), expected);
    let value = |text| assigned(text, "OLLAMA_MODELS");
    assert_eq!(
        value("# OLLAMA_MODELS=/no\nOLLAMA_MODELS=/a\nOLLAMA_MODELS=/b\n"),
        Some("/b".to_owned())
    );
    assert_eq!(
        value("OLLAMA_MODELS=\"/my models\"\n"),
        Some("/my models".to_owned())
    );
    assert_eq!(
        value("OLLAMA_MODELS='/my models' \n"),
        Some("/my models".to_owned())
    );
    assert_eq!(value("OLLAMA_MODELS=\nOLLAMA_MODELS_OLD=/x\n"), None);
}

#[test]
fn the_units_user_has_a_home() {
    let passwd =
        "root:x:0:0:root:/root:/bin/bash\nollama:x:997:997::/usr/share/ollama:/bin/false\n";
    assert_eq!(
        home_of(passwd, "ollama"),
        Some(PathBuf::from("/usr/share/ollama"))
    );
    assert_eq!(home_of(passwd, "olla"), None);
}

/// Runs `doctor` where `systemctl` is a script, `/etc/passwd` a file of ours, and `/usr/share` nearly empty.
const STAGE: &str = r#"mount --bind "$1/passwd" /etc/passwd && mount -t tmpfs none /usr/share &&
if [ -d "$1/installed" ]; then mkdir -p /usr/share/ollama/.ollama && mv "$1/installed" /usr/share/ollama/.ollama/models; fi &&
PATH="$1/bin:$PATH" exec "$2" --config "$1/config.env" doctor --json"#;

#[test]
fn the_models_directory_is_looked_for_in_the_documented_order() {
    if !rustix::process::geteuid().is_root() {
        support::loud("SKIPPED: private mounts need root");
        return;
    }
    let endpoint = Endpoint::start().unwrap();
    for first in 0..=5 {
        let mut host = Host::new(&endpoint.url(), "v2", "token");
        let dirs = [
            "configured",
            "of the unit",
            "in the journal",
            "home/.ollama/models",
            "installed",
        ];
        for dir in &dirs[first..] {
            fs::create_dir_all(host.path(dir).join("manifests")).unwrap();
        }
        let place = |dir: &str| host.path(dir).to_str().unwrap().to_owned();
        let found_at = match first {
            4 => "/usr/share/ollama/.ollama/models".to_owned(),
            5 => "no models directory was found".to_owned(),
            first => place(dirs[first]),
        };
        let environment = match first {
            0 | 1 => format!("Environment=\"OLLAMA_MODELS={}\"", place(dirs[1])),
            _ => "Environment=".to_owned(),
        };
        let line = server_config(&place(dirs[2]));
        let passwd = format!(
            "root:x:0:0::/root:/bin/sh\nollama:x:9:9::{}:/bin/false\n",
            place("home")
        );
        fs::create_dir_all(host.path("journal")).unwrap();
        write_journal(
            &host.path("journal/system.journal"),
            [Entry::line(When::now().0 - 1_000_000, line)],
        )
        .unwrap();
        fs::create_dir_all(host.path("bin")).unwrap();
        let script = format!("#!/bin/sh\ncat <<'END'\n{environment}\nUser=ollama\nEND\n");
        fs::write(host.path("bin/systemctl"), script).unwrap();
        fs::set_permissions(
            host.path("bin/systemctl"),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        fs::write(host.path("passwd"), passwd).unwrap();
        match first {
            0 => host.set(
                "OLLAMA_MODELS",
                &host.path("configured").display().to_string(),
            ),
            _ => host.unset("OLLAMA_MODELS"),
        }
        let output = in_private_mounts(&host, STAGE);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let findings: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{output:?}"));
        let models = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["check"] == "models");
        let found = models.unwrap()["found"].as_str().unwrap();
        assert!(
            found.contains(&found_at),
            "{first}: {found_at} is not in {found}"
        );
    }
}
