//! How large the functions are: what is not in the archive is not fetched, unpacked and mapped
//! before the first call.

use std::fs;
use std::path::PathBuf;

use miniz_oxide::deflate::compress_to_vec;

use crate::{Failure, step};

/// The largest archive of a function, in bytes.
const ZIP_MAX: usize = 3_000_000;

/// What a zip archive of one file adds to the compressed file: two headers, two names, its end.
const ARCHIVE_BYTES: usize = 30 + 46 + 22 + 2 * "bootstrap".len();

/// The level of compression that tools use when nobody chooses.
const COMPRESSION: u8 = 6;

/// Says how large each function is, and fails where one is too large.
pub(crate) fn check(binaries: &[PathBuf]) -> Result<(), Failure> {
    for binary in binaries {
        let program = fs::read(binary)
            .map_err(|error| format!("`{}` cannot be read: {error}", binary.display()))?;
        let zip = compress_to_vec(&program, COMPRESSION).len().saturating_add(ARCHIVE_BYTES);
        let name = binary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        step::say(&format!("  {name:<14} {} MB, zipped {} MB", mb(program.len()), mb(zip)));
        judge(&name, zip)?;
    }
    Ok(())
}

fn judge(name: &str, zip: usize) -> Result<(), Failure> {
    if zip <= ZIP_MAX {
        return Ok(());
    }
    Err(format!(
        "`{name}` has {} MB zipped, more than {}: a feature or a second stack may have come in \
         (`cargo tree -e normal,features -p {name}`)",
        mb(zip),
        mb(ZIP_MAX)
    ))
}

/// Bytes as megabytes with two decimals.
fn mb(bytes: usize) -> String {
    format!("{}.{:02}", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_of_more_than_3_mb_is_refused_by_name() {
        assert_eq!(judge("ai-guard", 3_000_000), Ok(()));
        let refused = judge("ai-guard", 3_000_001).unwrap_err();
        assert!(refused.starts_with("`ai-guard` has 3.00 MB zipped"), "{refused}");
    }

    #[test]
    fn what_is_compressed_is_the_program() {
        let path = std::env::temp_dir().join(format!("size-{}", std::process::id()));
        // Noise does not get smaller: a generator's, so that it is the same every time.
        let mut state = 1_u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        let noise: Vec<u8> = noise.take(3_100_000).collect();
        fs::write(&path, noise).unwrap();
        let refused = check(std::slice::from_ref(&path));
        fs::write(&path, vec![0; 3_100_000]).unwrap();
        let accepted = check(std::slice::from_ref(&path));
        fs::remove_file(&path).unwrap();
        assert!(refused.is_err());
        assert_eq!(accepted, Ok(()));
    }
}
