use std::time::SystemTime;

use super::*;

const HOUR: i64 = 3_600_000_000_000;

fn lives() -> [Box<dyn Life>; 3] {
    [life_1x(), life_2x(), life_3x(None)]
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_nanos()).unwrap()
}

#[test]
fn what_another_writer_writes_is_counted_and_read_back_after_a_restart() {
    for mut server in lives() {
        let start = now() - HOUR;
        let lines = format!(
            "ollama_logs message=\"two\nlines\" {start}\nollama_logs message=\"x\" {}",
            start + 1
        );
        server.write(&lines).unwrap();
        if server.stop().unwrap().or_loud(&*server) {
            assert!(server.write(&lines).is_err(), "{}", server.product());
            server.restart().unwrap();
        }
        assert_eq!(server.count("ollama_logs"), 2, "{}", server.product());
        assert_eq!(server.count("another"), 0);
        let expected = [
            (start, "two\nlines".to_owned()),
            (start + 1, "x".to_owned()),
        ];
        assert_eq!(server.messages(), expected);
    }
}

#[test]
fn points_of_an_hour_are_deleted_and_others_stay() {
    for server in lives() {
        let start = (now() / HOUR - 3) * HOUR;
        let lines = format!(
            "m message=\"x\" {start}\nm message=\"x\" {}\nn message=\"x\" {start}",
            start + HOUR
        );
        server.write(&lines).unwrap();
        let deleted = server.delete("m", start..start + HOUR).unwrap();
        if deleted.or_loud(&*server) {
            assert_eq!((server.count("m"), server.count("n")), (1, 1));
        }
    }
}

#[test]
fn a_token_is_replaced_and_buckets_come_and_go() {
    for mut server in lives() {
        let before = server.token();
        server.replace_token().unwrap();
        assert_ne!(server.token(), before);
        server.create_bucket("another").unwrap();
        server.delete_bucket("another").unwrap();
        server.write(&format!("m v=1 {}", now())).unwrap();
        server.set_retention(7200).unwrap();
        server.set_retention(0).unwrap();
    }
}
