//! Seals in the `signature` of a thought. The thinking that a vendor hides looks there like
//! thinking that has no summary: a word before the data tells them apart.

use std::borrow::Cow;

use tollgate_api::{Seal, Sealer};

/// No vendor's seal has a colon in it.
const HIDDEN: &str = "hidden:";

/// A seal, for a client. Google hides no thinking, so its seals need no word.
pub(super) fn spelled(seal: &Seal, hidden: bool) -> Cow<'_, str> {
    if !hidden || seal.by == Sealer::Google {
        return seal.spelled_for(Sealer::Google);
    }
    let told_apart = Seal::new(seal.by, format!("{HIDDEN}{}", seal.data));
    Cow::Owned(told_apart.spelled_for(Sealer::Google).into_owned())
}

/// What a `signature` holds, and whether the thinking is hidden.
pub(super) fn read(signature: String) -> (Seal, bool) {
    let seal = Seal::read(signature, Sealer::Google);
    match seal.data.strip_prefix(HIDDEN) {
        Some(data) if seal.by != Sealer::Google => (Seal::new(seal.by, data), true),
        _ => (seal, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_thinking_of_another_vendor_comes_back_hidden_and_googles_as_it_was() {
        for (by, hidden) in [(Sealer::Anthropic, true), (Sealer::Anthropic, false), (Sealer::OpenAi, true)] {
            let seal = Seal::new(by, "EqQB");
            assert_eq!(read(spelled(&seal, hidden).into_owned()), (seal, hidden));
        }
        let own = Seal::new(Sealer::Google, "EqQB");
        assert_eq!(spelled(&own, true), "EqQB");
        assert_eq!(read("EqQB".into()), (own, false));
    }
}
