//! The form body of a token request. The form can contain the client secret, so all copies are
//! zeroized.

use form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// A form-encoded body, which is zeroized on drop.
pub(super) struct Form(Zeroizing<String>);

impl Form {
    /// Creates the form of the client credentials grant.
    pub(super) fn client_credentials() -> Self {
        Self(Zeroizing::new("grant_type=client_credentials".to_owned()))
    }

    /// Appends a field. A space is encoded as `%20`, as in Passport's documentation.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        let (Self(form), value) = (self, Zeroizing::new(form_encoded(value).replace('+', "%20")));
        // Allocated once: a reallocation would leave a copy of the secret in memory.
        let mut grown = Zeroizing::new(String::with_capacity(form.len() + name.len() + value.len() + 2));
        for part in [form.as_str(), "&", name, "=", &value] {
            grown.push_str(part);
        }
        *form = grown;
    }
}

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Form-encodes `text`, with `+` for a space.
pub(super) fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(byte_serialize(text.as_bytes()).collect())
}
