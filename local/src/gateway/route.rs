//! Which route a request takes.

use std::collections::BTreeMap;

use super::decode;
use crate::template::Route;

/// A path that matched, with the decoded values of its parameters.
pub(super) struct Match {
    pub(super) parameters: BTreeMap<String, String>,
    /// How fixed the path is, segment by segment; the largest one wins.
    pub(super) rank: Vec<u8>,
}

const GREEDY: u8 = 0;
const PARAMETER: u8 = 1;
const FIXED: u8 = 2;

/// Matches a raw path (still percent-encoded) and a method with a route.
///
/// A fixed segment goes before a parameter, a parameter before a greedy one (`{proxy+}`), and a
/// named method before `ANY`.
pub(super) fn matches(route: &Route, method: &str, raw_path: &str) -> Option<Match> {
    if route.method != "ANY" && route.method != method {
        return None;
    }
    let mut found = Match { parameters: BTreeMap::new(), rank: Vec::new() };
    let mut segments = raw_path.split('/');
    for expected in route.path.split('/') {
        let parameter = expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some(greedy) = parameter.and_then(|name| name.strip_suffix('+')) {
            let rest: Vec<&str> = segments.collect();
            if rest.is_empty() {
                return None;
            }
            found.parameters.insert(greedy.to_owned(), decode::percent(&rest.join("/")));
            found.rank.push(GREEDY);
            return Some(found);
        }
        let segment = segments.next()?;
        match parameter {
            Some(_) if segment.is_empty() => return None,
            Some(name) => {
                found.parameters.insert(name.to_owned(), decode::percent(segment));
                found.rank.push(PARAMETER);
            }
            None if segment == expected => found.rank.push(FIXED),
            None => return None,
        }
    }
    if segments.next().is_some() {
        return None;
    }
    found.rank.push(u8::from(route.method != "ANY"));
    Some(found)
}
