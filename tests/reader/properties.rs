//! What holds for every journal, not only for those that somebody thought of.

use proptest::prelude::any;
use proptest::proptest;
use shipper::sources::journal::{Cursor, CursorCheckpoint};

proptest! {
    #[test]
    fn a_cursor_that_parses_is_written_the_same(text in "s=[0-9a-f]{32};i=[1-9a-f][0-9a-f]{0,15};b=[0-9a-f]{32};m=[1-9a-f][0-9a-f]{0,15};t=[1-9a-f][0-9a-f]{0,15};x=[1-9a-f][0-9a-f]{0,15}") {
        assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
    }

    #[test]
    fn text_that_is_no_cursor_is_refused(text in "\\PC{0,200}") {
        assert!(text.parse::<Cursor>().is_err());
    }

    #[test]
    fn a_checkpoint_is_read_as_written_and_damage_to_it_is_noticed_or_harmless(
        cursor in "\\PC{0,150}", realtime in any::<u64>(), complete_to in any::<u64>(), cut in any::<proptest::sample::Index>(),
    ) {
        let checkpoint = CursorCheckpoint { cursor, realtime, complete_to };
        let bytes = checkpoint.encode().unwrap();
        assert_eq!(CursorCheckpoint::decode(&bytes).unwrap(), checkpoint);
        assert!(CursorCheckpoint::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }
}

#[test]
fn a_checkpoint_that_claims_to_be_huge_is_refused_without_making_room_for_it() {
    let text_of_many_bytes = [1, 253, 0, 0, 0, 0, 0, 0, 0, 1];
    assert!(CursorCheckpoint::decode(&text_of_many_bytes).is_err());
}
