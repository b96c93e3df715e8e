//! The names that something else may refer to.

use std::collections::BTreeSet;

use crate::file::Text;
use crate::problem::choose_from;

use super::Desk;

/// Longer names are refused: they go into headers and log lines.
const NAME_MAX: usize = 200;

/// What there is to refer to.
pub(super) struct Names {
    known: BTreeSet<String>,
    /// Whether a part that was wrong may have held more: then nobody is blamed for a name unknown.
    is_complete: bool,
}

impl Names {
    pub(super) fn of<'a>(known: impl IntoIterator<Item = &'a str>, is_complete: bool) -> Self {
        Self { known: known.into_iter().map(str::to_owned).collect(), is_complete }
    }

    /// Notes that a name is not among these. `list` introduces what there is, `add` says how to
    /// have the name where there is nothing yet.
    pub(super) fn expect(&self, name: &Text, kind: &str, list: &str, add: &str, desk: &mut Desk<'_>) {
        if self.is_complete && !self.known.contains(&name.value) {
            let what = format!("there is no {kind} `{}`", desk.shown(name));
            let remedy = if self.known.is_empty() { add.to_owned() } else { choose_from(name, self.iter(), list) };
            desk.note(name, what, remedy);
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.iter().map(String::as_str)
    }
}

/// Whether a name of the operator's choice can go into headers, paths and metrics; `slash` where
/// vendors put one into model names.
pub(super) fn check_name(name: &Text, kind: &str, slash: bool, desk: &mut Desk<'_>) {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-:@+".contains(c) || slash && c == '/';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        let what = format!("`{}` is no name for {kind}", desk.shown(name));
        let slash = if slash { " /" } else { "" };
        desk.note(name, what, format!("use up to {NAME_MAX} letters, digits and . _ - : @ +{slash}"));
    }
}
