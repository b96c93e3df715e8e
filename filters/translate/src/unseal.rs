//! Seals of earlier turns that a vendor would refuse, where a request stays in its client's own words: what must
//! change so that they are left out. Most requests hold none, and are looked through once.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use tollgate_api::{Call, Edits, Seal, Surface};

use crate::{anthropic, responses};

/// Which seals a vendor is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seals {
    /// All but those that carry our mark: another vendor made them.
    #[default]
    Unmarked,
    /// None: it said that it cannot read what it was given. They came from another account, or what stood
    /// before them has changed.
    None,
}

/// How a request must change.
#[derive(Debug, PartialEq, Eq)]
pub enum Unsealing {
    /// Not at all.
    AsItIs,
    /// By these edits; all else stays byte for byte.
    Edits(Edits),
    /// It is put together anew.
    Anew,
}

/// Looks for the mark of a seal; made once.
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(Seal::MARK));

/// What must change of this call, whose conversation may have been edited.
#[must_use]
pub fn unsealing(call: &Call, conversation: &[u8], seals: Seals) -> Unsealing {
    let edits = match call.surface {
        Surface::Messages => anthropic::unsealed(&call.body, conversation, seals),
        Surface::Responses => responses::unsealed(conversation, seals),
        _ if seals == Seals::None || is_marked(conversation) => return Unsealing::Anew,
        _ => Edits::new(),
    };
    if edits.is_empty() { Unsealing::AsItIs } else { Unsealing::Edits(edits) }
}

/// Whether a seal with our mark may be in these bytes.
pub(crate) fn is_marked(conversation: &[u8]) -> bool {
    MARK.find(conversation).is_some()
}
