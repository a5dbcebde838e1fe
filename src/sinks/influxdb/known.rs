//! The forms of error answers that are known, in one table: what they mean, who gives them, and an example of each.
//!
//! Only what stands here as about lines is about lines. The table is read from above, and the first form counts whose words
//! are all among the server's own (`words`): what a server says of itself stands first, so that a word about lines in it
//! changes nothing. Each example is judged by a test; docs/answers.md is written from the table.

use Sense::{Busy, Content, Fix, Retention, State, TooLarge, Unclear};

/// What an answer of a known form means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// Some lines are refused for what they say.
    Content,
    /// Some lines are refused for their age.
    Retention,
    /// The server says what is wrong with it: no line is to blame.
    State,
    /// The server has too much to do.
    Busy,
    /// The server fails, perhaps because of this very body.
    Unclear,
    /// The body is too large.
    TooLarge,
    /// Nothing passes until this is done.
    Fix(&'static str),
}

/// One form.
#[derive(Debug)]
pub(super) struct KnownAnswer {
    /// All of them are in it, in lower case.
    pub words: &'static [&'static str],
    pub means: Sense,
    /// What answers so: versions of InfluxDB, and a path or a status where they differ.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/answers.md"))]
    pub versions: &'static str,
    /// The status and the body of one such answer.
    #[cfg_attr(not(test), expect(dead_code, reason = "for docs/answers.md"))]
    pub example: (u16, &'static str),
}

const fn known(
    words: &'static [&'static str],
    means: Sense,
    versions: &'static str,
    example: (u16, &'static str),
) -> KnownAnswer {
    KnownAnswer {
        words,
        means,
        versions,
        example,
    }
}

const FIX_SERIES: &str = "set max-series-per-database = 0 in the server's configuration; SHIPPER_MSG_HASH_AS=field spares lines that are read from then on";
const FIX_VALUES: &str = "set max-values-per-tag = 0 in the server's configuration; SHIPPER_MSG_HASH_AS=field spares lines that are read from then on";
const FIX_NAME: &str = "check INFLUXDB_BUCKET: the server takes no database of that name";
const FIX_MISSING: &str = "check INFLUXDB_BUCKET, and that it exists";
const FIX_POLICY: &str = "check INFLUXDB_BUCKET (database/retention-policy)";
const FIX_LIMIT: &str = "the server's limit is reached: delete what is not needed there, or write elsewhere by INFLUXDB_BUCKET or INFLUXDB_URL";
const FIX_SCHEMA: &str = "add the table or the column to the database of INFLUXDB_BUCKET, which takes only what was declared";
const FIX_BODY: &str =
    "something on the way changes the body: look for a proxy, or set SHIPPER_GZIP=off";

/// The meaning of an answer in which the server itself says `own`, when its form is known.
pub(super) fn sense(own: &str) -> Option<Sense> {
    KNOWN
        .iter()
        .find(|form| form.words.iter().all(|words| own.contains(words)))
        .map(|form| form.means)
}

/// All forms.
#[rustfmt::skip]
pub(super) static KNOWN: &[KnownAnswer] = &[
    // The server's state.
    known(&["error from wal"], State, "3.x",
        (400, r#"{"error":"write buffer error: error from wal: object store error: Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"}"#)),
    known(&["not attempting to open shard"], State, "2.x (until influxd is restarted)",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: not attempting to open shard 2; opening shard previously failed with: [shard 2] mkdir /data/2/index: no space left on device"}"#)),
    known(&["no space left"], State, "1.x, 2.x, 3.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: engine: write /var/lib/influxdb/engine/wal/2d5c/autogen/3/_00001.wal: no space left on device"}"#)),
    known(&["pending deletion"], State, "1.x, 2.x",
        (422, r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: shard 4 is pending deletion dropped=12"}"#)),
    known(&["shard is being deleted"], State, "1.x, 2.x", (500, r#"{"error":"shard is being deleted"}"#)),
    known(&["shard is disabled"], State, "1.x, 2.x", (500, r#"{"error":"shard is disabled"}"#)),
    known(&["engine is closed"], State, "1.x, 2.x", (500, r#"{"error":"engine is closed"}"#)),
    known(&["input/output error"], State, "1.x, 2.x, 3.x",
        (500, r#"{"error":"engine: write /var/lib/influxdb/wal/db/autogen/3/_00001.wal: input/output error"}"#)),
    known(&["read-only file system"], State, "1.x, 2.x, 3.x",
        (500, r#"{"error":"engine: open /var/lib/influxdb/wal/db/autogen/3/_00002.wal: read-only file system"}"#)),
    known(&["disk quota exceeded"], State, "1.x, 2.x, 3.x",
        (500, r#"{"error":"engine: write /var/lib/influxdb/wal/db/autogen/3/_00001.wal: disk quota exceeded"}"#)),
    known(&["too many open files"], State, "1.x, 2.x, 3.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: [shard 7] open /data/autogen/7/index/0/MANIFEST: too many open files"}"#)),
    known(&["cannot allocate memory"], State, "1.x, 2.x", (500, r#"{"error":"[shard 7] mmap: cannot allocate memory"}"#)),
    // A smaller body may find room in the cache.
    known(&["cache-max-memory-size exceeded"], Unclear, "1.x, 2.x",
        (500, r#"{"error":"engine: cache-max-memory-size exceeded: (1073751824/1073741824)"}"#)),
    known(&["context deadline exceeded"], State, "2.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: engine: context deadline exceeded"}"#)),
    known(&["context canceled"], State, "2.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: engine: context canceled"}"#)),
    known(&["timeout"], State, "1.x, 2.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: timeout"}"#)),
    // Between the check of the bucket and the write it was deleted: the next answer is a 404.
    known(&["unexpected error writing points", "database not found"], State, "2.x",
        (500, r#"{"code":"internal error","message":"unexpected error writing points to database: database not found: 0c8f3c1d2a9b7e01"}"#)),
    known(&["object store error"], State, "3.x", (500, "object store error: Generic { store: \"LocalFileSystem\" }")),
    known(&["error from persister"], State, "3.x", (500, "write buffer error: error from persister: io error")),
    known(&["overloaded"], Busy, "3.x", (500, "this service is overloaded, please try again later")),
    known(&["hinted handoff queue"], Busy, "1.x Enterprise", (500, r#"{"error":"write failed: hinted handoff queue not empty"}"#)),

    // What an operator has to do.
    known(&["http request to an https server"], Fix("use https:// in INFLUXDB_URL"), "1.x, 2.x (Go's TLS server)",
        (400, "Client sent an HTTP request to an HTTPS server.\n")),
    known(&["authorization header was malformed"], Fix("check INFLUXDB_TOKEN: it is empty or has a space in it"), "3.x",
        (400, r#"{"error": "Authorization header was malformed, the request was not in the form of 'Authorization: <auth-scheme> <token>', supported auth-schemes are Bearer, Token and Basic"}"#)),
    known(&["organization name", "not found"], Fix("check INFLUXDB_ORG"), "2.x",
        (404, r#"{"code":"not found","message":"organization name \"x\" not found"}"#)),
    known(&["bucket", "not found"], Fix("check INFLUXDB_BUCKET, and that INFLUXDB_TOKEN may see it"), "2.x",
        (404, r#"{"code":"not found","message":"bucket \"x\" not found"}"#)),
    known(&["no dbrp mapping found"], Fix("map the database of INFLUXDB_BUCKET to a bucket, or set INFLUXDB_API=v2"), "2.x (v1 path)",
        (404, r#"{"code":"not found","message":"no dbrp mapping found"}"#)),
    known(&["database not found"], Fix(FIX_MISSING), "1.x", (404, r#"{"error":"database not found: \"nope\""}"#)),
    known(&["retention policy not found"], Fix(FIX_POLICY), "1.x", (500, r#"{"error":"retention policy not found: rp"}"#)),
    known(&["database is required"], Fix(FIX_MISSING), "1.x", (400, r#"{"error":"database is required"}"#)),
    known(&["missing db"], Fix(FIX_MISSING), "2.x (v1 path), 3.x", (400, r#"{"code":"invalid","message":"missing db"}"#)),
    known(&["missing query param"], Fix(FIX_MISSING), "3.x", (400, "missing query parameter 'db'")),
    known(&["max-values-per-tag"], Fix(FIX_VALUES), "1.x",
        (400, r#"{"error":"partial write: max-values-per-tag limit exceeded (100000/100000): measurement=\"ollama_logs\" tag=\"msg_hash\" value=\"ab\" dropped=1"}"#)),
    known(&["max-series-per-database"], Fix(FIX_SERIES), "1.x",
        (400, r#"{"error":"partial write: max-series-per-database limit exceeded: (1000000) dropped=1"}"#)),
    known(&["max series per database"], Fix(FIX_SERIES), "1.x",
        (500, r#"{"error":"max series per database exceeded: ollama_logs,host=a"}"#)),
    known(&["would exceed limit of", "databases"], Fix(FIX_LIMIT), "3.x (422; v2 path 400)",
        (422, r#"{"error":"Adding a new database would exceed limit of 5 databases"}"#)),
    known(&["update to schema would exceed"], Fix(FIX_LIMIT), "3.x (tables, columns, tag columns)",
        (422, r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"m,host=a v=1i","line_number":1,"error_message":"Update to schema would exceed number of tables limit of 2000 tables"}]}"#)),
    known(&["uses explicit schemas"], Fix(FIX_SCHEMA), "3.12 Enterprise",
        (400, r#"{"error":"partial write of line protocol occurred","data":[{"error_message":"table 'm' is not defined in database 'd', which uses explicit schemas; create the table with the /api/v3/configure/table API before writing to it","line_number":1,"original_line":"m,host=a v=1."}]}"#)),
    known(&["in database", "must be ascii"], Fix(FIX_NAME), "3.x",
        (400, r#"{"error":"invalid character in database or rp name: must be ASCII, containing only letters, numbers, underscores, or hyphens","data":null}"#)),
    known(&["db name"], Fix(FIX_NAME), "3.x", (400, r#"{"error":"db name cannot be empty","data":null}"#)),
    known(&["namespace name"], Fix(FIX_NAME), "3.x", (400, "error validating namespace name: length must be between 1 and 64")),
    known(&["read-only server"], Fix("INFLUXDB_URL names a server that only answers queries"), "3.x",
        (500, "write buffer error: cannot write to a read-only server")),
    known(&["incoming write was empty"], Fix(FIX_BODY), "3.x", (400, "write buffer error: incoming write was empty")),
    known(&["writing requires points"], Fix(FIX_BODY), "2.x before 2.1", (400, r#"{"code":"invalid","message":"writing requires points"}"#)),
    known(&["gzip"], Fix(FIX_BODY), "1.x, 2.x, 3.x", (400, r#"{"error":"gzip: invalid header"}"#)),
    known(&["content-encoding"], Fix(FIX_BODY), "3.x", (400, "unacceptable content-encoding: deflate")),

    // The body.
    known(&["max request size", "exceeded"], TooLarge, "3.x (v2 path: 413)", (500, "max request size (10485760 bytes) exceeded")),
    known(&["batch is too large"], TooLarge, "2.x (413)", (413, r#"{"code":"request too large","message":"unable to read data: points batch is too large"}"#)),
    known(&["request entity too large"], TooLarge, "1.x (413)", (413, r#"{"error":"Request Entity Too Large"}"#)),
    // What 2.x says to any fault that it has no words for, gzip that is none among them.
    known(&["an internal error has occurred"], Unclear, "2.x",
        (500, r#"{"code":"internal error","message":"An internal error has occurred - check server logs"}"#)),
    // It arrived in part: the next time, or a smaller one, may arrive whole.
    known(&["unable to read data"], Unclear, "2.x", (500, r#"{"code":"internal error","message":"unable to read data: unexpected EOF"}"#)),

    // Lines. A type conflict.
    known(&["field type conflict"], Content, "1.x (400), 2.x (422)",
        (422, r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: field type conflict: input field \"message\" on measurement \"ollama_logs\" is type float, already exists as type string dropped=1"}"#)),
    known(&["invalid column type for column"], Content, "3.x",
        (400, r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"ollama_logs,host=","line_number":1,"error_message":"invalid column type for column 'message', expected iox::column_type::field::string, got iox::column_type::field::float"}]}"#)),
    known(&["column type mismatch for column"], Content, "3.0",
        (400, r#"{"error":"write buffer error: column type mismatch for column message: existing: String, new: F64"}"#)),
    known(&["field type mismatch on table"], Content, "3.0",
        (400, r#"{"error":"write buffer error: catalog update error Field type mismatch on table t column c. Existing column is iox::column_type::field::string but attempted to add iox::column_type::field::float"}"#)),
    // Their time.
    known(&["outside retention policy", "upper bound"], Content, "2.x (later than the bucket takes)",
        (422, r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 1 points outside retention policy of duration 1h0m0s - oldest point m,host=a at 2031-01-01T00:00:00Z dropped because it violates a Retention Policy Upper Bound at 2026-11-26T17:00:00Z, newest point m,host=a at 2031-01-01T00:00:00Z dropped because it violates a Retention Policy Upper Bound at 2026-11-26T17:00:00Z dropped=1 for database: 0c8f3c1d2a9b7e01 for retention policy: autogen"}"#)),
    known(&["outside retention policy"], Retention, "2.x",
        (422, r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s - oldest point m,host=a at 2026-01-01T00:00:00Z dropped because it violates a Retention Policy Lower Bound at 2026-11-26T15:00:00Z, newest point m,host=a at 2026-01-02T00:00:00Z dropped because it violates a Retention Policy Lower Bound at 2026-11-26T15:00:00Z dropped=3 for database: 0c8f3c1d2a9b7e01 for retention policy: autogen"}"#)),
    known(&["points beyond retention policy"], Retention, "1.x, 2.0",
        (400, r#"{"error":"partial write: points beyond retention policy dropped=7"}"#)),
    // Their form.
    known(&["unable to parse "], Content, "1.x, 2.x",
        (400, r#"{"code":"invalid","message":"unable to parse 'a v= 1': missing field value\nunable to parse 'b v=1 x': bad timestamp"}"#)),
    known(&["input field", "is too long"], Content, "1.9, 2.x",
        (422, r#"{"code":"unprocessable entity","message":"failure writing points to database: partial write: input field \"message\" on measurement \"ollama_logs\" is too long, 1048577 > 1048576 dropped=1"}"#)),
    known(&["invalid tag key: input tag"], Content, "1.x, 2.x",
        (400, r#"{"error":"partial write: invalid tag key: input tag \"time\" on measurement \"m\" is invalid dropped=1"}"#)),
    known(&["invalid field name: input field"], Content, "1.x, 2.x",
        (400, r#"{"error":"partial write: invalid field name: input field \"time\" on measurement \"m\" is invalid dropped=1"}"#)),
    known(&["key contains invalid unicode"], Content, "1.x, 2.x (validate-keys)",
        (400, r#"{"error":"partial write: key contains invalid unicode: \"m,host=a\" dropped=1"}"#)),
    known(&["multiple instances of", "field found"], Content, "3.x",
        (400, r#"{"error":"write buffer error: line protocol parse failed: invalid line protocol - multiple instances of 'v' field found"}"#)),
    known(&["string is greater than"], Content, "3.x (64KB up to 3.8, then 1MB)",
        (400, r#"{"error":"write buffer error: parsing for line protocol failed","data":{"original_line":"m message=\"aaaaaaaaa","line_number":1,"error_message":"String is greater than 64KB"}}"#)),
    known(&["partial write of line protocol occurred"], Content, "3.x (v3 path; v2 path up to 3.3)",
        (400, r#"{"error":"partial write of line protocol occurred","data":[{"original_line":"m,host=a v= 1","line_number":2,"error_message":"No fields were provided"}]}"#)),
    known(&["parsing failed for write_lp"], Content, "3.x (v3 path, accept_partial=false)",
        (400, r#"{"error":"parsing failed for write_lp endpoint","data":{"original_line":"m v= 1","line_number":1,"error_message":"No fields were provided"}}"#)),
    known(&["parsing for line protocol failed"], Content, "3.x up to 3.7 (v1, v2 path)",
        (400, r#"{"error":"write buffer error: parsing for line protocol failed","data":{"original_line":"m v=1 x","line_number":1,"error_message":"Could not parse entire line. Found trailing content: ' x'"}}"#)),
    known(&["line protocol parse failed"], Content, "3.8, 3.9",
        (400, r#"{"error":"write buffer error: line protocol parse failed: Expected at least one space character, got `\tv=1`","data":{"original_line":"m\tv=1","line_number":1,"error_message":"Expected at least one space character, got `\tv=1`"}}"#)),
    known(&["line protocol parsing error"], Content, "3.x (v3 path up to 3.7; 3.10)",
        (400, r#"{"error":"line protocol parsing error","data":{"error_message":"Tag set malformed: could not find equals sign in `t v=1`","line_number":2,"original_line":"m,t v=1"}}"#)),
    known(&["failed to parse line protocol"], Content, "3.0 (previews), Cloud Serverless",
        (400, r#"{"code":"invalid","message":"failed to parse line protocol: errors encountered on line(s):\nerror parsing line 1 (1-based): No fields were provided","line":1}"#)),
];

#[cfg(test)]
mod tests;
