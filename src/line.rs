//! One line of the request log: flat JSON, written straight into its buffer.
//!
//! Values of ours are written as they are; anything a client chose goes through a JSON writer.

use std::time::{Duration, SystemTime};

/// A client's string is cut after this many bytes.
const FOREIGN_BYTES_MAX: usize = 128;

/// A line under construction.
pub(crate) struct Line {
    text: Vec<u8>,
}

impl Line {
    /// Begins with the time and the fixed sentence.
    pub(crate) fn begin() -> Self {
        let mut line = Self { text: Vec::with_capacity(640) };
        line.text.extend_from_slice(b"{\"time\":\"");
        line.text.extend_from_slice(humantime::format_rfc3339_millis(SystemTime::now()).to_string().as_bytes());
        line.text.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"request\"");
        line
    }

    fn name(&mut self, name: &str) {
        self.text.extend_from_slice(b",\"");
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    /// A value from configuration or from a closed set.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        let plain = !value.bytes().fold(false, |special, b| special | (b < b' ') | (b == b'"') | (b == b'\\'));
        if plain {
            self.text.push(b'"');
            self.text.extend_from_slice(value.as_bytes());
            self.text.push(b'"');
        } else {
            serde_json::to_writer(&mut self.text, value).expect("a string is written to memory");
        }
        self
    }

    /// A value that a client chose: cut, and escaped.
    pub(crate) fn foreign(&mut self, name: &str, value: &str) -> &mut Self {
        self.text(name, &value[..value.floor_char_boundary(FOREIGN_BYTES_MAX)])
    }

    /// A count.
    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name);
        self.text.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// A duration in milliseconds with three decimals.
    pub(crate) fn micros(&mut self, name: &str, value: Duration) -> &mut Self {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        self.number(name, micros / 1000);
        let part = micros % 1000;
        self.text.push(b'.');
        self.text.extend([part / 100, part / 10 % 10, part % 10].map(|d| b'0' + u8::try_from(d).unwrap_or(0)));
        self
    }

    /// Ends the line.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.text.extend_from_slice(b"}\n");
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_string_cannot_forge_a_second_line_or_member() {
        let mut line = Line::begin();
        line.foreign("model", "x\",\"status\":200}\n{\"a\":\"");
        let text = String::from_utf8(line.end()).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!(value["model"], "x\",\"status\":200}\n{\"a\":\"");
        assert!(value.get("status").is_none());
    }

    #[test]
    fn long_strings_are_cut_between_characters() {
        let mut line = Line::begin();
        line.foreign("model", &"é".repeat(100));
        let value: serde_json::Value = serde_json::from_slice(&line.end()).expect("one JSON object");
        assert_eq!(value["model"].as_str().map(str::len), Some(FOREIGN_BYTES_MAX));
    }

    #[test]
    fn durations_are_milliseconds_with_three_places() {
        let mut line = Line::begin();
        line.micros("t", Duration::from_micros(12_034));
        let text = String::from_utf8(line.end()).expect("UTF-8");
        assert!(text.ends_with(",\"t\":12.034}\n"), "{text}");
    }
}
