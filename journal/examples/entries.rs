//! Prints how many entries of a unit there are in a directory of journal files: `entries DIRECTORY UNIT`.

use std::path::Path;

use journal::{Filter, Limits, Places, Positions, Reader, Step, Wanted};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(unit)) = (arguments.next(), arguments.next()) else {
        return Err("entries DIRECTORY UNIT".into());
    };
    let mut filter = Filter::default();
    filter.add(0, &[format!("_SYSTEMD_UNIT={unit}")]);
    filter.add(0, &[format!("UNIT={unit}"), "_PID=1".to_owned()]);
    let mut reader = Reader::new(
        Places::directory(Path::new(&dir)),
        filter,
        Wanted::new(&["MESSAGE", "_PID", "PRIORITY", "_SYSTEMD_UNIT"]),
        Positions::default(),
        Limits::default(),
    );
    let (mut entries, mut bytes) = (0_u64, 0);
    loop {
        match reader.next()? {
            Step::Entry(_) => {
                entries += 1;
                bytes += reader.fields().get(0).map_or(0, <[u8]>::len);
            }
            Step::Notice(notice) => println!("{notice:?}"),
            Step::End => break,
        }
    }
    println!("{entries} entries, {bytes} bytes of messages");
    Ok(())
}
