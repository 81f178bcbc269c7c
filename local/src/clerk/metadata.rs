//! How metadata is merged.

use serde_json::{Map, Value};

/// Merges `sent` into `kept` as Clerk does: objects key by key at every depth, `null` removes a
/// key, and anything else (lists too) takes the place of what was there.
pub(super) fn merge(kept: &mut Value, sent: &Value) {
    let Value::Object(sent) = sent else {
        *kept = sent.clone();
        return;
    };
    if !kept.is_object() {
        *kept = Value::Object(Map::new());
    }
    let Value::Object(kept) = kept else { return };
    for (key, value) in sent {
        if value.is_null() {
            kept.remove(key);
        } else {
            merge(kept.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_merged_at_every_depth_and_null_removes() {
        for (kept, sent, merged) in [
            (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
            (
                json!({"a": {"b": 1, "c": 2}}),
                json!({"a": {"b": 3}}),
                json!({"a": {"b": 3, "c": 2}}),
            ),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": null}}), json!({"a": {"c": 2}})),
            (json!({"a": {"b": 1}}), json!({"a": null}), json!({})),
            (json!({}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}})),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": 1}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
        ] {
            let mut value = kept.clone();
            merge(&mut value, &sent);
            assert_eq!(value, merged, "{kept} and {sent}");
        }
    }
}
