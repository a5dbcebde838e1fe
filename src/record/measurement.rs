//! What a measurement consists of, and how an encoder walks a point of it.

use std::net::IpAddr;

use super::decimal::Decimal;

/// One measurement. Every point of it also has the tag `host`, which the encoder adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measurement {
    pub name: &'static str,
    /// Tags, all of them on every point; their values are bounded.
    pub tags: &'static [&'static str],
    /// Fields and their types; a point has at least one.
    pub fields: &'static [(&'static str, FieldType)],
}

/// The type a field has in every point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    Text,
    /// An integer, not negative.
    Integer,
    /// A number with a fraction, a float in InfluxDB.
    Decimal,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, without quotes or escapes.
    Text(&'a str),
    /// A string: an address as people write it.
    Address(IpAddr),
    Integer(u64),
    Decimal(Decimal),
}

/// Takes a point apart: all tags first, in the order of their names, then the fields.
pub trait Visitor {
    /// A tag; its value is never empty.
    fn tag(&mut self, name: &'static str, value: &str);
    /// A field; there is at least one.
    fn field(&mut self, name: &'static str, value: Value<'_>);
}

impl Measurement {
    /// Hands a point to `visitor`: values for all tags and fields in the order in which they are listed, `None` for fields
    /// that it has not.
    pub(super) fn visit<const TAGS: usize, const FIELDS: usize>(
        &self,
        tags: [&str; TAGS],
        fields: [Option<Value<'_>>; FIELDS],
        visitor: &mut impl Visitor,
    ) {
        debug_assert_eq!((TAGS, FIELDS), (self.tags.len(), self.fields.len()));
        for (name, value) in self.tags.iter().zip(tags) {
            visitor.tag(name, value);
        }
        for ((name, _), value) in self.fields.iter().zip(fields) {
            if let Some(value) = value {
                visitor.field(name, value);
            }
        }
    }
}
