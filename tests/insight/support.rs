//! Points as text that a table can hold.

use std::fmt::Write as _;

use shipper::insight::{Reader, derive};
use shipper::record::{Derived, Value, Visitor};

use super::stored::{fits_schema, one_point_a_series};

/// A blob's digest in the tables.
pub(crate) const SHA: &str = "dde5aa3fc5ffc17176b5e8bdc82f587b24b2678c6c66101bf7da77af9f7ccdff";

/// The points of `line`, each as `measurement tag=value… field=value…`.
pub(crate) fn points(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    derive(line, &mut out);
    out.iter().for_each(fits_schema);
    one_point_a_series(&out);
    out.iter().map(text).collect()
}

/// The points that `reader` derives from `lines`, in which `SHA` stands for [`SHA`].
pub(crate) fn read(reader: &mut Reader, lines: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for line in lines {
        let line = line.replace("SHA", SHA);
        let mut out = Vec::new();
        reader.derive(&line, &mut out);
        all.extend(out.iter().map(text));
    }
    all
}

/// One point as text; `occurred=1`, which every event has, left out.
pub(crate) fn text(point: &Derived<'_>) -> String {
    let mut text = Text(
        point
            .measurement()
            .name
            .trim_start_matches("ollama_")
            .to_owned(),
    );
    point.visit(&mut text);
    text.0
}

struct Text(String);

impl Visitor for Text {
    fn tag(&mut self, name: &'static str, value: &str) {
        let _ = write!(self.0, " {name}={value}");
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) {
        let _ = match value {
            Value::Text(text) => write!(self.0, " {name}={text:?}"),
            Value::Address(address) => write!(self.0, " {name}={address}"),
            Value::Integer(1) if name == "occurred" => Ok(()),
            Value::Integer(number) => write!(self.0, " {name}={number}i"),
            Value::Decimal(number) => write!(self.0, " {name}={number}"),
        };
    }
}
