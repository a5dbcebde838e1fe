//! The two hashes of `FIELD=value`: Bob Jenkins' lookup3 (`hashlittle2`, public domain), and SipHash-2-4 keyed by the file's id.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

/// By the key of a file.
pub(crate) fn keyed(data: &[u8], file_id: &[u8; 16]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(file_id);
    hasher.write(data);
    hasher.finish()
}

/// `hashlittle2` with both seeds 0: its first result is the high half.
pub(crate) fn jenkins(data: &[u8]) -> u64 {
    // The seed is 0xdeadbeef plus the length, of which lookup3 has 32 bits.
    let seed = 0xdead_beef_u32.wrapping_add(u32::try_from(data.len() & 0xffff_ffff).unwrap_or(0));
    let mut state = [seed; 3];
    let mut rest = data;
    while rest.len() > 12 {
        add(&mut state, &rest[..12]);
        mix(&mut state);
        rest = &rest[12..];
    }
    if !rest.is_empty() {
        let mut last = [0; 12];
        last[..rest.len()].copy_from_slice(rest);
        add(&mut state, &last);
        finish(&mut state);
    }
    let [_, b, c] = state;
    (u64::from(c) << 32) | u64::from(b)
}

fn add(state: &mut [u32; 3], bytes: &[u8]) {
    let (words, _) = bytes.as_chunks::<4>();
    for (part, word) in state.iter_mut().zip(words) {
        *part = part.wrapping_add(u32::from_le_bytes(*word));
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, by: u32| *x = x.wrapping_sub(y) ^ y.rotate_left(by);
    for [first, second, third] in [[4, 6, 8], [16, 19, 4]] {
        step(a, *c, first);
        *c = c.wrapping_add(*b);
        step(b, *a, second);
        *a = a.wrapping_add(*c);
        step(c, *b, third);
        *b = b.wrapping_add(*a);
    }
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: u32, by: u32| *x = (*x ^ y).wrapping_sub(y.rotate_left(by));
    step(c, *b, 14);
    step(a, *c, 11);
    step(b, *a, 25);
    step(c, *b, 16);
    step(a, *c, 4);
    step(b, *a, 14);
    step(c, *b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the comments of lookup3.c, and of systemd's test-hash-funcs for the 64 bits of both results.
    #[test]
    fn lookup3_gives_what_its_author_says() {
        assert_eq!(jenkins(b""), 0xdead_beef_dead_beef);
        assert_eq!(
            jenkins(b"Four score and seven years ago"),
            0x1777_0551_ce72_26e6
        );
    }
}
