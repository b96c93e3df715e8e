//! The file that keeps the result, between two markers.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// A file that has a place for the result; found out before the minutes of measuring.
pub(crate) struct Results {
    path: PathBuf,
    before: String,
    after: String,
}

impl Results {
    /// Reads the file.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (before, after) = around(&text)
            .with_context(|| format!("{} has no `{BEGIN}` with `{END}` after it: add both lines", path.display()))?;
        Ok(Self { before: before.to_owned(), after: after.to_owned(), path })
    }

    /// Puts a result in the place of the one before.
    pub(crate) fn write(&self, result: &str) -> anyhow::Result<()> {
        let Self { path, before, after } = self;
        fs::write(path, format!("{before}{BEGIN}\n\n{result}\n{END}{after}"))
            .with_context(|| format!("writing {}", path.display()))
    }
}

fn around(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    Some((before, rest.split_once(END)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let text = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(around(&text), Some(("above\n", "\nbelow\n")));
        assert_eq!(around(&format!("{END} {BEGIN}")), None);
    }
}
