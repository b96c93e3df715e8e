//! What a route is. Which ones there are stands in the table, [`crate::ROUTES`].

use serde_json::Value;

use crate::ask::Ask;
use crate::openapi::Shape;
use crate::refusal::Refusal;
use crate::rights::Right;

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes, or does.
    Post,
    /// Puts in place of what was there.
    Put,
    /// Changes what is named and keeps the rest.
    Patch,
    /// Takes away.
    Delete,
}

impl Verb {
    /// As in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One way in.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its method.
    pub method: Verb,
    /// Its path; what is in braces stands for an id.
    pub path: &'static str,
    /// The least right that it asks for.
    pub right: Right,
    pub(crate) says: &'static str,
    pub(crate) status: u16,
    pub(crate) asks: &'static [&'static str],
    pub(crate) takes: Option<Shape>,
    pub(crate) gives: Option<Shape>,
    pub(crate) run: Run,
}

/// What a route does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// Shows the OpenAPI document.
    Document,
    /// Works on a request that was let in.
    Asked(fn(&mut Ask<'_>) -> Result<Value, Refusal>),
}

type Work = fn(&mut Ask<'_>) -> Result<Value, Refusal>;

impl Route {
    pub(crate) const fn new(method: Verb, path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        let run = Run::Asked(run);
        Self { method, path, right, says, status: 200, asks: &[], takes: None, gives: None, run }
    }

    pub(crate) const fn get(path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        Self::new(Verb::Get, path, right, run, says)
    }

    pub(crate) const fn post(path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        Self::new(Verb::Post, path, right, run, says)
    }

    pub(crate) const fn put(path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        Self::new(Verb::Put, path, right, run, says)
    }

    pub(crate) const fn patch(path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        Self::new(Verb::Patch, path, right, run, says)
    }

    pub(crate) const fn delete(path: &'static str, right: Right, run: Work, says: &'static str) -> Self {
        Self::new(Verb::Delete, path, right, run, says)
    }

    pub(crate) const fn asks(self, asks: &'static [&'static str]) -> Self {
        Self { asks, ..self }
    }

    pub(crate) const fn takes(self, takes: Shape) -> Self {
        Self { takes: Some(takes), ..self }
    }

    pub(crate) const fn gives(self, gives: Shape) -> Self {
        Self { gives: Some(gives), ..self }
    }

    /// For what makes something.
    pub(crate) const fn makes(self, gives: Shape) -> Self {
        Self { gives: Some(gives), status: 201, ..self }
    }

    /// For what leaves nothing to show.
    pub(crate) const fn leaves_nothing(self) -> Self {
        Self { status: 204, ..self }
    }
}
