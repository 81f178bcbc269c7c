//! Metrics as log lines: CloudWatch reads each line in its embedded metric format and counts it,
//! so that a metric costs no call.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of every metric.
const NAMESPACE: &str = "Saldo";

/// Adds `value` to the counter `name`, counted under the given dimensions (name, value). Each
/// different combination of values is a metric of its own and costs money: never an account.
pub fn count(now: Timestamp, name: &str, dimensions: &[(&str, &str)], value: u64) {
    let unit = "Count";
    print(&line(now, &Metric { name, unit, value }, dimensions));
}

/// Records a duration of `value` milliseconds under `name` and the given dimensions.
pub fn milliseconds(now: Timestamp, name: &str, dimensions: &[(&str, &str)], value: u64) {
    let unit = "Milliseconds";
    print(&line(now, &Metric { name, unit, value }, dimensions));
}

struct Metric<'a> {
    name: &'a str,
    unit: &'static str,
    value: u64,
}

/// One line in the embedded metric format, version 0.
fn line(now: Timestamp, metric: &Metric<'_>, dimensions: &[(&str, &str)]) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let mut members = Map::new();
    let directive = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [names],
        "Metrics": [{"Name": metric.name, "Unit": metric.unit}],
    });
    let header = json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]});
    members.insert("_aws".to_owned(), header);
    for (name, value) in dimensions {
        members.insert((*name).to_owned(), Value::from(*value));
    }
    members.insert(metric.name.to_owned(), Value::from(metric.value));
    Value::Object(members).to_string()
}

/// A metric that cannot be written is not worth failing a request for.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_one_line_with_its_dimensions_as_one_set() {
        let now = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
        let metric = Metric { name: "DebitsSkipped", unit: "Count", value: 1 };
        let line = line(now, &metric, &[("Function", "ai-guard"), ("Feature", "ai_text_chat")]);
        assert!(!line.contains('\n'));
        let expected = json!({
            "_aws": {
                "Timestamp": 1_700_000_000_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Saldo",
                    "Dimensions": [["Function", "Feature"]],
                    "Metrics": [{"Name": "DebitsSkipped", "Unit": "Count"}],
                }],
            },
            "Function": "ai-guard",
            "Feature": "ai_text_chat",
            "DebitsSkipped": 1,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }
}
