//! A YAML file as a tree in which every node knows where it stands.
//!
//! It knows no configuration. Parts can be cut out, so that the rest can be read without them.

mod grow;

use std::ops::Range;

pub(crate) use grow::{At, grow};

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) usize);

impl Place {
    /// The outermost node: the first to be made, whatever it turns out to be.
    pub(crate) const ROOT: Self = Self(0);
}

/// The file.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Whether the text was understood to its end; otherwise the tree is not worth reading.
    pub(crate) whole: bool,
}

#[derive(Debug)]
struct Node {
    value: Value,
    bytes: Range<usize>,
    parent: Option<(Place, Step)>,
    height: usize,
    /// Left out of everything that is read: a mistake has been noted here.
    cut: bool,
    /// Something in it was cut: what seems to be missing may have been there.
    damaged: bool,
}

/// How to get from a parent to a node.
#[derive(Clone, Copy, Debug)]
enum Step {
    Item(usize),
    /// The key of the entry, for its value and for itself.
    Entry(Place),
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Place>),
    Map(Vec<(Place, Place)>),
}

/// Text, with what decides how it is read.
#[derive(Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes: may be a number, a truth value or nothing.
    pub(crate) plain: bool,
    /// Holds the value of a variable: not to be repeated.
    pub(crate) filled: bool,
}

impl Scalar {
    /// Whether it says that there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && !self.filled && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Tree {
    pub(crate) fn value(&self, place: Place) -> &Value {
        &self.nodes[place.0].value
    }

    pub(crate) fn scalar(&self, place: Place) -> Option<&Scalar> {
        match self.value(place) {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The last node that is this text.
    pub(crate) fn last_scalar(&self, text: &str) -> Option<Place> {
        let is_it = |node: &Node| matches!(&node.value, Value::Scalar(scalar) if scalar.text == text);
        self.nodes.iter().rposition(is_it).map(Place)
    }

    pub(crate) fn bytes(&self, place: Place) -> Range<usize> {
        self.nodes[place.0].bytes.clone()
    }

    /// The bytes to point at: a map or list under a name is shown by its name.
    pub(crate) fn spot(&self, place: Place) -> Range<usize> {
        match (self.value(place), self.nodes[place.0].parent) {
            (Value::List(_) | Value::Map(_), Some((_, Step::Entry(key)))) => self.bytes(key),
            (Value::List(_) | Value::Map(_), _) => self.bytes(place).start..self.bytes(place).start,
            (Value::Scalar(_), _) => self.bytes(place),
        }
    }

    pub(crate) fn is_cut(&self, place: Place) -> bool {
        self.nodes[place.0].cut
    }

    pub(crate) fn is_damaged(&self, place: Place) -> bool {
        self.nodes[place.0].damaged
    }

    /// Leaves a node out from now on.
    pub(crate) fn cut(&mut self, place: Place) {
        self.nodes[place.0].cut = true;
        if let Some(parent) = self.parent(place) {
            self.nodes[parent.0].damaged = true;
        }
    }

    /// The map or list that a node is in.
    pub(crate) fn parent(&self, place: Place) -> Option<Place> {
        self.nodes[place.0].parent.map(|(parent, _)| parent)
    }

    /// The value that belongs to a key.
    pub(crate) fn value_of(&self, key: Place) -> Option<Place> {
        let Value::Map(entries) = self.value(self.parent(key)?) else { return None };
        entries.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// Every entry of every map.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Place, Place)> + '_ {
        self.nodes
            .iter()
            .flat_map(|node| match &node.value {
                Value::Map(entries) => entries.as_slice(),
                Value::Scalar(_) | Value::List(_) => &[],
            })
            .copied()
    }

    /// The way from the root: `models.auto.candidates[1]`.
    pub(crate) fn path(&self, place: Place) -> String {
        let mut steps = Vec::new();
        let mut node = place;
        while let Some((parent, step)) = self.nodes[node.0].parent {
            steps.push(step);
            node = parent;
        }
        let mut path = String::new();
        for step in steps.iter().rev() {
            match step {
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::Entry(key) => {
                    let key = self.scalar(*key).map_or("", |scalar| &scalar.text);
                    let dot = if path.is_empty() { "" } else { "." };
                    path.push_str(dot);
                    path.push_str(&crate::mask::shown(key));
                }
            }
        }
        path
    }
}
