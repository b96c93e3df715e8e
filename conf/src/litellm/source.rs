//! LiteLLM's file, member by member: what is taken is marked, so that the rest is known at the end.
//!
//! It does not know what a member means.

use std::cell::RefCell;
use std::collections::HashSet;

use super::{Left, remedies};
use crate::document::Document;
use crate::tree::{Place, Value};

/// How LiteLLM refers to an environment variable.
const ENVIRONMENT: &str = "os.environ/";

/// The file, and what has been taken of it.
pub(super) struct Lite<'a> {
    document: &'a Document,
    taken: RefCell<HashSet<Place>>,
    notes: RefCell<Vec<(Place, String)>>,
}

/// A value of the file.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    lite: &'a Lite<'a>,
    place: Place,
}

impl<'a> Lite<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, taken: RefCell::default(), notes: RefCell::default() }
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { lite: self, place: Place::ROOT }
    }

    /// What nobody has taken, and what was noted, in the order of the lines.
    pub(super) fn left(&self, file: &str) -> Vec<Left> {
        let mut notes = self.notes.borrow().clone();
        self.root().untaken(&mut notes);
        notes.sort_by_key(|(place, _)| self.document.tree().spot(*place).start);
        notes.dedup();
        let left = |(place, remedy)| {
            let path = self.document.tree().path(place);
            let path = if path.is_empty() { "the whole file".to_owned() } else { path };
            Left { file: file.to_owned(), line: self.document.line(place), path, remedy }
        };
        notes.into_iter().map(left).collect()
    }
}

impl<'a> Node<'a> {
    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn value(self) -> &'a Value {
        self.lite.document.tree().value(self.place)
    }

    /// The members of a map, by name.
    pub(super) fn entries(self) -> Vec<(&'a str, Self)> {
        let Value::Map(entries) = self.value() else { return Vec::new() };
        let tree = self.lite.document.tree();
        entries.iter().filter_map(|(key, value)| Some((&*tree.scalar(*key)?.text, self.at(*value)))).collect()
    }

    /// A member of a map.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        self.entries().into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The items of a list.
    pub(super) fn items(self) -> Vec<Self> {
        match self.value() {
            Value::List(items) => items.iter().map(|item| self.at(*item)).collect(),
            Value::Scalar(_) | Value::Map(_) => Vec::new(),
        }
    }

    /// A text as our file would have it: `os.environ/NAME` is `${NAME}`.
    pub(super) fn text(self) -> Option<String> {
        let Value::Scalar(scalar) = self.value() else { return None };
        if scalar.is_null() {
            return None;
        }
        Some(match scalar.text.strip_prefix(ENVIRONMENT) {
            Some(name) => format!("${{{name}}}"),
            None if scalar.filled => scalar.text.clone(),
            None => scalar.text.replace("${", "$${"),
        })
    }

    /// Takes a member that is a text.
    pub(super) fn take(self, name: &str) -> Option<String> {
        let member = self.member(name)?;
        let text = member.text()?;
        member.taken();
        Some(text)
    }

    /// Takes a member of which something can be made.
    pub(super) fn take_as<T>(self, name: &str, make: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let member = self.member(name)?;
        let made = make(&member.text()?)?;
        member.taken();
        Some(made)
    }

    /// Marks it, with all that is in it.
    pub(super) fn taken(self) {
        self.lite.taken.borrow_mut().insert(self.place);
    }

    /// Marks it, and says why it is not turned.
    pub(super) fn refuse(self, remedy: impl Into<String>) {
        self.taken();
        self.note(remedy);
    }

    /// Says something about it.
    pub(super) fn note(self, remedy: impl Into<String>) {
        self.lite.notes.borrow_mut().push((self.place, remedy.into()));
    }

    /// Notes what nobody has taken: a map or a list as a whole where nothing of it was.
    fn untaken(self, notes: &mut Vec<(Place, String)>) {
        if self.lite.taken.borrow().contains(&self.place) {
            return;
        }
        match self.value() {
            Value::Scalar(scalar) if scalar.is_null() => {}
            Value::Map(_) | Value::List(_) if self.is_section() || self.is_touched() => {
                self.children().into_iter().for_each(|child| child.untaken(notes));
            }
            Value::List(items) if items.is_empty() => {}
            Value::Map(entries) if entries.is_empty() => {}
            Value::Scalar(_) | Value::Map(_) | Value::List(_) => {
                let path = self.lite.document.tree().path(self.place);
                notes.push((self.place, remedies::of(&path).to_owned()));
            }
        }
    }

    /// Whether something in it has been taken.
    fn is_touched(self) -> bool {
        self.children().into_iter().any(|c| self.lite.taken.borrow().contains(&c.place) || c.is_touched())
    }

    /// Whether it is the file or one of its sections: their members are spoken of, whatever happened to them.
    fn is_section(self) -> bool {
        let parent = self.lite.document.tree().parent(self.place);
        matches!(self.value(), Value::Map(_)) && parent.is_none_or(|parent| parent == Place::ROOT)
    }

    fn children(self) -> Vec<Self> {
        match self.value() {
            Value::Scalar(_) => Vec::new(),
            Value::List(_) => self.items(),
            Value::Map(entries) => entries.iter().map(|(_, value)| self.at(*value)).collect(),
        }
    }
}
