//! Templates: a text with placeholders, such as `llama runner started in {seconds:decimal} seconds`.
//!
//! A value of a form with letters of its own ends where these end; any other where the text behind its placeholder begins for the first time, and the
//! last text of a template is the end of the line. Nothing is tried twice: a line that does not fit so does not fit.

use super::form::ValueForm;
use super::index;

/// The most placeholders of a template.
pub(super) const MAX_VALUES: usize = 12;

/// A template, ready to be compared with texts.
#[derive(Debug)]
pub(super) struct Template {
    head: String,
    parts: Vec<TemplatePart>,
}

/// A placeholder and the text that follows it.
#[derive(Debug)]
struct TemplatePart {
    placeholder: Placeholder,
    then: String,
}

/// `{name:form}`; `{name:>form}` for a value that is padded with blanks in front.
#[derive(Debug)]
pub(super) struct Placeholder {
    pub(super) name: String,
    pub(super) form: ValueForm,
    is_padded: bool,
}

/// The values of a text that fits a template, in their order, as they stand there.
#[derive(Debug)]
pub(super) struct Cut<'p, 't> {
    template: &'p Template,
    values: [&'t str; MAX_VALUES],
}

impl Template {
    /// Reads a template; `{{` stands for a brace.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (head, mut rest) = literal(text);
        let mut parts = Vec::new();
        while let Some(inside) = rest {
            let (placeholder, behind) = inside
                .split_once('}')
                .ok_or_else(|| "a brace is not closed".to_owned())?;
            let (then, next) = literal(behind);
            if then.is_empty() && next.is_some() {
                return Err(format!("nothing separates {{{placeholder}}} from the next"));
            }
            parts.push(TemplatePart {
                placeholder: Placeholder::parse(placeholder)?,
                then,
            });
            rest = next;
        }
        if parts.len() > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} placeholders"));
        }
        Ok(Self { head, parts })
    }

    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.parts.iter().map(|part| &part.placeholder)
    }

    /// The template with a mark for each placeholder.
    pub(super) fn outline(&self) -> String {
        let mut outline = self.head.clone();
        for TemplatePart { placeholder, then } in &self.parts {
            outline.push(index::mark(
                placeholder.is_padded || placeholder.form.has_blanks(),
            ));
            outline.push_str(then);
        }
        outline
    }

    /// The placeholder of a template that is nothing else.
    pub(super) fn sole(&self) -> Option<&Placeholder> {
        match &*self.parts {
            [part] if self.head.is_empty() && part.then.is_empty() => Some(&part.placeholder),
            _ => None,
        }
    }

    /// Cuts `text` into its values; `None` when it does not fit.
    pub(super) fn cut<'p, 't>(&'p self, text: &'t str) -> Option<Cut<'p, 't>> {
        let mut rest = text.strip_prefix(&*self.head)?;
        let mut values = [""; MAX_VALUES];
        let last = self.parts.len().checked_sub(1);
        for (place, part) in self.parts.iter().enumerate() {
            (*values.get_mut(place)?, rest) = part.cut(rest, last == Some(place))?;
        }
        rest.is_empty().then_some(Cut {
            template: self,
            values,
        })
    }
}

impl TemplatePart {
    /// The value that `text` begins with, and what follows the text behind it.
    fn cut<'t>(&self, text: &'t str, is_last: bool) -> Option<(&'t str, &'t str)> {
        let Placeholder {
            form, is_padded, ..
        } = self.placeholder;
        let text = if is_padded {
            text.trim_start_matches(' ')
        } else {
            text
        };
        let end = match form.span(text) {
            Some(end) => end,
            None if is_last => text.len().checked_sub(self.then.len())?,
            None => find(text, &self.then)?,
        };
        let behind = text.get(end..)?.strip_prefix(&*self.then)?;
        Some((text.get(..end)?, behind))
    }
}

/// Where `text` has `needle`, which is not empty, for the first time. Both are short: nothing is made ready for the search.
fn find(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let first = *needle.first()?;
    let mut places = memchr::memchr_iter(first, text);
    places.find(|place| {
        text.get(*place..)
            .is_some_and(|rest| rest.starts_with(needle))
    })
}

impl Placeholder {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, form) = text
            .split_once(':')
            .ok_or_else(|| format!("{{{text}}} names no form"))?;
        let (form, is_padded) = match form.strip_prefix('>') {
            Some(form) => (form, true),
            None => (form, false),
        };
        Ok(Self {
            name: name.to_owned(),
            form: ValueForm::of(form).ok_or_else(|| format!("there is no form {form:?}"))?,
            is_padded,
        })
    }

    /// Whether the value has no place in a point.
    pub(super) fn is_left_out(&self) -> bool {
        self.name.starts_with('_')
    }
}

impl<'p, 't> Cut<'p, 't> {
    /// The placeholders with their values.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'p Placeholder, &'t str)> {
        self.template.placeholders().zip(self.values)
    }

    /// The value of this name.
    pub(super) fn text(&self, name: &str) -> Option<&'t str> {
        let mut values = self.values();
        values
            .find(|(placeholder, _)| placeholder.name == name)
            .map(|(_, text)| text)
    }
}

/// The text up to the next placeholder, and what follows its brace.
fn literal(text: &str) -> (String, Option<&str>) {
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        literal.push_str(before);
        match behind.strip_prefix('{') {
            Some(behind) => {
                literal.push('{');
                rest = behind;
            }
            None => return (literal, Some(behind)),
        }
    }
    literal.push_str(rest);
    (literal, None)
}
