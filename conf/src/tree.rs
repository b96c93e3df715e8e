//! A YAML file as a tree in which every node knows where it stands.
//!
//! It knows no configuration: only YAML, with `${VAR}` filled in. Where it finds mistakes it notes
//! them and goes on, so that the rest can still be read. Files are bounded in nodes and depth.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::interpolate;
use crate::sources::Sources;

/// More nodes than any honest file has.
const NODES_MAX: usize = 200_000;
/// Deeper than any honest file, shallower than a stack.
const DEPTH_MAX: usize = 64;

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

/// A mistake in the YAML itself.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) at: At,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

/// Where a slip is.
#[derive(Debug)]
pub(crate) enum At {
    Node(Place),
    /// A byte of the text, where there is no node.
    Byte(usize),
}

impl Scalar {
    /// Whether it says that there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && !self.filled && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Tree {
    /// Reads a text. The slips come in the order in which they were met.
    pub(crate) fn grow(text: &str, sources: &dyn Sources) -> (Self, Vec<Slip>) {
        let mut builder = Builder::new(sources);
        let mut whole = true;
        for event in Parser::new_from_str(text) {
            let (event, span) = match event {
                Ok(pair) => pair,
                Err(error) => {
                    let byte = error.marker().byte_offset().unwrap_or(text.len());
                    builder.slip(At::Byte(byte), format!("this is not YAML: {}", error.info()), "");
                    whole = false;
                    break;
                }
            };
            let bytes = span.byte_range().unwrap_or(0..0);
            whole = builder.take(event, bytes);
            if !whole {
                break;
            }
        }
        builder.finish(whole)
    }

    pub(crate) fn value(&self, place: Place) -> &Value {
        &self.nodes[place.0].value
    }

    pub(crate) fn scalar(&self, place: Place) -> Option<&Scalar> {
        match self.value(place) {
            Value::Scalar(scalar) => Some(scalar),
            Value::List(_) | Value::Map(_) => None,
        }
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
        if let Some((parent, _)) = self.nodes[place.0].parent {
            self.nodes[parent.0].damaged = true;
        }
    }

    /// The value that belongs to a key.
    pub(crate) fn value_of(&self, key: Place) -> Option<Place> {
        let (parent, _) = self.nodes[key.0].parent?;
        let Value::Map(entries) = self.value(parent) else { return None };
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

/// A collection that is still open.
struct Frame {
    place: Place,
    /// Known to aliases only once it is closed: an alias within would be a circle.
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List { items: Vec<Place> },
    Map { entries: Vec<(Place, Place)>, key: Option<Place> },
}

struct Builder<'a> {
    sources: &'a dyn Sources,
    nodes: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, Place>,
    /// Whether the document's own node is complete.
    done: bool,
    slips: Vec<Slip>,
    /// Entries that merging brought in count like nodes.
    merged: usize,
}

impl<'a> Builder<'a> {
    fn new(sources: &'a dyn Sources) -> Self {
        let (nodes, open, slips) = (Vec::new(), Vec::new(), Vec::new());
        Self { sources, nodes, open, anchors: HashMap::new(), done: false, slips, merged: 0 }
    }

    /// Takes one event; false when there is no sense in going on.
    fn take(&mut self, event: Event<'_>, bytes: Range<usize>) -> bool {
        let start = bytes.start;
        match event {
            Event::DocumentStart(..) if self.done => {
                self.slip(
                    At::Byte(start),
                    "a second document begins here",
                    "write one document in a file: remove the `---`",
                );
                return false;
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), bytes),
            Event::SequenceStart(_, anchor, tag) => {
                self.open(anchor, tag.as_deref(), bytes, Inside::List { items: Vec::new() });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(anchor, tag.as_deref(), bytes, Inside::Map { entries: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(bytes.end),
            Event::Alias(id) => match self.anchors.get(&id).copied() {
                Some(place) => self.attach(place),
                None => {
                    self.slip(At::Byte(start), "this alias stands within its own anchor", "write the value out");
                    return false;
                }
            },
            _ => {}
        }
        if self.nodes.len() + self.merged > NODES_MAX || self.open.len() > DEPTH_MAX {
            let what =
                format!("the file is too large: more than {NODES_MAX} values, or nested more than {DEPTH_MAX} deep");
            self.slip(At::Byte(start), what, "");
            return false;
        }
        true
    }

    fn node(&mut self, value: Value, bytes: Range<usize>) -> Place {
        self.nodes.push(Node { value, bytes, parent: None, height: 0, cut: false, damaged: false });
        Place(self.nodes.len() - 1)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, bytes: Range<usize>) {
        let plain = style == ScalarStyle::Plain;
        // As in a shell, single quotes keep everything as it stands. Keys are never filled in.
        let is_key = matches!(self.open.last(), Some(Frame { inside: Inside::Map { key: None, .. }, .. }));
        let filled = match style {
            ScalarStyle::Plain | ScalarStyle::DoubleQuoted if !is_key => interpolate::fill(text, self.sources),
            _ => Ok(None),
        };
        let (text, filled, slip) = match filled {
            Ok(None) => (text.to_owned(), false, None),
            Ok(Some(value)) => (value, true, None),
            Err(unfilled) => (String::new(), true, Some(unfilled)),
        };
        let place = self.node(Value::Scalar(Scalar { text, plain, filled }), bytes);
        if let Some(unfilled) = slip {
            self.nodes[place.0].cut = true;
            self.slip(At::Node(place), unfilled.what, &unfilled.remedy);
        }
        self.refuse(tag, place);
        self.settle(place, anchor);
    }

    /// A scalar, or a closed collection, takes its place in what is open.
    fn settle(&mut self, place: Place, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, place);
        }
        self.attach(place);
    }

    fn refuse(&mut self, tag: Option<&Tag>, place: Place) {
        if tag.is_some() {
            self.slip(At::Node(place), "tags such as `!name` mean nothing here", "remove the tag");
        }
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, bytes: Range<usize>, inside: Inside) {
        let place = self.node(Value::List(Vec::new()), bytes);
        self.refuse(tag, place);
        self.open.push(Frame { place, anchor, inside });
    }

    fn close(&mut self, end: usize) {
        let Some(Frame { place, anchor, inside }) = self.open.pop() else { return };
        let value = match inside {
            Inside::List { items } => {
                for (index, item) in items.iter().enumerate() {
                    self.adopt(place, *item, Step::Item(index));
                }
                Value::List(items)
            }
            Inside::Map { entries, .. } => Value::Map(self.entries(place, entries)),
        };
        let height = self.height_of(&value);
        let node = &mut self.nodes[place.0];
        node.value = value;
        node.height = height;
        node.bytes.end = node.bytes.end.max(end);
        if height > DEPTH_MAX {
            node.cut = true;
            self.slip(At::Node(place), format!("aliases nest more than {DEPTH_MAX} deep"), "write the values out");
        }
        self.settle(place, anchor);
    }

    fn height_of(&self, value: &Value) -> usize {
        let height = |place: &Place| self.nodes[place.0].height;
        1 + match value {
            Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(height).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|(_, value)| height(value)).max().unwrap_or(0),
        }
    }

    /// Makes `parent` the parent of a node that has none; an aliased node stays where it was defined.
    fn adopt(&mut self, parent: Place, child: Place, step: Step) {
        let node = &mut self.nodes[child.0];
        if node.parent.is_none() {
            node.parent = Some((parent, step));
        }
        self.nodes[parent.0].damaged |= self.nodes[child.0].cut;
    }

    fn attach(&mut self, place: Place) {
        match self.open.last_mut() {
            Some(Frame { inside: Inside::List { items }, .. }) => items.push(place),
            Some(Frame { inside: Inside::Map { entries, key }, .. }) => match key.take() {
                None => *key = Some(place),
                Some(key) => entries.push((key, place)),
            },
            None => self.done = true,
        }
    }

    /// Checks keys, and brings in what `<<` names, where the map itself does not say otherwise.
    fn entries(&mut self, map: Place, entries: Vec<(Place, Place)>) -> Vec<(Place, Place)> {
        let mut names = HashSet::new();
        let (mut kept, mut merges) = (Vec::with_capacity(entries.len()), Vec::new());
        for (key, value) in entries {
            self.adopt(map, key, Step::Entry(key));
            self.adopt(map, value, Step::Entry(key));
            let Value::Scalar(Scalar { text, plain, .. }) = &self.nodes[key.0].value else {
                self.slip(At::Node(key), "the name of a member is plain text", "write a name before the colon");
                self.nodes[map.0].damaged = true;
                continue;
            };
            if *plain && text == "<<" {
                merges.push((key, value));
            } else if names.insert(text.clone()) {
                kept.push((key, value));
            } else {
                let what = format!("`{}` is given twice", crate::mask::shown(text));
                self.slip(At::Node(key), what, "keep one of the two");
            }
        }
        for (key, value) in merges {
            self.merge(key, value, &mut names, &mut kept);
        }
        kept
    }

    fn merge(&mut self, key: Place, from: Place, names: &mut HashSet<String>, kept: &mut Vec<(Place, Place)>) {
        let maps = match &self.nodes[from.0].value {
            Value::List(items) => items.clone(),
            _ => vec![from],
        };
        for map in maps {
            let Value::Map(entries) = &self.nodes[map.0].value else {
                self.slip(At::Node(key), "`<<` takes a map, or a list of maps", "name an anchored map: `<<: *name`");
                return;
            };
            for (key, value) in entries {
                let Value::Scalar(Scalar { text, .. }) = &self.nodes[key.0].value else { continue };
                if self.merged <= NODES_MAX && names.insert(text.clone()) {
                    self.merged += 1;
                    kept.push((*key, *value));
                }
            }
        }
    }

    fn slip(&mut self, at: At, what: impl Into<String>, remedy: &str) {
        self.slips.push(Slip { at, what: what.into(), remedy: remedy.into() });
    }

    fn finish(mut self, whole: bool) -> (Tree, Vec<Slip>) {
        if self.nodes.is_empty() {
            self.node(Value::Map(Vec::new()), 0..0);
        }
        (Tree { nodes: self.nodes, whole }, self.slips)
    }
}
