//! How deep JSON text nests, found without recursion. It knows strings and brackets, nothing else.

use memchr::memchr2_iter;

use crate::scan::past_string;

/// Where `json`, known to be valid, goes deeper than `max` levels.
///
/// Ordinary bodies have fewer brackets than that in all, which is seen at memchr's speed.
pub(crate) fn past(json: &[u8], max: usize) -> Option<usize> {
    memchr2_iter(b'[', b'{', json).nth(max)?;
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                at = past_string(json, at + 1);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::past;

    #[test]
    fn the_first_bracket_past_the_limit_is_found() {
        assert_eq!(past(b"[[[]]]", 3), None);
        assert_eq!(past(b"[[[]]]", 2), Some(2));
        assert_eq!(past(b"[[],[],[],{}]", 2), None);
        assert_eq!(past(b"{\"a\":{\"b\":[]}}", 2), Some(10));
    }

    #[test]
    fn brackets_in_strings_do_not_nest() {
        assert_eq!(past(br#"["[[[[[","\"[[[[\\","{{{{"]"#, 1), None);
        assert_eq!(past(br#"["\\",[]]"#, 1), Some(6));
    }
}
