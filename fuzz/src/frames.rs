//! Amazon's event stream: any cut gives the same frames, and they are what came.

use tollgate_translate::fuzzing;

use crate::cuts::cut;

/// The target. The first byte says whether the checksums are made right: no fuzzer guesses them.
pub fn frames(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else { return };
    let Some((chunks, stream)) = cut(rest) else { return };
    if how % 2 == 0 {
        return check(&[stream], &chunks);
    }
    let sealed = sealed(stream);
    let mut left = sealed.as_slice();
    let lengths = chunks.iter().map(|chunk| chunk.len());
    let chunks: Vec<_> = lengths.map(|length| left.split_off(..length).expect("as long as before")).collect();
    check(&[&sealed], &chunks);
}

fn check(whole: &[&[u8]], chunks: &[&[u8]]) {
    let (frames, sound) = fuzzing::frames(whole);
    assert!((&frames, sound) == (&fuzzing::frames(chunks).0, fuzzing::frames(chunks).1), "a cut changes the frames");
    let came: Vec<u8> = frames.iter().flat_map(|(raw, ..)| raw.iter().copied()).collect();
    assert!(whole[0].starts_with(&came), "bytes are lost or made up");
}

/// The stream with the checksums that its frames should have.
fn sealed(stream: &[u8]) -> Vec<u8> {
    let mut sealed = stream.to_vec();
    let mut at = 0;
    while let Some(length) = length(&sealed[at..]) {
        let frame = &mut sealed[at..at + length];
        let prelude = crc32fast::hash(&frame[..8]).to_be_bytes();
        frame[8..12].copy_from_slice(&prelude);
        let message = crc32fast::hash(&frame[..length - 4]).to_be_bytes();
        frame[length - 4..].copy_from_slice(&message);
        at += length;
    }
    sealed
}

/// How long the frame says that it is, where that can be.
fn length(frame: &[u8]) -> Option<usize> {
    let length = usize::try_from(u32::from_be_bytes(*frame.first_chunk()?)).ok()?;
    (16..=frame.len()).contains(&length).then_some(length)
}
