use std::{error::Error, io, iter, sync::Arc};

/// Returns an iterator over `error` and its causes, outermost first.
///
/// A cause in an `Arc` is returned without the `Arc`, so that the cause can be downcast. The
/// error that an `io::Error` wraps is included, although `io::Error::source` does not return
/// this error.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(unshared(error)), |error| cause(*error).map(unshared))
}

/// Returns the messages of `error` and its causes in one line, separated by colons.
///
/// A message that an outer error already contains is not repeated.
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
mod tests;
