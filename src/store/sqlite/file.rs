use std::path::{Path, PathBuf};

/// Which file a path named when it was opened.
///
/// Connections stay with the file that they opened. Once another has taken its place, by a rename
/// or a restore that removes the old one, what others commit goes there, and nothing here tells it.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// None where it cannot be known, and for a database in memory.
    opened: Option<Identity>,
}

/// The device and the number of the file there.
type Identity = (u64, u64);

impl File {
    pub(super) fn opened(path: &Path) -> Self {
        // The working directory may change.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { opened: identity(&path), path }
    }

    /// Whether the path still names the file.
    pub(super) fn is_there(&self) -> bool {
        self.opened.is_none() || identity(&self.path) == self.opened
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// Elsewhere an open file cannot be replaced.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}
