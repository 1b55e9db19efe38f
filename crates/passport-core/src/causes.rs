use std::{error::Error, io, iter, sync::Arc};

/// Returns `error` and the errors that caused it, outermost first.
///
/// A cause that is shared by an `Arc` is returned without the `Arc`, so that it can be downcast,
/// and so is the error that an `io::Error` wraps, which is not its `source`.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(unshared(error)), |error| cause(*error).map(unshared))
}

/// Returns the texts of `error` and its causes in one line, without repetitions.
///
/// Many errors repeat their cause in their own text. A text that an outer error contains is left
/// out.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    chain(error).fold(String::new(), |line, error| {
        let text = error.to_string();
        match line.as_str() {
            "" => text,
            _ if line.contains(&text) => line,
            _ => format!("{line}: {text}"),
        }
    })
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn unshared<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => &**shared,
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        #[source]
        cause: Arc<dyn Error + Send + Sync>,
    }

    #[test]
    fn causes_are_shown_once_and_in_order() {
        let cause: Arc<dyn Error + Send + Sync> = Arc::new(io::Error::other("disk full"));
        let shown = |text| with_causes(&Outer { text, cause: Arc::clone(&cause) });
        assert_eq!(shown("not saved"), "not saved: disk full");
        assert_eq!(shown("not saved: disk full"), "not saved: disk full");
    }

    #[test]
    fn shared_and_wrapped_causes_can_be_downcast() {
        let parse = "x".parse::<u8>().unwrap_err();
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, parse));
        let outer = Outer { text: "not saved", cause: Arc::new(wrapped) };
        assert!(chain(&outer).nth(1).unwrap().is::<io::Error>());
        assert!(chain(&outer).nth(3).unwrap().is::<std::num::ParseIntError>());
        assert_eq!(with_causes(&outer), "not saved: invalid digit found in string");
    }
}
