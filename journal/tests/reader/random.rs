//! Whatever bytes there are: reading ends, without a panic, with bounded memory.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use journal::{JournalFile, Limits};
use proptest::prelude::*;
use support::image::Image;
use support::journal::every_kind;

use crate::common::{All, image, image_as, next, read, reader, resumed};

static REGULAR: LazyLock<Image> = LazyLock::new(|| {
    let environment = [
        ("SYSTEMD_JOURNAL_KEYED_HASH", "0"),
        ("SYSTEMD_JOURNAL_COMPACT", "0"),
    ];
    image_as(&environment, every_kind())
});
static COMPACT: LazyLock<Image> = LazyLock::new(|| image(every_kind()));

/// Where a patch goes: the header, an object's head, an item of an object that names others, or anywhere that is used.
#[derive(Clone, Debug)]
enum Place {
    Header(usize),
    Object(prop::sample::Index, usize),
    Item(prop::sample::Index, prop::sample::Index),
    Anywhere(prop::sample::Index),
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        (8..264_usize).prop_map(Place::Header),
        (any::<prop::sample::Index>(), 0..96_usize)
            .prop_map(|(object, at)| Place::Object(object, at)),
        (any::<prop::sample::Index>(), any::<prop::sample::Index>())
            .prop_map(|(object, item)| Place::Item(object, item)),
        any::<prop::sample::Index>().prop_map(Place::Anywhere),
    ]
}

/// What is written there: few bytes, a number that looks like an offset or a size, or where an object stands.
#[derive(Clone, Debug)]
enum Patch {
    Bytes(Vec<u8>),
    Offset(prop::sample::Index),
}

fn patch() -> impl Strategy<Value = Patch> {
    let number = prop_oneof![
        Just(0_u64),
        Just(u64::MAX),
        Just(u64::MAX - 7),
        Just(1 << 63),
        Just(8),
        0..9_000_000_u64,
        (0..1_200_000_u64).prop_map(|n| n * 8)
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..24).prop_map(Patch::Bytes),
        number.prop_map(|number| Patch::Bytes(number.to_le_bytes().to_vec())),
        (1..4000_usize).prop_map(|bytes| Patch::Bytes(vec![0; bytes])),
        any::<prop::sample::Index>().prop_map(Patch::Offset),
    ]
}

fn patched(image: &Image, patches: &[(Place, Patch)]) -> Image {
    let mut image = image.clone();
    let objects = image.objects();
    let naming: Vec<_> = objects
        .iter()
        .filter(|one| matches!(one.kind, 3 | 6))
        .collect();
    let used = objects.last().map_or(0, |one| one.at + one.size);
    let width = if image.is_compact() { 4 } else { 8 };
    for (place, patch) in patches {
        let at = match place {
            Place::Header(at) => *at,
            Place::Object(object, at) => object.get(&objects).at + at,
            Place::Item(object, item) => {
                let object = object.get(&naming);
                // The head of an entry is longer than that of an array.
                let items = object.at + if object.kind == 3 { 64 } else { 24 };
                items + item.index((object.at + object.size - items) / width) * width
            }
            Place::Anywhere(index) => index.index(used),
        };
        let bytes = match patch {
            Patch::Bytes(bytes) => bytes.clone(),
            Patch::Offset(object) => object.get(&objects).at.to_le_bytes()[..width].to_vec(),
        };
        let end = (at + bytes.len()).min(image.0.len());
        image.0[at..end].copy_from_slice(&bytes[..end - at]);
    }
    image.0.truncate(used.next_multiple_of(4096));
    image
}

fn read_all_ways(path: &Path) -> usize {
    let dir = path.parent().unwrap();
    let begin = Instant::now();
    let whole = read(dir);
    // The same with restarts on the way.
    let (mut all, mut current) = (All::default(), reader(dir, journal::Positions::default()));
    while (0..20).all(|_| next(&mut current, &mut all)) && begin.elapsed() < Duration::from_secs(20)
    {
        current = resumed(dir, &current);
    }
    assert_eq!(
        all.entries.len(),
        whole.entries.len(),
        "{:?} {:?}",
        all.notices,
        whole.notices
    );
    let mut pairs = all.entries.iter().zip(&whole.entries);
    let differing = pairs.find(|(one, other)| one != other);
    assert_eq!(differing, None, "with restarts, and without");
    let limits = Limits {
        field_bytes: 1 << 20,
        fields: 256,
    };
    if let Ok(file) = JournalFile::open(path, limits) {
        for entry in file.entries().flatten() {
            let _ = file.each_field(&entry, |_| {});
        }
    }
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "it takes {:?}",
        begin.elapsed()
    );
    whole.entries.len()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if crate::common::is_long() { 5000 } else { 120 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn patches_anywhere_never_panic_nor_hang(
        is_compact: bool,
        is_archived: bool,
        patches in prop::collection::vec((place(), patch()), 1..6),
    ) {
        let base = if is_compact { &*COMPACT } else { &*REGULAR };
        let mut image = patched(base, &patches);
        if is_archived {
            image = image.archived();
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("system.journal");
        image.save(&path).unwrap();
        let entries = read_all_ways(&path);
        prop_assert!(entries <= every_kind().len());
    }

    #[test]
    fn random_bytes_behind_a_header_never_panic_nor_hang(
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
        keeps in 0..264_usize,
    ) {
        let mut content = COMPACT.0[..keeps].to_vec();
        content.extend(bytes);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("system.journal~");
        std::fs::write(&path, content).unwrap();
        prop_assert_eq!(read_all_ways(&path), 0);
    }
}
