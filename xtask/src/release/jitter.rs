//! No CPU-jitter entropy in aws-lc: it costs 21 ms of CPU at the first TLS handshake, half a
//! second on a 128 MB function.
//!
//! The build script of `aws-lc-sys` compiles `jitterentropy` unless it sees
//! `AWS_LC_SYS_NO_JITTER_ENTROPY=1`. The functions are stripped, so the static library that was
//! linked into them is searched: its symbol table holds the names in clear. Names of the wrappers
//! around it (`tree_jitter_…`) are there either way, as stubs; those of jitterentropy itself are
//! not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// The entry points of jitterentropy, of which the wrappers call every one.
const JITTER: [&str; 3] =
    ["jent_entropy_init", "jent_entropy_collector_alloc", "jent_read_entropy"];

/// A symbol of every aws-lc: a library without it is not one we can judge.
const CONTROL: &str = "RAND_bytes";

/// Fails where jitter entropy was compiled in, and where nothing can be said.
pub(crate) fn check(folders: &[PathBuf]) -> Result<(), Failure> {
    let mut libraries = Vec::new();
    for folder in folders {
        static_libraries(folder, &mut libraries)
            .map_err(|error| format!("`{}` cannot be read: {error}", folder.display()))?;
    }
    let mut judged = 0_usize;
    for library in libraries {
        let bytes = fs::read(&library)
            .map_err(|error| format!("`{}` cannot be read: {error}", library.display()))?;
        if let Some(symbol) = JITTER.into_iter().find(|symbol| contains(&bytes, symbol)) {
            return Err(format!(
                "aws-lc was built with CPU-jitter entropy (`{symbol}` is in `{}`): \
                 AWS_LC_SYS_NO_JITTER_ENTROPY must be 1, as .cargo/config.toml sets it",
                library.display()
            ));
        }
        judged = judged.saturating_add(usize::from(contains(&bytes, CONTROL)));
    }
    if judged == 0 {
        return Err("no library of aws-lc was found, so its entropy cannot be judged".to_owned());
    }
    Ok(())
}

fn static_libraries(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            static_libraries(&path, found)?;
        } else if path.extension().is_some_and(|kind| kind == "a" || kind == "lib") {
            found.push(path);
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_library(name: &str, content: &str, expected: Result<(), &str>) {
        let folder = std::env::temp_dir().join(format!("jitter-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("nested")).unwrap();
        fs::write(folder.join("nested/libcrypto.a"), content).unwrap();
        let result = check(std::slice::from_ref(&folder));
        fs::remove_dir_all(&folder).unwrap();
        match expected {
            Ok(()) => assert_eq!(result, Ok(())),
            Err(part) => assert!(result.unwrap_err().contains(part)),
        }
    }

    #[test]
    fn a_library_with_jitter_entropy_is_refused() {
        check_library("with", "\0RAND_bytes\0aws_lc_jent_read_entropy\0", Err("jent_read_entropy"));
    }

    #[test]
    fn a_library_with_the_stubs_alone_passes() {
        check_library("without", "\0aws_lc_RAND_bytes\0tree_jitter_get_seed\0", Ok(()));
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        check_library("other", "\0nothing\0", Err("cannot be judged"));
        assert!(check(&[]).is_err());
    }
}
