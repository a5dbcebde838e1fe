//! Parser of the journal export format, as `journalctl -o export` writes it.
//!
//! Text comes from a child that may end or write garbage: every length is bounded before it is believed.

/// The longest field this parser takes: journald refuses fields over 768 MiB, and Ollama's lines have kilobytes.
const MAX_FIELD_BYTES: usize = 64 << 20;
/// The longest field name: journald allows 64 characters.
const MAX_NAME_BYTES: usize = 256;

/// Input that is not journal export format.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A line without `=` whose name is no field name.
    #[error("the journal export stream has a line that is no field: {0:?}")]
    Name(String),
    /// A field longer than this parser takes.
    #[error(
        "a field of {0} bytes in the journal export stream, at most {MAX_FIELD_BYTES} are taken"
    )]
    Long(u64),
}

/// Parses one entry after the other out of bytes as they come; holds what is still incomplete.
#[derive(Debug, Default)]
pub struct Parser {
    /// Bytes not yet consumed; those before `start` were.
    buffer: Vec<u8>,
    start: usize,
    /// Where in `buffer` the search for the entry's end goes on.
    scanned: usize,
}

/// One step over the bytes of an entry.
enum Field {
    /// The entry ends; its bytes reach to here.
    End(usize),
    /// Name, value, and where the next field begins.
    One {
        name: (usize, usize),
        value: (usize, usize),
        next: usize,
    },
    /// More bytes are needed.
    Incomplete,
}

impl Parser {
    /// Adds `bytes` to what is to be parsed.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether no byte of an entry is held back.
    #[must_use]
    pub fn is_between_entries(&self) -> bool {
        self.buffer[self.start..].iter().all(|&byte| byte == b'\n')
    }

    /// Gives each field of the next whole entry to `field` as name and value.
    ///
    /// Returns whether there was a whole entry; if not, nothing was given and more bytes are needed.
    ///
    /// # Errors
    /// [`ExportError`] when the bytes are not export format. The parser is of no use afterwards.
    pub fn next(&mut self, mut field: impl FnMut(&[u8], &[u8])) -> Result<bool, ExportError> {
        while self.buffer.get(self.start) == Some(&b'\n') {
            self.start += 1;
        }
        let mut at = self.scanned.max(self.start);
        let end = loop {
            match self.field_at(at)? {
                Field::End(end) => break end,
                Field::One { next, .. } => at = next,
                Field::Incomplete => {
                    self.scanned = at;
                    return Ok(false);
                }
            }
        };
        let mut at = self.start;
        while let Field::One { name, value, next } = self.field_at(at)? {
            field(&self.buffer[name.0..name.1], &self.buffer[value.0..value.1]);
            at = next;
        }
        self.start = end;
        self.scanned = end;
        Ok(true)
    }

    /// The field that begins at `at`.
    fn field_at(&self, at: usize) -> Result<Field, ExportError> {
        let rest = &self.buffer[at..];
        if rest.first() == Some(&b'\n') {
            return Ok(Field::End(at + 1));
        }
        let Some(line_end) = memchr::memchr(b'\n', rest) else {
            return incomplete(rest);
        };
        let line = &rest[..line_end];
        if let Some(equals) = memchr::memchr(b'=', line) {
            check_name(&line[..equals])?;
            return Ok(Field::One {
                name: (at, at + equals),
                value: (at + equals + 1, at + line_end),
                next: at + line_end + 1,
            });
        }
        check_name(line)?;
        let Some(length) = rest[line_end + 1..].first_chunk::<8>() else {
            return Ok(Field::Incomplete);
        };
        let announced = u64::from_le_bytes(*length);
        let length = bounded(announced)?;
        let value = at + line_end + 9;
        match self.buffer.get(value + length) {
            None => Ok(Field::Incomplete),
            Some(b'\n') => Ok(Field::One {
                name: (at, at + line_end),
                value: (value, value + length),
                next: value + length + 1,
            }),
            Some(_) => Err(ExportError::Name(text(line))),
        }
    }
}

/// A line that has not ended yet: fine while it may still become a field.
fn incomplete(rest: &[u8]) -> Result<Field, ExportError> {
    match memchr::memchr(b'=', rest) {
        Some(equals) => check_name(&rest[..equals])?,
        None if rest.len() > MAX_NAME_BYTES => return Err(ExportError::Name(text(rest))),
        None => {}
    }
    bounded(rest.len() as u64)?;
    Ok(Field::Incomplete)
}

fn bounded(length: u64) -> Result<usize, ExportError> {
    match usize::try_from(length) {
        Ok(length) if length <= MAX_FIELD_BYTES => Ok(length),
        _ => Err(ExportError::Long(length)),
    }
}

/// Field names are upper-case letters, digits and underscores; journald keeps no others.
fn check_name(name: &[u8]) -> Result<(), ExportError> {
    let allowed = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    match !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.iter().all(allowed) {
        true => Ok(()),
        false => Err(ExportError::Name(text(name))),
    }
}

/// The beginning of a bad line, for the error.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned()
}
