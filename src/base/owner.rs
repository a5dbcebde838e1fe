//! A command of root's becomes the owner of the spool for good, before it touches spool or socket.
//!
//! Whoever may write to a directory may plant links in it. So nothing is done there with more rights than theirs: root follows no link that
//! the service's user has made, and leaves no file that the service cannot write.

mod path;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgrouplist, getgroups, getresgid, getresuid,
    setgroups, setresgid, setresuid,
};

use super::answer::answer;
use path::{Control, Onlooker};

/// The service's unit, whose `User=` owns a spool that is still to be made.
const UNIT: &str = "Ollama_InfluxDB.service";
/// Its members may read the journal.
const JOURNAL_GROUP: &str = "systemd-journal";

/// Why a command does nothing.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// It cannot be looked at.
    #[error("{}: {source}", path.display())]
    Unknown { path: PathBuf, source: io::Error },
    /// Root's, but in the hands of others.
    #[error(
        "{} belongs to root, but {weak}: it cannot be trusted. To give the spool back to the service's user, run install.sh again; otherwise \
         let root alone write there",
        dir.display()
    )]
    Replaceable {
        dir: PathBuf,
        /// What is wrong on the way to it.
        weak: String,
    },
    /// A third user's link leads to it.
    #[error(
        "{} belongs to user {user}, but {weak}: it cannot be trusted. SHIPPER_SPOOL_DIR has to lead to the spool by directories and links \
         of root and of the spool's owner alone",
        dir.display()
    )]
    Misled {
        dir: PathBuf,
        /// Who owns the spool.
        user: Uid,
        /// What is wrong on the way to it.
        weak: String,
    },
    /// The system does not let root become another user.
    #[error("cannot become {user}, who owns {}: {source}; run it as that user: sudo -u {user} shipper …", dir.display())]
    Refused {
        user: String,
        dir: PathBuf,
        source: io::Error,
    },
}

/// What a process gives up root's rights for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// Becomes the owner of the spool at `dir` for good, if this process is root's and the spool is not.
///
/// Where there is none yet, the unit's `User=` owns it, or whoever may write where it is to be. Directories among `needed` that are
/// missing where only root may write are made for the owner.
///
/// The group of the journal is kept beside the owner's own: a look by hand reads what the service reads.
///
/// # Errors
/// [`OwnerError`]: nothing was touched.
pub(crate) fn become_owner(dir: &Path, needed: &[&Path]) -> Result<(), OwnerError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let Some((uid, gid)) = owner_of(dir)? else {
        return Ok(());
    };
    let owner = Owner::of(uid, gid);
    let refused = |source| OwnerError::Refused {
        user: owner.name.clone(),
        dir: dir.to_owned(),
        source,
    };
    for dir in needed {
        path::make_for(dir, uid, owner.gid).map_err(refused)?;
    }
    owner.assume().map_err(refused)
}

/// User and group that own the spool at `dir`, or will; `None` for root.
fn owner_of(dir: &Path) -> Result<Option<(Uid, Gid)>, OwnerError> {
    let unknown = |source| OwnerError::Unknown {
        path: dir.to_owned(),
        source,
    };
    let found = match dir.metadata() {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unknown(error)),
    };
    if let Some(found) = &found
        && found.uid() != 0
    {
        let owner = (Uid::from(found.uid()), Gid::from(found.gid()));
        // A link of one user's must not make root act as another one.
        return match path::ownership(dir, &[Uid::from(0), owner.0]).map_err(unknown)? {
            Control::Trusted => Ok(Some(owner)),
            Control::Others { weak, .. } => Err(OwnerError::Misled {
                dir: dir.to_owned(),
                user: owner.0,
                weak,
            }),
        };
    }
    let control = path::control(dir, &[Uid::from(0)]).map_err(unknown)?;
    match (found, control) {
        (Some(_), Control::Trusted) => Ok(None),
        (Some(_), Control::Others { weak, .. }) => Err(OwnerError::Replaceable {
            dir: dir.to_owned(),
            weak,
        }),
        (None, Control::Others { owner, .. }) if !owner.0.is_root() => Ok(Some(owner)),
        (None, _) => Ok(unit_user()),
    }
}

/// What lets others than root and this user decide what is at `path`, in words; nothing when nobody can.
///
/// # Errors
/// When something on the way cannot be looked at.
pub(crate) fn weak_point(path: &Path) -> io::Result<Option<String>> {
    Ok(match path::control(path, &[Uid::from(0), geteuid()])? {
        Control::Trusted => None,
        Control::Others { weak, .. } => Some(weak),
    })
}

/// Who may read the file at `path` beside root, this user and its groups, in words.
pub(crate) fn other_reader(path: &Path) -> Option<String> {
    let mut groups = getgroups().unwrap_or_default();
    groups.extend([Gid::from(0), getegid()]);
    let reader = path::onlooker(path, &[Uid::from(0), geteuid()], &groups)?;
    Some(match reader {
        Onlooker::All => "every user of this host".to_owned(),
        Onlooker::Group(gid) => format!("group {gid}"),
        Onlooker::User(uid) => format!("user {uid}"),
    })
}

/// The user that systemd runs the service as, when it is not root.
fn unit_user() -> Option<(Uid, Gid)> {
    let name = answer("systemctl", &["show", "--property=User", "--value", UNIT])?;
    let user = User::from_name(&name).ok().flatten()?;
    (!user.uid.is_root()).then_some((user.uid, user.gid))
}

impl Owner {
    /// The user `uid` as the system knows it; `gid` is the group of what it owns, which it may be no member of.
    fn of(uid: Uid, gid: Gid) -> Self {
        let user = User::from_uid(uid).ok().flatten();
        let own = user.as_ref().and_then(|user| {
            let name = std::ffi::CString::new(user.name.as_str()).ok()?;
            getgrouplist(&name, user.gid).ok()
        });
        let (name, primary) = match user {
            Some(user) => (user.name, user.gid),
            None => (uid.to_string(), gid),
        };
        let mut groups = own.unwrap_or_else(|| vec![primary]);
        let gid = if groups.contains(&gid) { gid } else { primary };
        groups.extend(
            Group::from_name(JOURNAL_GROUP)
                .ok()
                .flatten()
                .map(|group| group.gid),
        );
        groups.sort_unstable_by_key(|group| group.as_raw());
        groups.dedup();
        Self {
            name,
            uid,
            gid,
            groups,
        }
    }

    /// Groups first, the user last: after that nothing can be changed any more. What the system says of the outcome is what counts.
    fn assume(&self) -> io::Result<()> {
        setgroups(&self.groups)?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)?;
        let (users, members) = (getresuid()?, getresgid()?);
        let mut groups = getgroups()?;
        groups.sort_unstable_by_key(|group| group.as_raw());
        let is_owner = [users.real, users.effective, users.saved] == [self.uid; 3]
            && [members.real, members.effective, members.saved] == [self.gid; 3]
            && groups == self.groups
            && setresuid(Uid::from(0), Uid::from(0), Uid::from(0)).is_err();
        if is_owner {
            return Ok(());
        }
        Err(io::Error::other("root's rights cannot be given up"))
    }
}
