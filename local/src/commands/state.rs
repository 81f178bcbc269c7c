//! Where the local stack keeps what outlives it: everything is under `target`.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use super::{CommandError, template_path};

/// The repository the command works in, and its places.
pub(super) struct Place {
    /// Root of the repository.
    pub(super) root: PathBuf,
    /// Folder of the functions' programs: where this program is.
    pub(super) programs: PathBuf,
}

impl Place {
    /// The working directory, which must hold a template.
    pub(super) fn find() -> Result<Self, CommandError> {
        let root = std::env::current_dir()?;
        if !template_path(&root).is_file() {
            let message = format!(
                "there is no template.yaml in {}: run this in the root of the repository",
                root.display()
            );
            return Err(message.into());
        }
        let program = std::env::current_exe()?;
        let programs = program.parent().map(PathBuf::from).unwrap_or_default();
        Ok(Self { root, programs })
    }

    /// The folder of the stack's files.
    pub(super) fn folder(&self) -> PathBuf {
        self.root.join("target/local")
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        self.folder().join("saldo.db")
    }

    /// The file with addresses and tokens for scripts.
    pub(super) fn env_file(&self) -> PathBuf {
        self.root.join("target/local.env")
    }

    /// Claims the folder for this process; the claim ends with the process, however it ends.
    pub(super) fn claim(&self) -> Result<File, CommandError> {
        std::fs::create_dir_all(self.folder())?;
        let lock = File::create(self.folder().join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(format!(
                "another local stack of this repository is running, its addresses are in {}: stop \
                 it first",
                self.env_file().display()
            )
            .into()),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Deletes the database.
    pub(super) fn forget(&self) -> Result<(), CommandError> {
        for suffix in ["", "-wal", "-shm"] {
            let path = format!("{}{suffix}", self.database().display());
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
