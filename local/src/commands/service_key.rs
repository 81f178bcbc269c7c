//! `local service-key`: makes a service key, for this stack or any other.

use super::{CommandError, say};
use crate::service_key::{SCOPES, ServiceKey};

/// The longest name, as the functions take it.
const NAME_CHARS_MAX: usize = 64;

/// Prints the key and what is stored of it; it is kept nowhere.
pub(super) fn run(name: &str, scopes: &[String]) -> Result<(), CommandError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(legal) {
        return Err("a name is 1 to 64 letters, digits, `-` and `_`".into());
    }
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let made = ServiceKey::new(name, if scopes.is_empty() { &SCOPES } else { &scopes })?;
    say("The key, shown this once. Give it to the back end and to nobody else:\n");
    say(&format!("  {}\n", made.key));
    say("What is stored of it, one element of the JSON list in the secret SERVICE_KEYS:\n");
    say(&format!("  {}\n", made.stored));
    say("With this key alone, SERVICE_KEYS is that line in square brackets. To change a key, add");
    say("the new one to the list, move the back end over, and take the old one out: functions");
    say("read the list within a minute.");
    Ok(())
}
