//! The form body of a request. The form can contain the client secret, so all copies are
//! zeroized.

use std::fmt;

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// The fields of a request body in the format `application/x-www-form-urlencoded`.
///
/// The form is zeroized on drop, because a field can be a secret. `Debug` shows no field.
pub struct Form(Zeroizing<String>);

impl Form {
    /// Creates a form with one field. The encoding is that of [`push`](Self::push).
    #[must_use]
    pub fn of(name: &str, value: &str) -> Self {
        let mut form = Self(Zeroizing::default());
        form.push(name, value);
        form
    }

    /// Appends a field. A space is encoded as `%20`, as in Passport's documentation.
    pub fn push(&mut self, name: &str, value: &str) {
        let Self(form) = self;
        let separator = if form.is_empty() { "" } else { "&" };
        let [name, value] = [name, value].map(|text| Zeroizing::new(form_encoded(text).replace('+', "%20")));
        // Allocated once: a reallocation would leave a copy of the secret in memory.
        let mut grown = Zeroizing::new(String::with_capacity(form.len() + name.len() + value.len() + 2));
        for part in [form.as_str(), separator, &name, "=", &value] {
            grown.push_str(part);
        }
        *form = grown;
    }

    /// Returns the form as the body of a request. The memory is zeroized when the last clone of the
    /// body is dropped.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.0)
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form([redacted])")
    }
}

/// Form-encodes `text`, with `+` for a space.
pub(super) fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(byte_serialize(text.as_bytes()).collect())
}

#[cfg(test)]
mod tests;
