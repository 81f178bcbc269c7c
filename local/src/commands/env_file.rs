//! `target/local.env`: the addresses and tokens of the running stack and the variables of its
//! functions, for `. target/local.env` and for `cargo lambda watch --env-file target/local.env`.

use std::collections::BTreeMap;
use std::path::Path;

use super::CommandError;

/// Writes the variables, one `export` a line.
pub(super) fn write(path: &Path, variables: &[(&str, &str)]) -> std::io::Result<()> {
    let text: String =
        variables.iter().flat_map(|(name, value)| ["export ", *name, "=", *value, "\n"]).collect();
    std::fs::write(path, text)
}

/// Reads the variables of the running stack.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|_| "no local stack has run here: start one with `cargo xtask up`")?;
    Ok(text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_understood_by_a_shell() {
        let folder = std::env::temp_dir().join(format!("saldo-env-{}", std::process::id()));
        let url = "http://127.0.0.1:8700".to_owned();
        write(&folder, &[("SALDO_URL", &url), ("TOKEN", "a.b-c_d=")]).unwrap();
        let variables = read(&folder).unwrap();
        let shell = std::process::Command::new("sh")
            .args(["-c", ". \"$0\" && printf %s \"$SALDO_URL $TOKEN\""])
            .arg(&folder)
            .output()
            .unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(variables["SALDO_URL"], url);
        assert_eq!(variables["TOKEN"], "a.b-c_d=");
        assert_eq!(String::from_utf8(shell.stdout).unwrap(), format!("{url} a.b-c_d="));
    }
}
