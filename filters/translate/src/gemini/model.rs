//! What a Gemini model accepts, told by its name.
//!
//! Only what a translated request must avoid: what another vendor's client sends out of habit
//! would otherwise be a 400 from Google.

/// A model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    version: (u32, u32),
    pro: bool,
}

/// How a model is told how hard to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinks {
    /// Not at all: any `thinkingConfig` is a 400.
    Never,
    /// By a number of tokens, and no less than this.
    ByBudget {
        /// 0 where thinking can be turned off.
        least: u64,
        /// More is a 400.
        most: u64,
    },
    /// By a word.
    ByLevel {
        /// Whether `minimal` is one.
        minimal: bool,
        /// Whether `medium` is one.
        medium: bool,
    },
}

impl Model {
    /// The model of a name such as `gemini-2.5-flash` or `models/gemini-3-pro-preview`. A name without
    /// a version counts as the newest; Gemma is older than all of them.
    pub(super) fn of(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or_default();
        let version = match name.split_once("gemini-") {
            Some((_, rest)) => rest.split('-').find_map(version),
            None if name.starts_with("gemma") => Some((0, 0)),
            None => None,
        };
        Self { version: version.unwrap_or((u32::MAX, 0)), pro: name.contains("-pro") }
    }

    /// Refuses a conversation in which a call comes without its seal.
    pub(super) fn insists_on_seals(self) -> bool {
        self.version >= (3, 0)
    }

    /// Takes pictures and files within the result of a tool.
    pub(super) fn takes_media_in_results(self) -> bool {
        self.version >= (3, 0)
    }

    /// Fetches a file from anywhere, not only from Google.
    pub(super) fn fetches_urls(self) -> bool {
        self.version >= (2, 5)
    }

    pub(super) fn thinks(self) -> Thinks {
        match self.version {
            version if version < (2, 5) => Thinks::Never,
            (2, _) if self.pro => Thinks::ByBudget { least: 128, most: 32_768 },
            (2, _) => Thinks::ByBudget { least: 0, most: 24_576 },
            version => Thinks::ByLevel {
                minimal: !self.pro && version < (3, 7),
                // The first Pro of the third generation knows two words only.
                medium: !(self.pro && version == (3, 0)),
            },
        }
    }
}

/// A version number, `2.5` or `3`; a date is none.
fn version(word: &str) -> Option<(u32, u32)> {
    let number = |word: &str| word.parse().ok().filter(|_| word.len() <= 2);
    match word.split_once('.') {
        Some((major, minor)) => Some((number(major)?, number(minor)?)),
        None => Some((number(word)?, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_spelling_of_a_name() {
        let newest = (u32::MAX, 0);
        for (name, version, pro) in [
            ("gemini-2.5-flash", (2, 5), false),
            ("gemini-2.5-pro-preview-06-05", (2, 5), true),
            ("models/gemini-3-pro-preview", (3, 0), true),
            ("google/gemini-3.1-flash-lite", (3, 1), false),
            ("gemini-robotics-er-1.5-preview", (1, 5), false),
            ("gemini-flash-latest", newest, false),
            ("gemma-3-27b-it", (0, 0), false),
            ("our-own", newest, false),
            ("", newest, false),
        ] {
            assert_eq!(Model::of(name), Model { version, pro }, "{name}");
        }
    }
}
