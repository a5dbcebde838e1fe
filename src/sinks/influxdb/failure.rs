//! Why a request got no answer, without the URL, which the errors of the HTTP library repeat.

use std::error::Error as StdError;
use std::io;

use super::answer::Failure;

/// What kind of failure `error` is.
#[expect(
    clippy::needless_pass_by_value,
    reason = "shaped for map_err, which hands over the error"
)]
pub(super) fn failure(error: reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::Timeout;
    }
    let what = innermost(&error);
    if error.is_dns() {
        Failure::Dns(what)
    } else if layers(&error).any(is_certificate_error) {
        Failure::Certificate(what)
    } else {
        Failure::Connection(what)
    }
}

fn is_certificate_error(error: &(dyn StdError + 'static)) -> bool {
    let error = error.downcast_ref::<rustls::Error>();
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

/// The text of the cause at the bottom: the layers above repeat the URL or say nothing.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    layers(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

fn layers<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // The source of an io::Error is that of what it wraps: the wrapped error itself would be passed over.
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}
