//! The functions of `libsystemd.so.0` that the shipper uses, loaded at run time, behind a safe type.
//!
//! Loading instead of linking keeps the binary free of a build dependency, and a host without the library
//! still reads through `journalctl`. This is the only file with `unsafe`.
#![expect(
    unsafe_code,
    reason = "calls a C library; every block says what makes it sound"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use libloading::{Library, Symbol};

use super::{Cursor, Error};

/// `sd_journal *`, never looked into.
type Raw = *mut c_void;

/// `SD_JOURNAL_LOCAL_ONLY`: no journals that other hosts sent here.
const LOCAL_ONLY: c_int = 1;
/// `SD_JOURNAL_INVALIDATE` of `sd_journal_process`.
const INVALIDATE: c_int = 2;
/// `EBADMSG`, by which libsystemd says that what it read is damaged.
const EBADMSG: i32 = 74;

/// Function pointers, valid as long as `_library`, which is never unloaded.
struct Functions {
    open: unsafe extern "C" fn(*mut Raw, c_int) -> c_int,
    open_directory: unsafe extern "C" fn(*mut Raw, *const c_char, c_int) -> c_int,
    close: unsafe extern "C" fn(Raw),
    set_data_threshold: unsafe extern "C" fn(Raw, usize) -> c_int,
    add_match: unsafe extern "C" fn(Raw, *const c_void, usize) -> c_int,
    add_disjunction: unsafe extern "C" fn(Raw) -> c_int,
    flush_matches: unsafe extern "C" fn(Raw),
    seek_tail: unsafe extern "C" fn(Raw) -> c_int,
    seek_realtime: unsafe extern "C" fn(Raw, u64) -> c_int,
    seek_cursor: unsafe extern "C" fn(Raw, *const c_char) -> c_int,
    test_cursor: unsafe extern "C" fn(Raw, *const c_char) -> c_int,
    get_cursor: unsafe extern "C" fn(Raw, *mut *mut c_char) -> c_int,
    next: unsafe extern "C" fn(Raw) -> c_int,
    previous: unsafe extern "C" fn(Raw) -> c_int,
    restart_data: unsafe extern "C" fn(Raw),
    enumerate_data: unsafe extern "C" fn(Raw, *mut *const c_void, *mut usize) -> c_int,
    get_usage: unsafe extern "C" fn(Raw, *mut u64) -> c_int,
    get_fd: unsafe extern "C" fn(Raw) -> c_int,
    reliable_fd: unsafe extern "C" fn(Raw) -> c_int,
    process: unsafe extern "C" fn(Raw) -> c_int,
    free: unsafe extern "C" fn(*mut c_void),
    _library: Library,
}

impl Functions {
    fn load() -> Result<&'static Self, libloading::Error> {
        static LOADED: OnceLock<Functions> = OnceLock::new();
        match LOADED.get() {
            Some(api) => Ok(api),
            None => {
                let api = Self::load_now()?;
                Ok(LOADED.get_or_init(|| api))
            }
        }
    }

    fn load_now() -> Result<Self, libloading::Error> {
        // SAFETY: libsystemd's constructors and destructors have no requirements.
        let library = unsafe { Library::new("libsystemd.so.0") }?;
        /// The function `name`, copied out of its [`Symbol`].
        ///
        /// # Safety
        /// `T` must be its type.
        unsafe fn get<T: Copy>(library: &Library, name: &CStr) -> Result<T, libloading::Error> {
            // SAFETY: promised by the caller.
            let symbol: Symbol<'_, T> = unsafe { library.get(name) }?;
            Ok(*symbol)
        }
        // SAFETY: the types are those of sd-journal.h and free(3). The pointers outlive no library: it is kept beside
        // them in a static. `free` is found through libsystemd's own dependency on libc, thus it fits its malloc.
        unsafe {
            Ok(Self {
                open: get(&library, c"sd_journal_open")?,
                open_directory: get(&library, c"sd_journal_open_directory")?,
                close: get(&library, c"sd_journal_close")?,
                set_data_threshold: get(&library, c"sd_journal_set_data_threshold")?,
                add_match: get(&library, c"sd_journal_add_match")?,
                add_disjunction: get(&library, c"sd_journal_add_disjunction")?,
                flush_matches: get(&library, c"sd_journal_flush_matches")?,
                seek_tail: get(&library, c"sd_journal_seek_tail")?,
                seek_realtime: get(&library, c"sd_journal_seek_realtime_usec")?,
                seek_cursor: get(&library, c"sd_journal_seek_cursor")?,
                test_cursor: get(&library, c"sd_journal_test_cursor")?,
                get_cursor: get(&library, c"sd_journal_get_cursor")?,
                next: get(&library, c"sd_journal_next")?,
                previous: get(&library, c"sd_journal_previous")?,
                restart_data: get(&library, c"sd_journal_restart_data")?,
                // Unlike the older one, `available` passes over fields it cannot decompress.
                enumerate_data: get(&library, c"sd_journal_enumerate_available_data")
                    .or_else(|_| get(&library, c"sd_journal_enumerate_data"))?,
                get_usage: get(&library, c"sd_journal_get_usage")?,
                get_fd: get(&library, c"sd_journal_get_fd")?,
                reliable_fd: get(&library, c"sd_journal_reliable_fd")?,
                process: get(&library, c"sd_journal_process")?,
                free: get(&library, c"free")?,
                _library: library,
            })
        }
    }
}

/// An open `sd_journal`.
///
/// Invariant: `raw` came from a successful open and is closed once, in `drop`. The pointer makes the type neither
/// `Send` nor `Sync`: libsystemd wants all calls on one thread.
pub(super) struct Handle {
    api: &'static Functions,
    raw: NonNull<c_void>,
}

/// What one field enumeration step gave.
pub(super) enum Datum<'a> {
    /// `NAME=value`, valid until the next call.
    Field(&'a [u8]),
    /// The entry, or this field of it, cannot be read.
    Damaged,
    /// No field is left.
    End,
}

impl Handle {
    /// Opens the journal files in `dir`, or this host's own.
    pub(super) fn open(dir: Option<&Path>) -> Result<Self, Error> {
        let api = Functions::load()?;
        let mut raw: Raw = ptr::null_mut();
        let (call, result) = match dir {
            None => {
                // SAFETY: `raw` is a valid place for the result.
                let result = unsafe { (api.open)(&raw mut raw, LOCAL_ONLY) };
                ("sd_journal_open", result)
            }
            Some(dir) => {
                let path = CString::new(dir.as_os_str().as_bytes()).map_err(io::Error::from)?;
                // SAFETY: as above; `path` ends in NUL and lives through the call.
                let result = unsafe { (api.open_directory)(&raw mut raw, path.as_ptr(), 0) };
                ("sd_journal_open_directory", result)
            }
        };
        check(call, result)?;
        let raw = NonNull::new(raw).ok_or_else(|| failed(call, -EBADMSG))?;
        let handle = Self { api, raw };
        // SAFETY: `raw` is open, here and in every other call of this type (invariant).
        let result = unsafe { (api.set_data_threshold)(handle.raw(), 0) };
        check("sd_journal_set_data_threshold", result)?;
        Ok(handle)
    }

    fn raw(&self) -> Raw {
        self.raw.as_ptr()
    }

    /// Matches entries for which all conditions (`NAME=value`) of at least one conjunction hold.
    pub(super) fn set_matches(&mut self, conjunctions: &[Vec<String>]) -> Result<(), Error> {
        self.clear_matches();
        for conjunction in conjunctions {
            // SAFETY: `raw` is open.
            let result = unsafe { (self.api.add_disjunction)(self.raw()) };
            check("sd_journal_add_disjunction", result)?;
            for condition in conjunction {
                let bytes = condition.as_bytes();
                // SAFETY: `raw` is open; pointer and length are those of one slice, which the call copies.
                let result =
                    unsafe { (self.api.add_match)(self.raw(), bytes.as_ptr().cast(), bytes.len()) };
                check("sd_journal_add_match", result)?;
            }
        }
        Ok(())
    }

    /// Matches every entry.
    pub(super) fn clear_matches(&mut self) {
        // SAFETY: `raw` is open.
        unsafe { (self.api.flush_matches)(self.raw()) }
    }

    /// [`Handle::previous`] then gives the newest entry.
    pub(super) fn seek_tail(&mut self) -> Result<(), Error> {
        // SAFETY: `raw` is open.
        let result = unsafe { (self.api.seek_tail)(self.raw()) };
        check("sd_journal_seek_tail", result).map(drop)
    }

    /// [`Handle::next`] then gives the first entry of this time (microseconds since the epoch) or later.
    pub(super) fn seek_realtime(&mut self, time: u64) -> Result<(), Error> {
        // SAFETY: `raw` is open.
        let result = unsafe { (self.api.seek_realtime)(self.raw(), time) };
        check("sd_journal_seek_realtime_usec", result).map(drop)
    }

    /// [`Handle::next`] then gives the cursor's entry, or what comes after its place.
    pub(super) fn seek_cursor(&mut self, cursor: &Cursor) -> Result<(), Error> {
        let text = CString::new(cursor.to_string()).map_err(io::Error::from)?;
        // SAFETY: `raw` is open; `text` ends in NUL and is copied by the call.
        let result = unsafe { (self.api.seek_cursor)(self.raw(), text.as_ptr()) };
        check("sd_journal_seek_cursor", result).map(drop)
    }

    /// Whether the current entry is the cursor's.
    pub(super) fn is_at(&mut self, cursor: &Cursor) -> Result<bool, Error> {
        let text = CString::new(cursor.to_string()).map_err(io::Error::from)?;
        // SAFETY: `raw` is open; `text` ends in NUL and lives through the call.
        let result = unsafe { (self.api.test_cursor)(self.raw(), text.as_ptr()) };
        check("sd_journal_test_cursor", result).map(|answer| answer > 0)
    }

    /// Moves to the next matching entry; `false` when there is none, and the position stays.
    pub(super) fn next(&mut self) -> Result<bool, Error> {
        // SAFETY: `raw` is open.
        let result = unsafe { (self.api.next)(self.raw()) };
        check("sd_journal_next", result).map(|moved| moved > 0)
    }

    /// Moves to the matching entry before; `false` when there is none.
    pub(super) fn previous(&mut self) -> Result<bool, Error> {
        // SAFETY: `raw` is open.
        let result = unsafe { (self.api.previous)(self.raw()) };
        check("sd_journal_previous", result).map(|moved| moved > 0)
    }

    /// Gives the current entry's cursor to `read`; `None` when the entry is damaged.
    pub(super) fn cursor<T>(&mut self, read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Error> {
        let mut text: *mut c_char = ptr::null_mut();
        // SAFETY: `raw` is open and `text` a valid place for the result.
        let result = unsafe { (self.api.get_cursor)(self.raw(), &raw mut text) };
        if result == -EBADMSG {
            return Ok(None);
        }
        check("sd_journal_get_cursor", result)?;
        // SAFETY: on success `text` is a string from malloc that is ours until freed; `read` only borrows it.
        let answer = read(unsafe { CStr::from_ptr(text) }.to_bytes());
        // SAFETY: `text` came from malloc and is used no more.
        unsafe { (self.api.free)(text.cast()) };
        Ok(Some(answer))
    }

    /// Begins the current entry's fields anew.
    pub(super) fn restart_fields(&mut self) {
        // SAFETY: `raw` is open.
        unsafe { (self.api.restart_data)(self.raw()) }
    }

    /// The current entry's next field.
    pub(super) fn field(&mut self) -> Result<Datum<'_>, Error> {
        let mut data: *const c_void = ptr::null();
        let mut length = 0;
        // SAFETY: `raw` is open, the other two are valid places for results.
        let result =
            unsafe { (self.api.enumerate_data)(self.raw(), &raw mut data, &raw mut length) };
        if result == -EBADMSG {
            return Ok(Datum::Damaged);
        }
        if check("sd_journal_enumerate_data", result)? == 0 || data.is_null() {
            return Ok(Datum::End);
        }
        // SAFETY: on success `data` has `length` bytes that stay until the next call on this handle, which the borrow
        // of `self` rules out.
        Ok(Datum::Field(unsafe {
            std::slice::from_raw_parts(data.cast(), length)
        }))
    }

    /// Bytes on disk of the files that are open. It falls when libsystemd meets damage: it closes the file and says
    /// nothing.
    pub(super) fn usage(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        // SAFETY: `raw` is open and `bytes` a valid place for the result.
        let result = unsafe { (self.api.get_usage)(self.raw(), &raw mut bytes) };
        check("sd_journal_get_usage", result).map(|_| bytes)
    }

    /// A descriptor for `poll(2)`, readable when [`Handle::process`] has something to say; opened by the first call.
    pub(super) fn fd(&mut self) -> Result<BorrowedFd<'_>, Error> {
        // SAFETY: `raw` is open.
        let fd = check("sd_journal_get_fd", unsafe {
            (self.api.get_fd)(self.raw())
        })?;
        // SAFETY: the descriptor belongs to the handle and is closed with it, which the borrow of `self` outlives.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Whether the descriptor notices every change; it does not on network file systems.
    pub(super) fn fd_is_reliable(&mut self) -> bool {
        // SAFETY: `raw` is open.
        unsafe { (self.api.reliable_fd)(self.raw()) > 0 }
    }

    /// Takes in what changed; `true` when files came or went.
    pub(super) fn process(&mut self) -> Result<bool, Error> {
        // SAFETY: `raw` is open.
        let result = unsafe { (self.api.process)(self.raw()) };
        check("sd_journal_process", result).map(|change| change == INVALIDATE)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: `raw` is open and not used after this.
        unsafe { (self.api.close)(self.raw()) }
    }
}

fn check(call: &'static str, result: c_int) -> Result<c_int, Error> {
    match result {
        0.. => Ok(result),
        error => Err(failed(call, error)),
    }
}

fn failed(call: &'static str, error: c_int) -> Error {
    Error::Call {
        call,
        source: io::Error::from_raw_os_error(error.saturating_neg()),
    }
}
