/// A key of a configuration: its name, the type of its value, and its purpose. A
/// [`StoreKind`](crate::StoreKind) has a table of them.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    pub(crate) name: &'static str,
    pub(crate) kind: ValueKind,
    pub(crate) about: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueKind {
    Text,
    Url,
    SecretReference,
    SecretReferences,
    Switch,
    Duration,
    Words,
    Origins,
    Choice(&'static [&'static str]),
    Store,
}

impl ConfigKey {
    pub(crate) const fn of(name: &'static str, kind: ValueKind, about: &'static str) -> Self {
        Self { name, kind, about }
    }

    /// Declares a text.
    #[must_use]
    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Text, about)
    }

    /// Declares a URL.
    #[must_use]
    pub const fn url(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Url, about)
    }

    /// Declares a list of texts, or one text with spaces.
    #[must_use]
    pub const fn words(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Words, about)
    }

    /// Declares true or false.
    #[must_use]
    pub const fn switch(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Switch, about)
    }

    /// Declares a duration: `60`, `"60s"`, `"00:01:00"`.
    #[must_use]
    pub const fn duration(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Duration, about)
    }

    /// Declares the reference of a secret. No message shows its value.
    #[must_use]
    pub const fn secret_reference(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::SecretReference, about)
    }

    /// Declares references of secrets. No message shows their values.
    #[must_use]
    pub const fn secret_references(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::SecretReferences, about)
    }
}
