//! Where one process hands its sockets to another: pingora has everybody who comes to that path connect, and either side
//! believes the other. So it must lie in a folder that nobody else can enter.

use std::fs::{DirBuilder, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

/// For its owner alone.
const PRIVATE: u32 = 0o700;
/// What others may do with a file.
const OF_OTHERS: u32 = 0o077;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a str);

/// As long as it lives no other process waits at the same place.
#[derive(Debug)]
pub(super) struct Waiting {
    path: String,
    _folder: File,
}

impl<'a> Place<'a> {
    /// At this path.
    pub(super) fn new(path: &'a str) -> Self {
        Self(path)
    }

    /// Where the two talk, beside where the sockets pass.
    pub(super) fn link(&self) -> String {
        format!("{}.link", self.0)
    }

    /// Its folder, which is made where it is missing.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let folder = self.folder();
        if let Err(error) = DirBuilder::new().mode(PRIVATE).create(folder)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error).with_context(|| self.complaint("cannot be made"));
        }
        self.check()
    }

    /// Nobody else can come there.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let folder = self.folder().metadata().with_context(|| self.complaint("cannot be read"))?;
        // Its owner is who this process acts as.
        let ourselves = Path::new("/proc/self").metadata().context("cannot see who this process is")?;
        ensure!(folder.is_dir(), self.complaint("is no folder"));
        ensure!(
            folder.uid() == ourselves.uid() && folder.mode() & OF_OTHERS == 0,
            self.complaint(&open_to_others(&folder, ourselves.uid()))
        );
        let taken = Path::new(self.0).symlink_metadata().is_ok_and(|there| !there.file_type().is_socket());
        ensure!(!taken, "server.upgrade_socket: {} is something else than a socket", self.0);
        Ok(())
    }

    /// Before the sockets are waited for.
    pub(super) fn wait(&self) -> anyhow::Result<Waiting> {
        self.check()?;
        let folder = File::open(self.folder()).with_context(|| self.complaint("cannot be read"))?;
        match folder.try_lock() {
            Ok(()) => Ok(Waiting { path: self.0.to_owned(), _folder: folder }),
            Err(TryLockError::WouldBlock) => {
                bail!("another process waits for the sockets at {} already", self.0)
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| self.complaint("cannot be kept for this process"))
            }
        }
    }

    fn folder(&self) -> &Path {
        Path::new(self.0).parent().unwrap_or(Path::new("/"))
    }

    fn complaint(&self, what: &str) -> String {
        format!("server.upgrade_socket: the folder {} {what}", self.folder().display())
    }
}

fn open_to_others(folder: &Metadata, ourselves: u32) -> String {
    let (owner, mode) = (folder.uid(), folder.mode() & 0o7777);
    format!(
        "must be for the user of restcast alone, or others could take the sockets: it is user {owner}'s with mode \
         {mode:o}, and this process is user {ourselves}'s and wants mode {PRIVATE:o}"
    )
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Where nobody came, or this process is to end before that, it is still there.
        drop(std::fs::remove_file(&self.path));
    }
}
