//! Changes to single members of a JSON object that leave every other byte where it was.
//!
//! The object is not written anew: an unknown member, the order, the spelling of a number and the
//! space between two members all mean something to somebody.

use std::{borrow::Cow, fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

#[cfg(test)]
mod tests;

/// The members of one object, in order, and where in the text they are.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// One member: its name as a reader understands it, and where it is.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    name: Cow<'a, str>,
    /// Where its name begins.
    begin: usize,
    value: Range<usize>,
}

/// One change: what is in `range` is replaced by `with`. An empty range is where `with` is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    range: Range<usize>,
    with: String,
}

impl<'a> Members<'a> {
    /// Finds the members of the object that `text` is; an error where it is none.
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        let Raw(raw) = serde_json::from_str(text)?;
        let locate = |(name, value): (&'a RawValue, &'a RawValue)| {
            let begin = span(text, name.get())?.start;
            Some(Member { name: decoded(name)?, begin, value: span(text, value.get())? })
        };
        let members: Option<Vec<_>> = raw.into_iter().map(locate).collect();
        let members = members.ok_or_else(|| serde::de::Error::custom("a name is not text"))?;
        Ok(Self { text, members })
    }

    /// Every member that some reader takes for `name`.
    pub(crate) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Member<'a>> {
        self.members.iter().filter(move |member| is_read_as(&member.name, name))
    }

    /// The first member of exactly this name.
    pub(crate) fn first(&self, name: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The value of `member` as it is written.
    pub(crate) fn value(&self, member: &Member<'a>) -> &'a str {
        self.text.get(member.value.clone()).unwrap_or_default()
    }

    /// Gives a member another value, or adds it at the end where there is none of this name.
    /// `name` needs no escaping.
    pub(crate) fn set(&self, name: &str, value: &str) -> Edit {
        match (self.first(name), self.members.last()) {
            (Some(member), _) => Edit { range: member.value.clone(), with: value.to_owned() },
            (None, Some(last)) => {
                let at = last.value.end;
                Edit { range: at..at, with: format!(",\"{name}\":{value}") }
            }
            (None, None) => {
                let at = self.text.find('{').map_or(0, |brace| brace.saturating_add(1));
                Edit { range: at..at, with: format!("\"{name}\":{value}") }
            }
        }
    }

    /// Gives the value of the member `name`, which is `value` from now on, to the member `into`,
    /// in the place of the one that has it. Neither name needs escaping.
    pub(crate) fn rename(&self, name: &str, into: &str, value: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some(member) = self.first(into) {
            edits.extend(self.cut(name));
            edits.push(Edit { range: member.value.clone(), with: value.to_owned() });
        } else if let Some(member) = self.first(name) {
            let range = member.begin..member.value.end;
            edits.push(Edit { range, with: format!("\"{into}\":{value}") });
        }
        edits
    }

    /// Cuts out every member called `name`, each with a comma that is no longer needed.
    fn cut(&self, name: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut kept: Option<&Member<'a>> = None;
        let mut gone: Option<&Member<'a>> = None;
        for member in &self.members {
            if member.name == name {
                gone = gone.or(Some(member));
                continue;
            }
            edits.extend(gone.take().map(|first| Edit::cut(first.begin..member.begin)));
            kept = Some(member);
        }
        // Those at the end take the comma before them along.
        if let (Some(first), Some(last)) = (gone, self.members.last()) {
            let from = kept.map_or(first.begin, |kept| kept.value.end);
            edits.push(Edit::cut(from..last.value.end));
        }
        edits
    }
}

impl Edit {
    fn cut(range: Range<usize>) -> Self {
        Self { range, with: String::new() }
    }
}

impl Member<'_> {
    /// Its name as a reader understands it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// `text` with changes that do not overlap.
pub(crate) fn edited(text: &[u8], mut edits: Vec<Edit>) -> Bytes {
    edits.sort_by_key(|edit| edit.range.start);
    let added = edits.iter().map(|edit| edit.with.len()).fold(0, usize::saturating_add);
    let mut whole = Vec::with_capacity(text.len().saturating_add(added));
    let mut kept_from = 0;
    for edit in edits {
        whole.extend_from_slice(text.get(kept_from..edit.range.start).unwrap_or_default());
        whole.extend_from_slice(edit.with.as_bytes());
        kept_from = edit.range.end;
    }
    whole.extend_from_slice(text.get(kept_from..).unwrap_or_default());
    whole.into()
}

/// `text`, which is an object, without any member called `name`; `None` where it has none.
pub(crate) fn without(text: &str, name: &str) -> Option<String> {
    let edits = Members::read(text).ok()?.cut(name);
    if edits.is_empty() {
        return None;
    }
    String::from_utf8(edited(text.as_bytes(), edits).into()).ok()
}

/// Whether some reader takes a member called `written` for `name`, which is in lower case.
///
/// Readers differ: Go's do not look at the case of names, and fold the long s and the sign of
/// Kelvin with it; those of Protocol Buffers also take a name without its underscores, in camel
/// case.
pub(crate) fn is_read_as(written: &str, name: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    let joined = name.chars().filter(|letter| *letter != '_');
    written.chars().map(fold).eq(name.chars()) || written.chars().map(fold).eq(joined)
}

/// Where `part`, which was borrowed from `whole`, is in it.
pub(crate) fn span(whole: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone())? == part).then_some(range)
}

fn decoded(name: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = name.get();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// Names and values as they are written.
struct Raw<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Raw(members))
    }
}
