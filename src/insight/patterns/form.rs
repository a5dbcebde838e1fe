//! The forms that a value can have in a line: how it is read, and what is none of its kind.

use std::borrow::Cow;

use crate::insight::models::short_name;
use crate::insight::scan;
use crate::record::Decimal;

macro_rules! forms {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A form, as templates name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum ValueForm {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ValueForm {
            pub(super) fn of(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

forms! {
    /// Any text, or none.
    Any = "any",
    /// A text that is not empty.
    Text = "text",
    /// A text without blanks.
    Word = "word",
    /// The name of a function in C++, without its namespaces and types.
    Function = "function",
    /// Blanks, or none.
    Blanks = "blanks",
    /// Digits.
    Integer = "integer",
    /// Digits, perhaps behind a minus.
    Signed = "signed",
    /// Digits, perhaps with a point between them.
    Decimal = "decimal",
    /// 0 or 1.
    Flag = "flag",
    /// `3.8 GiB`, `0 B`.
    Size = "size",
    /// The same, or bytes without a unit.
    SizeOrBytes = "size_or_bytes",
    /// A decimal number of MiB.
    Mib = "mib",
    /// What versions are made of.
    Version = "version",
    /// A driver's version; empty and `0.0` stand for none.
    Driver = "driver",
    /// The first 12 digits of a blob.
    Blob = "blob",
    /// A device; one that is but a number is called by its library and the number.
    Device = "device",
    /// A device by its id, or else by its product's name.
    DeviceOrName = "device_or_name",
    /// A model by the path of its weights, or by its name.
    Model = "model",
    /// A model's name.
    ModelName = "model_name",
    /// Of how many sequences the context before it is.
    Sequences = "sequences",
    /// The command line of a runner with a model.
    RunnerCommand = "runner_command",
    /// `map[…]` with the server's environment.
    ServerEnvironment = "server_environment",
    /// What a runner is asked to load.
    LoadRequest = "load_request",
    /// A line of gin's access log, behind `[GIN] `.
    Request = "request",
    /// `prompt eval time = …`
    Timing = "timing",
    /// The same within a line of JSON.
    JsonTiming = "json_timing",
}

/// A value that was read.
#[derive(Debug)]
pub(super) enum FormValue<'a> {
    Integer(u64),
    Decimal(Decimal),
    Text(Cow<'a, str>),
    /// It is of its form, and says nothing.
    Nothing,
}

impl ValueForm {
    /// Reads a value; `None` when it is not of this form.
    pub(super) fn read<'a>(self, text: Cow<'a, str>) -> Option<FormValue<'a>> {
        Some(match self {
            Self::Integer | Self::Sequences => FormValue::Integer(scan::integer(&text)?),
            Self::Flag => FormValue::Integer(scan::integer(&text).filter(|flag| *flag <= 1)?),
            Self::Size => FormValue::Integer(scan::size(&text)?),
            Self::SizeOrBytes => FormValue::Integer(scan::size_or_bytes(&text)?),
            Self::Mib => FormValue::Integer(Decimal::parse(&text)?.times(1 << 20)?),
            Self::Decimal => FormValue::Decimal(Decimal::parse(&text)?),
            Self::Signed => {
                scan::integer(text.strip_prefix('-').unwrap_or(&text))?;
                FormValue::Nothing
            }
            Self::Driver if matches!(&*text, "" | "0.0") => FormValue::Nothing,
            Self::ModelName => FormValue::Text(short_name(scan::brief(text))),
            _ if self.fits(&text) => FormValue::Text(scan::brief(text)),
            _ => return None,
        })
    }

    /// How many bytes of `text` a value has that begins it, for a form that has letters of its own.
    pub(super) fn span(self, text: &str) -> Option<usize> {
        let count = |is_own: fn(&u8) -> bool| text.bytes().take_while(is_own).count();
        match self {
            Self::Blanks => Some(count(|byte| *byte == b' ')),
            Self::Integer | Self::Flag => Some(count(u8::is_ascii_digit)),
            Self::Decimal | Self::Mib => Some(count(|byte| byte.is_ascii_digit() || *byte == b'.')),
            Self::Function => Some(count(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')),
            _ => None,
        }
    }

    /// Whether a value that is a text is of this form, as far as its letters say.
    fn fits(self, text: &str) -> bool {
        let all = |is_own: fn(u8) -> bool| text.bytes().all(is_own);
        match self {
            Self::Any | Self::Driver => true,
            Self::Word => !text.is_empty() && !text.contains(' '),
            Self::Function => is_function(text),
            Self::Blanks => all(|byte| byte == b' '),
            Self::Version => is_version(text),
            Self::Blob => text.len() == 12 && all(|byte| byte.is_ascii_hexdigit()),
            _ => !text.is_empty(),
        }
    }

    /// Whether its values are numbers without a fraction.
    pub(super) fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Integer | Self::Flag | Self::Size | Self::SizeOrBytes | Self::Mib
        )
    }

    /// Whether its values are numbers.
    pub(super) fn is_number(self) -> bool {
        self.is_integer() || matches!(self, Self::Signed | Self::Decimal | Self::Sequences)
    }

    /// Whether its values are texts that a field can hold.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Any
                | Self::Text
                | Self::Word
                | Self::Function
                | Self::Version
                | Self::Driver
                | Self::Blob
                | Self::ModelName
        )
    }

    /// Whether a value of it may have blanks within.
    pub(super) fn has_blanks(self) -> bool {
        !matches!(
            self,
            Self::Word
                | Self::Function
                | Self::Integer
                | Self::Signed
                | Self::Decimal
                | Self::Flag
                | Self::Mib
                | Self::Version
                | Self::Blob
                | Self::Device
        )
    }
}

/// The name of a function in C++, without its namespaces and types.
pub(in crate::insight) fn is_function(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain)
}

/// Digits, letters and what versions put between them.
fn is_version(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
