//! One file while it is read and checked: its text, its tree, and the mistakes noted so far.
//!
//! It knows how a mistake is shown, and not what is right or wrong in a configuration.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::fault::Kind;
use crate::located::Located;
use crate::mask;
use crate::problem::{Problem, choose_from};
use crate::read::read;
use crate::sources::Sources;
use crate::tree::{At, Place, Tree, grow};

/// More mistakes than anyone reads at once; what comes after them is not kept.
const NOTES_MAX: usize = 200;
/// A line is shown at most this wide.
const WIDTH_MAX: usize = 120;

/// A file, and what is wrong with it.
pub(crate) struct Document {
    name: String,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
    tree: Tree,
    notes: Vec<Note>,
    hidden: Vec<Range<usize>>,
}

struct Note {
    bytes: Range<usize>,
    path: String,
    what: String,
    remedy: String,
}

impl Document {
    /// Reads the YAML of a text.
    pub(crate) fn open(name: &str, text: &str, sources: &dyn Sources) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let (tree, slips) = grow(text, sources);
        let mut document =
            Self { name: name.to_owned(), text: text.to_owned(), lines, tree, notes: Vec::new(), hidden: Vec::new() };
        document.hide_secrets();
        for slip in slips {
            match slip.at {
                At::Node(place) => document.note(place, slip.what, slip.remedy),
                At::Byte(at) => {
                    let remedy = document.quotes_needed(at).unwrap_or(slip.remedy);
                    document.push(at..at, String::new(), slip.what, remedy);
                }
            }
        }
        document
    }

    /// The file as a struct; `None` when there is not enough left to make one.
    pub(crate) fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        if !self.tree.whole {
            return None;
        }
        let mut faults = Vec::new();
        let value = read(&mut self.tree, |_, place, kind| faults.push((place, kind)));
        for (place, kind) in faults {
            self.hide_what_may_be_secret(place, &kind);
            let (what, remedy) = self.in_words(place, kind);
            self.note(place, what, remedy);
        }
        value
    }

    /// Notes a mistake at a place.
    pub(crate) fn note(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        let (bytes, path) = (self.tree.spot(place), self.tree.path(place));
        self.push(bytes, path, what.into(), remedy.into());
    }

    /// Notes that something is not there, unless it may have been in a part that was wrong.
    pub(crate) fn miss(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        if !self.tree.is_damaged(place) {
            self.note(place, what, remedy);
        }
    }

    /// Where a text stands as a value for the last time; the root, if nowhere.
    pub(crate) fn last_scalar(&self, text: &str) -> Place {
        self.tree.last_scalar(text).unwrap_or(Place::ROOT)
    }

    /// Whether a mistake has been noted within this map or list.
    pub(crate) fn is_damaged(&self, place: Place) -> bool {
        self.tree.is_damaged(place)
    }

    /// Whether anything is wrong.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.notes.is_empty()
    }

    /// A value for use in a sentence: what came from a variable stays a variable.
    pub(crate) fn shown(&self, text: &Located<String>) -> String {
        match self.tree.scalar(text.place) {
            Some(scalar) if scalar.filled => mask::shown(self.text[self.tree.bytes(text.place)].trim_matches('"')),
            _ => mask::shown(text),
        }
    }

    /// The file as a tree.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The line of a place, from 1.
    pub(crate) fn line(&self, place: Place) -> usize {
        self.line_and_column(self.tree.spot(place).start).0
    }

    /// `file:line:column` of a place.
    pub(crate) fn at(&self, place: Place) -> String {
        let (line, column) = self.line_and_column(self.tree.spot(place).start);
        format!("{}:{line}:{column}", self.name)
    }

    /// The mistakes, in the order of the lines.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        let mut notes = std::mem::take(&mut self.notes);
        notes.sort_by_key(|note| note.bytes.start);
        notes.into_iter().map(|note| self.problem(note)).collect()
    }

    fn push(&mut self, bytes: Range<usize>, path: String, what: String, remedy: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(Note { bytes, path, what, remedy });
        }
    }

    fn hide_secrets(&mut self) {
        for (key, value) in self.tree.entries() {
            let is_secret = self.tree.scalar(key).is_some_and(|name| mask::is_secret(&name.text));
            let bytes = self.tree.bytes(value);
            if is_secret && !self.text.get(bytes.clone()).is_some_and(mask::is_reference) {
                self.hidden.push(bytes);
            }
        }
    }

    /// The usual reason why a line with a variable is no YAML.
    fn quotes_needed(&self, at: usize) -> Option<String> {
        let line = self.text[..at].rsplit('\n').next()?;
        let remedy = "within `{ }` and `[ ]`, put a variable in double quotes: `\"${NAME}\"`";
        line.trim_end_matches('{').ends_with('$').then(|| remedy.to_owned())
    }

    /// What stands under a misspelt name, or where something else should be, may be a secret.
    fn hide_what_may_be_secret(&mut self, place: Place, kind: &Kind) {
        let suspect = match kind {
            Kind::Unknown { .. } => self.tree.value_of(place),
            Kind::Type { .. } | Kind::Word { .. } | Kind::Other(_) => self.tree.scalar(place).map(|_| place),
            Kind::Missing(_) => None,
        };
        let Some(bytes) = suspect.map(|value| self.tree.bytes(value)) else { return };
        let text = self.text.get(bytes.clone()).unwrap_or_default();
        if text.len() > mask::SHOWN_MAX && !mask::is_reference(text) {
            self.hidden.push(bytes);
        }
    }

    fn in_words(&self, place: Place, kind: Kind) -> (String, String) {
        let filled = self.tree.scalar(place).is_some_and(|scalar| scalar.filled);
        match kind {
            Kind::Unknown { name, known } => (
                format!("there is no member `{}` here", mask::shown(&name)),
                choose_from(&name, known.iter().copied(), "the members here are"),
            ),
            Kind::Word { word, known } => (
                match filled || word.len() > mask::SHOWN_MAX {
                    true => "this is none of the words that may stand here".to_owned(),
                    false => format!("`{}` is none of the words that may stand here", mask::shown(&word)),
                },
                choose_from(&word, known.iter().copied(), "write one of"),
            ),
            Kind::Type { expected, found: "nothing" } => {
                ("here stands nothing".into(), format!("write {expected}, or remove the member"))
            }
            Kind::Type { expected, found } => (format!("here stands {found}"), format!("write {expected}")),
            Kind::Missing(name) => (format!("`{name}` is missing"), format!("add `{name}: …`")),
            Kind::Other(words) => (self.without_value(place, words), String::new()),
        }
    }

    /// The words of a type may repeat the value; what came from a variable stays a variable.
    fn without_value(&self, place: Place, words: String) -> String {
        match self.tree.scalar(place) {
            Some(scalar) if scalar.filled && !scalar.text.is_empty() => {
                words.replace(&scalar.text, self.text[self.tree.bytes(place)].trim_matches('"'))
            }
            _ => words,
        }
    }

    fn problem(&self, note: Note) -> Problem {
        let Note { bytes, path, what, remedy } = note;
        let (line, column) = self.line_and_column(bytes.start);
        Problem { file: self.name.clone(), line, column, path, what, remedy, snippet: self.snippet(line, bytes) }
    }

    /// Both from 1; the column counts characters.
    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte).max(1);
        let before = self.text.get(self.lines[line - 1]..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// The line, and a caret under the spot.
    fn snippet(&self, line: usize, spot: Range<usize>) -> String {
        let start = self.lines[line - 1];
        let text = self.text[start..].lines().next().unwrap_or_default();
        let within = |byte: usize| text.floor_char_boundary(byte.saturating_sub(start).min(text.len()));
        let hidden: Vec<_> = self.hidden.iter().map(|range| within(range.start)..within(range.end)).collect();
        let masked: Vec<char> = mask::mask(text, &hidden).chars().collect();
        let (from, to) = (within(spot.start), within(spot.end));
        let column = text[..from].chars().count();
        let length = text[from..to.max(from)].trim_end().chars().count().max(1);
        // A long line is shown from a little before the spot.
        let first = if masked.len() > WIDTH_MAX { column.saturating_sub(WIDTH_MAX / 3) } else { 0 };
        let shown: String = masked.iter().skip(first).take(WIDTH_MAX).collect();
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(column - first);
        let caret = "^".repeat(length.min(WIDTH_MAX));
        format!("{margin} |\n{number} | {}\n{margin} | {indent}{caret}\n", shown.trim_end())
    }
}
