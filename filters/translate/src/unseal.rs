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

/// What it takes to leave out what a vendor would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsealing {
    /// Nothing: there is none of it.
    AsItIs,
    /// The conversation is read for the edits of [`unsealed`]; all else stays byte for byte.
    InPlace,
    /// The request is put together anew.
    Anew,
}

/// Looks for the mark of a seal; made once.
static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(Seal::MARK));

/// What it takes for this conversation. It is looked through, and not read.
#[must_use]
pub fn unsealing(surface: Surface, conversation: &[u8], seals: Seals) -> Unsealing {
    let may_hold = match surface {
        Surface::Messages => anthropic::may_hold_refused(conversation, seals),
        Surface::Responses => responses::may_hold_refused(conversation, seals),
        _ if seals == Seals::None || is_marked(conversation) => return Unsealing::Anew,
        _ => false,
    };
    if may_hold { Unsealing::InPlace } else { Unsealing::AsItIs }
}

/// The edits of this call, whose conversation may have been edited: none where nothing would be refused after all.
/// It reads the conversation, which takes time where that is long.
#[must_use]
pub fn unsealed(call: &Call, conversation: &[u8], seals: Seals) -> Edits {
    match call.surface {
        Surface::Messages => anthropic::unsealed(&call.body, conversation, seals),
        Surface::Responses => responses::unsealed(conversation, seals),
        _ => Edits::new(),
    }
}

/// Whether a seal with our mark may be in these bytes.
pub(crate) fn is_marked(conversation: &[u8]) -> bool {
    MARK.find(conversation).is_some()
}
