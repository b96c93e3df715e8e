//! A vendor's seal over the reasoning of its model: given to the client, and back to that vendor on
//! the next turn. Nobody else can read it, and every other vendor refuses it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How a seal begins that goes through another vendor's member: `tollgate:` in base64. Nine bytes
/// are twelve characters exactly, so that whatever follows does not change them.
const MARK: &str = "dG9sbGdhdGU6";
/// The same before it is encoded.
const MARK_PLAIN: &str = "tollgate:";

/// Sealed data, and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    /// Who made it, and can read it.
    pub by: Sealer,
    /// As the vendor spelled it.
    pub data: String,
}

/// Whose models seal their reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sealer {
    /// Anthropic: `signature` and `redacted_thinking`, the same at Amazon and Google.
    Anthropic,
    /// Google: `thoughtSignature`.
    Google,
    /// OpenAI: `encrypted_content`.
    OpenAi,
    /// xAI, whose Responses API looks like OpenAI's and whose seals are its own.
    Xai,
}

impl Sealer {
    const ALL: [Self; 4] = [Self::Anthropic, Self::Google, Self::OpenAi, Self::Xai];

    fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::OpenAi => "openai",
            Self::Xai => "xai",
        }
    }
}

impl Seal {
    /// How a seal begins that goes through another vendor's member: by it a body is searched for
    /// seals that its vendor cannot read.
    pub const MARK: &str = MARK;

    /// A seal of this vendor.
    #[must_use]
    pub fn new(by: Sealer, data: impl Into<String>) -> Self {
        Self { by, data: data.into() }
    }

    /// How it is written into a member that belongs to `native`: as it is where it is that
    /// vendor's own, else with a mark by which [`Seal::read`] tells whose it is. The mark is
    /// base64, because some clients decode what they find there.
    #[must_use]
    pub fn spelled_for(&self, native: Sealer) -> Cow<'_, str> {
        if self.by == native && !self.data.starts_with(MARK) {
            return Cow::Borrowed(&self.data);
        }
        Cow::Owned(STANDARD.encode(format!("{MARK_PLAIN}{}:{}", self.by.as_str(), self.data)))
    }

    /// Reads what a client gives back in a member that belongs to `native`. What carries our mark
    /// and cannot be read is taken for a seal of `native`, whose vendor then says no.
    #[must_use]
    pub fn read(text: String, native: Sealer) -> Self {
        Self::marked(&text).unwrap_or(Self { by: native, data: text })
    }

    fn marked(text: &str) -> Option<Self> {
        let plain = STANDARD.decode(text.strip_prefix(MARK)?).ok()?;
        let (by, data) = std::str::from_utf8(&plain).ok()?.split_once(':')?;
        let by = Sealer::ALL.into_iter().find(|sealer| sealer.as_str() == by)?;
        Some(Self { by, data: data.to_owned() })
    }

    /// The data, for a member of this vendor; `None` where it is another's.
    #[must_use]
    pub fn of(&self, vendor: Sealer) -> Option<&str> {
        (self.by == vendor).then_some(&*self.data)
    }
}

/// Whose it is, and no more: it is content.
impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({}, {} bytes)", self.by.as_str(), self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_comes_back_through_its_own_vendors_member_as_it_was() {
        let seal = Seal::new(Sealer::Anthropic, "EqQB/+=");
        assert_eq!(seal.spelled_for(Sealer::Anthropic), "EqQB/+=");
        assert_eq!(Seal::read("EqQB/+=".into(), Sealer::Anthropic), seal);
    }

    #[test]
    fn a_seal_that_travels_through_another_vendors_member_stays_its_makers() {
        for by in Sealer::ALL {
            for native in Sealer::ALL {
                for data in ["", "a", "gAAAA:b:c", "ö", MARK] {
                    let seal = Seal::new(by, data);
                    let spelled = seal.spelled_for(native).into_owned();
                    assert_eq!(Seal::read(spelled.clone(), native), seal, "{spelled}");
                    assert_eq!(seal.of(native).is_some(), by == native);
                }
            }
        }
    }

    #[test]
    fn a_mark_with_nonsense_after_it_is_no_reason_to_panic() {
        for text in [MARK.to_owned(), format!("{MARK}!"), STANDARD.encode("tollgate:nobody:x")] {
            assert_eq!(Seal::read(text.clone(), Sealer::Google), Seal::new(Sealer::Google, text));
        }
    }
}
