//! From YAML to a [`Tree`], with `${VAR}` filled in. Where there are mistakes it notes them and goes
//! on, so that the rest can still be read. Files are bounded in nodes and depth.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use super::{Node, Place, Scalar, Step, Tree, Value};
use crate::interpolate;
use crate::mask;
use crate::sources::Sources;

/// More nodes than any honest file has.
const NODES_MAX: usize = 200_000;
/// Deeper than any honest file, shallower than a stack.
const DEPTH_MAX: usize = 64;

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

/// Reads a text. The slips come in the order in which they were met.
pub(crate) fn grow(text: &str, sources: &dyn Sources) -> (Tree, Vec<Slip>) {
    let mut builder = Builder::new(sources);
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(pair) => pair,
            Err(error) => {
                let byte = error.marker().byte_offset().unwrap_or(text.len());
                builder.slip(At::Byte(byte), format!("this is not YAML: {}", error.info()), "");
                return builder.finish(false);
            }
        };
        if !builder.take(event, span.byte_range().unwrap_or(0..0)) {
            return builder.finish(false);
        }
    }
    builder.finish(true)
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
                let what = format!("`{}` is given twice", mask::shown(text));
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
