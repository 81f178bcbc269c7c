//! `target/events`: the example events with the tokens and the key of the running stack in them,
//! for `cargo lambda invoke`.

use std::fs;
use std::path::Path;

use super::CommandError;

/// Writes every event of `events` with these words after `Bearer` in the place of others, such as
/// a token for `TOKEN`.
pub(super) fn write(root: &Path, bearers: &[(&str, &str)]) -> Result<(), CommandError> {
    let (from, to) = (root.join("events"), root.join("target/events"));
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let event = fs::read_to_string(entry.path())?;
        fs::write(to.join(entry.file_name()), with_bearers(event, bearers))?;
    }
    Ok(())
}

fn with_bearers(event: String, bearers: &[(&str, &str)]) -> String {
    bearers.iter().fold(event, |event, (name, bearer)| {
        event.replace(&format!("\"Bearer {name}\""), &format!("\"Bearer {bearer}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_a_caller_gets_what_that_caller_has() {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events");
        for entry in fs::read_dir(events).unwrap() {
            let entry = entry.unwrap();
            let event = fs::read_to_string(entry.path()).unwrap();
            let called = event.to_ascii_lowercase().contains("\"authorization\"");
            let given = [("TOKEN", "a.b-c"), ("ADMIN_TOKEN", "d.e-f"), ("SERVICE_KEY", "sk")];
            let filled = with_bearers(event.clone(), &given);
            let bearers = ["Bearer a.b-c\"", "Bearer d.e-f\"", "Bearer sk\""];
            let found = bearers.iter().filter(|bearer| filled.contains(**bearer)).count();
            assert_eq!(found, usize::from(called), "{:?}", entry.path());
            assert_eq!(with_bearers(event.clone(), &[]), event);
        }
    }
}
