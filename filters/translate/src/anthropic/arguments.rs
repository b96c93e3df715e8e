//! The arguments of one streamed call: whether they are complete, and what of them can be shown.
//!
//! It parses nothing: brackets are counted, so that the next call may begin as soon as one ends.

use super::blocks::input;

/// The arguments so far.
#[derive(Debug, Default)]
pub(super) struct Arguments(State);

#[derive(Debug, Default)]
enum State {
    /// Nothing but white space.
    #[default]
    Blank,
    /// In the middle of the object.
    Object(Place),
    /// The object is closed.
    Complete,
    /// No object, which is all that Anthropic's clients take: kept until it can be put into one.
    Other(String),
}

/// Where in an object.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Arguments {
    /// Takes a piece, and returns what of it goes out now.
    pub(super) fn push<'p>(&mut self, piece: &'p str) -> &'p str {
        if matches!(self.0, State::Blank) {
            let first = piece.trim_start().chars().next();
            self.0 = match first {
                None => return "",
                Some('{') => State::Object(Place::default()),
                Some(_) => State::Other(String::new()),
            };
        }
        match &mut self.0 {
            State::Object(place) => match place.end(piece) {
                None => piece,
                Some(end) => {
                    self.0 = State::Complete;
                    &piece[..end]
                }
            },
            State::Other(kept) => {
                kept.push_str(piece);
                ""
            }
            State::Blank | State::Complete => "",
        }
    }

    /// Whether the object is closed.
    pub(super) fn are_complete(&self) -> bool {
        matches!(self.0, State::Complete)
    }

    /// How many bytes are kept.
    pub(super) fn kept(&self) -> usize {
        if let State::Other(kept) = &self.0 { kept.len() } else { 0 }
    }

    /// What is still to be shown once nothing more comes.
    pub(super) fn rest(self) -> Option<String> {
        if let State::Other(kept) = self.0 { Some(input(&kept).get().to_owned()) } else { None }
    }
}

impl Place {
    /// Goes through a piece; says where in it the object ends, if it does.
    fn end(&mut self, piece: &str) -> Option<usize> {
        for (at, byte) in piece.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if byte == b'}' && self.depth == 0 && !self.in_string {
                return Some(at + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_ends_with_its_last_bracket_wherever_it_is_cut() {
        let text = r#" {"a":"}\"\\","b":[{"c":"]"}],"d":"é{"} "#;
        let cuts = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
        for cut in cuts {
            let mut arguments = Arguments::default();
            let shown = [&text[..cut], &text[cut..]].map(|piece| arguments.push(piece));
            assert_eq!(shown.concat().trim(), text.trim(), "{cut}");
            assert!(arguments.are_complete(), "{cut}");
            assert_eq!((arguments.push("}"), arguments.rest()), ("", None));
        }
        let mut cut = Arguments::default();
        assert_eq!((cut.push(r#"{"a":[1]"#), cut.are_complete()), (r#"{"a":[1]"#, false));
    }

    #[test]
    fn what_is_no_object_is_kept_and_shown_as_one() {
        for (pieces, rest) in
            [(["nu", "ll"], Some("{}")), (["[1", "]"], Some(r#"{"unparsed_arguments":"[1]"}"#)), (["", " "], None)]
        {
            let mut arguments = Arguments::default();
            assert_eq!(pieces.map(|piece| arguments.push(piece)), ["", ""]);
            assert!(!arguments.are_complete());
            assert_eq!(arguments.rest().as_deref(), rest);
        }
    }
}
