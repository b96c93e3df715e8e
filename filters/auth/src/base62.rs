//! Numbers as base62 text of a fixed length, most significant digit first. It reads none back.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The last `N` digits of a big-endian number, which is divided away to zero in place.
pub(crate) fn spend<const N: usize>(number: &mut [u8]) -> [u8; N] {
    let mut text = [0; N];
    for place in text.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in &mut *number {
            let part = rest << 8 | u16::from(*byte);
            // Both fit: `rest` is below 62, so `part / 62` is below 256.
            *byte = (part / 62) as u8;
            rest = part % 62;
        }
        *place = DIGITS[usize::from(rest)];
    }
    text
}

/// A 32-bit number as six digits, which hold any.
pub(crate) fn of_u32(mut number: u32) -> [u8; 6] {
    let mut text = [0; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_by_hand() {
        assert_eq!(&of_u32(0), b"000000");
        assert_eq!(&of_u32(61), b"00000z");
        assert_eq!(&of_u32(62), b"000010");
        // 4,294,967,295 = 4·62⁵ + 42·62⁴ + 41·62³ + 15·62² + 12·62 + 3
        assert_eq!(&of_u32(u32::MAX), b"4gfFC3");
    }

    #[test]
    fn long_and_short_division_agree() {
        for number in [0, 1, 61, 62, 0xDEAD_BEEF, u32::MAX] {
            assert_eq!(spend::<6>(&mut number.to_be_bytes()), of_u32(number));
        }
    }

    #[test]
    fn forty_three_digits_hold_256_bits_and_leave_nothing_behind() {
        let mut largest = [0xFF; 32];
        let text = spend::<43>(&mut largest);
        assert_eq!(largest, [0; 32]);
        assert_ne!(text[0], b'0');
    }
}
