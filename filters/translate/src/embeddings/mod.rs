//! OpenAI's embeddings, asked for and answered: spliced where the upstream speaks OpenAI's words,
//! written anew for the others.
//!
//! They are no conversation: nothing here streams, and nothing goes through the neutral form.

mod asked;
mod bedrock;
mod gemini;
mod list;
mod vectors;

use bytes::Bytes;
use tollgate_api::{Call, Edit, Refusal, Usage};

use crate::dialect::{Dialect, Garbage};
use crate::json::unsupported;
use crate::losses::Losses;
use crate::splice;

pub use vectors::Encoding;

use asked::Asked;

/// What a client wants of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// How vectors are to be written; as the vendor likes where the client asked for a way that
    /// nobody here knows.
    pub encoding: Option<Encoding>,
    /// The model to name where the vendor names none.
    pub model: Box<str>,
    /// The input tokens to show where the vendor reports none: OpenAI's clients expect a number.
    pub estimate: u64,
}

impl Wants {
    /// What this call wants. `estimate` is of its input tokens.
    #[must_use]
    pub fn of(call: &Call, estimate: u64) -> Self {
        Self { encoding: asked::encoding(&call.body), model: call.model.clone(), estimate }
    }
}

/// The call, with its edits, for an upstream of this dialect that calls the model `model`.
///
/// # Errors
/// The call is malformed, or asks for what this upstream cannot say. Input is never let go, whatever
/// the client permits.
pub fn request(
    dialect: Dialect,
    call: &Call,
    edits: &[Edit],
    model: &str,
    losses: &mut Losses,
) -> Result<Bytes, Refusal> {
    let asked = || Asked::read(&call.body, edits);
    match dialect {
        Dialect::OpenAi | Dialect::Responses => Ok(splice::splice(call, edits, Some(model), false)),
        Dialect::Gemini => gemini::request(&asked()?, model).map(Bytes::from),
        Dialect::Converse => bedrock::request(&asked()?, model, losses).map(Bytes::from),
        Dialect::Anthropic | Dialect::Interactions => {
            Err(unsupported("model", "is served by a surface that has no embeddings"))
        }
    }
}

/// An upstream's whole answer as its client wants it, and the usage in it.
///
/// # Errors
/// The body is no answer of this dialect.
pub fn answer(dialect: Dialect, body: Bytes, wants: &Wants) -> Result<(Bytes, Option<Usage>), Garbage> {
    match dialect {
        Dialect::OpenAi | Dialect::Responses => list::answer(body, wants),
        Dialect::Gemini => gemini::answer(&body, wants),
        Dialect::Converse => bedrock::answer(&body, wants),
        Dialect::Anthropic | Dialect::Interactions => Err(Garbage("this dialect has no embeddings".into())),
    }
}
