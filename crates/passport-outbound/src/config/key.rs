/// A key that a configuration may have: its name, what its value has to be, and what it is for.
/// What a [`StoreKind`](crate::StoreKind) may be told is a table of them.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) about: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ValueKind {
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
    pub(super) const fn of(name: &'static str, kind: ValueKind, about: &'static str) -> Self {
        Self { name, kind, about }
    }

    /// A text.
    #[must_use]
    pub const fn text(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Text, about)
    }

    /// A URL.
    #[must_use]
    pub const fn url(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Url, about)
    }

    /// A list of texts, or one text with spaces.
    #[must_use]
    pub const fn words(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Words, about)
    }

    /// True or false.
    #[must_use]
    pub const fn switch(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Switch, about)
    }

    /// A length of time: `60`, `"60s"`, `"00:01:00"`.
    #[must_use]
    pub const fn duration(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::Duration, about)
    }

    /// Where a secret is. No message shows what stands there.
    #[must_use]
    pub const fn secret_reference(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::SecretReference, about)
    }

    /// Where some secrets are.
    #[must_use]
    pub const fn secret_references(name: &'static str, about: &'static str) -> Self {
        Self::of(name, ValueKind::SecretReferences, about)
    }
}
