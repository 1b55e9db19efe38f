//! The extractor of form bodies (`application/x-www-form-urlencoded`).

use std::{collections::HashMap, convert::Infallible};

use axum::extract::{FromRequest, OptionalFromRequest, Request};

/// A form body without repeated fields.
#[derive(Debug)]
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Returns the value of the field `name`. Returns `None` if the form has no such field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl<S: Send + Sync> OptionalFromRequest<S> for Form {
    type Rejection = Infallible;

    /// Parses the body of `request`. Returns `None` if the body is not a form, or if a field is
    /// repeated. The endpoint then returns the error that its RFC specifies.
    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Self::Rejection> {
        let Ok(fields) = axum::Form::<Vec<(String, String)>>::from_request(request, state).await else {
            return Ok(None);
        };
        let count = fields.0.len();
        let table: HashMap<_, _> = fields.0.into_iter().collect();
        Ok((table.len() == count).then_some(Self(table)))
    }
}
