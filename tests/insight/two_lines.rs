//! What takes more than one line, or the inventory.

use shipper::insight::{Models, Reader};

use super::support::{SHA, read, text};

/// An inventory of one model.
fn inventory() -> String {
    format!(
        r#"[{{"name":"llama3.2:latest","digest":"sha256:a","size":5,"model_sha256":"{SHA}","modified_at":"2026-01-01T00:00:00Z"}}]"#
    )
}

#[test]
fn one_load_is_one_start_and_one_end_though_two_lines_tell_its_end() {
    let mut reader = Reader::default();
    reader.set_models(Models::from_json(&inventory()).unwrap());
    let load = [
        r#"time=2026-05-14T02:04:26.990-03:00 level=INFO source=server.go:431 msg="starting runner" cmd="/usr/bin/ollama runner --model /m/blobs/sha256-SHA --port 1""#,
        r#"time=2026-05-14T02:04:48.416-03:00 level=INFO source=server.go:1432 msg="llama runner started in 21.41 seconds""#,
        r#"time=2026-05-14T02:04:48.483-03:00 level=INFO source=server.go:1432 msg="llama runner started in 21.48 seconds""#,
    ];
    let names = format!(r#"model_sha256="{SHA}" model="llama3.2:latest""#);
    let expected = [
        format!("events kind=load_start {names}"),
        format!("events kind=load_done seconds=21.41 {names}"),
    ];
    assert_eq!(read(&mut reader, &load), expected);
}

#[test]
fn two_loads_one_after_the_other_are_two() {
    let lines = [
        r#"time=2026-02-25T18:14:44.253+08:00 level=INFO source=server.go:1388 msg="llama runner started in 9.99 seconds""#,
        r#"time=2026-02-25T18:14:44.253+08:00 level=INFO source=server.go:1388 msg="llama runner started in 9.99 seconds""#,
        r#"time=2026-02-25T18:14:55.253+08:00 level=INFO source=server.go:1388 msg="llama runner started in 9.99 seconds""#,
        r#"time=2026-02-25T18:14:55.254+08:00 level=INFO source=server.go:1388 msg="llama runner started in 9.99 seconds""#,
    ];
    let done = "events kind=load_done seconds=9.99";
    assert_eq!(read(&mut Reader::default(), &lines), [done, done]);
}

#[test]
fn an_end_that_fits_two_starts_alike_gets_the_name_of_neither() {
    let lines = [
        r#"time=2025-02-14T02:04:27.000Z level=INFO source=server.go:431 msg="starting llama server" cmd="/usr/bin/ollama runner --model /m/a.gguf --port 1""#,
        r#"time=2025-02-14T02:04:27.005Z level=INFO source=server.go:431 msg="starting llama server" cmd="/usr/bin/ollama runner --model /m/blobs/sha256-SHA --port 2""#,
        r#"time=2025-02-14T02:04:29.010Z level=INFO source=server.go:637 msg="llama runner started in 2.00 seconds""#,
    ];
    let points = read(&mut Reader::default(), &lines);
    assert_eq!(
        points.last().map(String::as_str),
        Some("events kind=load_done seconds=2")
    );
}

#[test]
fn one_abort_that_server_and_runner_both_log_is_one() {
    let server = r#"time=2025-03-17T07:09:31.565Z level=INFO source=server.go:800 msg="aborting completion request due to client closing the connection""#;
    let runner = r#"time=2025-03-17T07:09:31.570Z level=INFO source=runner.go:654 msg="aborting completion request due to client closing the connection""#;
    let later = r#"time=2025-03-17T07:10:31.570Z level=INFO source=runner.go:654 msg="aborting completion request due to client closing the connection""#;
    assert_eq!(read(&mut Reader::default(), &[server, runner]).len(), 1);
    assert_eq!(
        read(&mut Reader::default(), &[runner, server, later]).len(),
        2
    );
    assert_eq!(read(&mut Reader::default(), &[runner, runner]).len(), 2);
    assert_eq!(read(&mut Reader::default(), &[server, later]).len(), 2);
}

#[test]
fn models_that_share_their_weights_are_all_named() {
    let json = format!(
        r#"[{{"name":"b:1","digest":"d","size":1,"model_sha256":"{SHA}"}},{{"name":"a:1","digest":"e","size":1,"model_sha256":"{SHA}"}}]"#
    );
    let models = Models::from_json(&json).unwrap();
    assert_eq!(models.name_of(SHA).as_deref(), Some("a:1, b:1"));
    assert_eq!(models.name_of(&"0".repeat(64)), None);
}

#[test]
fn a_snapshot_gives_its_models_and_what_changed() {
    let now = r#"[{"name":"a:1","digest":"new","size":7,"model_sha256":"1"},{"name":"c:1","digest":"c","size":9}]"#;
    let then = r#"[{"name":"a:1","digest":"old","size":6,"model_sha256":"0"},{"name":"b:1","digest":"b","size":8,"model_sha256":"2"}]"#;
    let (now, then) = (
        Models::from_json(now).unwrap(),
        Models::from_json(then).unwrap(),
    );
    let points: Vec<_> = now.points().map(|point| text(&point)).collect();
    let path = "manifests/registry.ollama.ai/library";
    assert_eq!(
        points,
        [
            format!(
                r#"model_inventory model_name=a:1 manifests_path="{path}/a/1" sha256="1" size=7i"#
            ),
            format!(r#"model_inventory model_name=c:1 manifests_path="{path}/c/1" size=9i"#),
        ]
    );
    let changes: Vec<_> = now
        .changes_since(&then, |_| false)
        .iter()
        .map(text)
        .collect();
    assert_eq!(
        changes,
        [
            r#"events kind=model_changed model="a:1" model_sha256="1" size=7i"#,
            r#"events kind=model_removed model="b:1" model_sha256="2" size=8i"#,
            r#"events kind=model_added model="c:1" size=9i"#,
        ]
    );
    assert!(now.changes_since(&now, |_| false).is_empty());
    // What cannot be read now is no model that is gone, and says nothing of the others.
    let b = format!("{path}/b/1");
    let changes: Vec<_> = now
        .changes_since(&then, |path| path == b)
        .iter()
        .map(text)
        .collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    let mut kept = now.clone();
    kept.keep(&then, |path| path == b);
    assert_eq!(kept.name_of("2").as_deref(), Some("b:1"));
    assert!(Models::from_json("{}").is_err());
}
