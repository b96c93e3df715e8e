//! What a Claude model accepts, told by the version in its name.
//!
//! Only what a translated request must avoid: a member that an OpenAI client sends out of habit
//! would otherwise be a 400 from the vendor.

use std::borrow::Cow;

use crate::neutral::{Request, Role};

/// A model's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl Version {
    /// The version in a model's name, `claude-opus-4-7`, `claude-3-7-sonnet-latest` or
    /// `us.anthropic.claude-sonnet-4-20250514-v1:0`. A name without one counts as the newest.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.rsplit_once("claude").map_or(model, |(_, name)| name);
        let words = name.split(['-', '.', '@', ':', '/']).skip_while(|word| number(word).is_none());
        let mut numbers = words.map_while(number);
        match numbers.next() {
            Some(major) => Self(major, numbers.next().unwrap_or(0)),
            None => Self(u32::MAX, 0),
        }
    }

    /// Thinks as much as it sees fit: a budget is a 400, and so are sampling parameters.
    pub(crate) fn thinks_adaptively(self) -> bool {
        self >= Self(4, 7)
    }

    /// Knows `strict` tools.
    pub(super) fn knows_strict(self) -> bool {
        self >= Self(4, 5)
    }
}

/// The request, instructed where its model takes it: newer Opus models do after what the user says (recorded), so
/// that what was cached stays cached; all others in the prompt alone.
pub(crate) fn instructed(request: &Request) -> Cow<'_, Request> {
    if !request.model.contains("opus") || Version::of(&request.model) < Version(4, 8) {
        return request.with_one_prompt();
    }
    request.instructed(|before, after| before == Some(Role::User) && after != Some(Role::User))
}

/// A version number; a date is none.
fn number(word: &str) -> Option<u32> {
    word.parse().ok().filter(|_| word.len() <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling_of_a_name() {
        let table = [
            ("claude-opus-4-7", Version(4, 7)),
            ("claude-haiku-4-5-20251001", Version(4, 5)),
            ("claude-sonnet-4-20250514", Version(4, 0)),
            ("claude-3-7-sonnet-latest", Version(3, 7)),
            ("us.anthropic.claude-opus-4-1-20250805-v1:0", Version(4, 1)),
            ("anthropic/claude-opus-4.8", Version(4, 8)),
            ("claude-opus-5", Version(5, 0)),
            ("our-own-claude", Version(u32::MAX, 0)),
            ("anthropic.claude-instant-v1", Version(u32::MAX, 0)),
        ];
        for (name, version) in table {
            assert_eq!(Version::of(name), version, "{name}");
        }
    }
}
