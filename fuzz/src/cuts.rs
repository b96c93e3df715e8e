//! The chunks in which a stream comes, as the input says.

/// The stream, and where it is cut: a byte that counts the cuts, the lengths of the chunks, which
/// come round again, and the stream.
pub(crate) fn cut(input: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let (count, rest) = input.split_first()?;
    let (lengths, stream) = rest.split_at_checked(usize::from(count % 8))?;
    if lengths.iter().all(|length| *length == 0) {
        return Some((stream.chunks(1).collect(), stream));
    }
    let (mut chunks, mut left) = (Vec::new(), stream);
    for length in lengths.iter().cycle() {
        let (chunk, after) = left.split_at(usize::from(*length).min(left.len()));
        chunks.push(chunk);
        left = after;
        if left.is_empty() {
            break;
        }
    }
    Some((chunks, stream))
}
