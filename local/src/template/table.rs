//! Tables as the template declares them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{TemplateError, read};

/// One DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Logical id in the template.
    pub logical_id: String,
    /// Physical name.
    pub name: String,
    /// Primary key.
    pub key: Key,
    /// Global secondary indexes, by name.
    pub indexes: Vec<SecondaryIndex>,
    /// What the stream carries, such as `NEW_AND_OLD_IMAGES`; none without a stream.
    pub stream_view: Option<String>,
    /// The attribute by which rows expire.
    pub ttl_attribute: Option<String>,
}

/// Partition and sort key of a table or an index; all keys are strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Name of the partition key.
    pub partition: String,
    /// Name of the sort key.
    pub sort: Option<String>,
}

/// A global secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondaryIndex {
    /// Name.
    pub name: String,
    /// Its key.
    pub key: Key,
    /// `KEYS_ONLY` or `ALL`.
    pub projection: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TableProperties {
    attribute_definitions: Vec<AttributeDefinition>,
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Vec<IndexProperties>,
    stream_specification: Option<StreamProperties>,
    time_to_live_specification: Option<TtlProperties>,
    #[serde(rename = "BillingMode")]
    _billing_mode: String,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _point_in_time_recovery: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

/// Shared by the template and by what a table says of itself, which has more fields.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexProperties {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: Projection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Projection {
    projection_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamProperties {
    stream_view_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TtlProperties {
    attribute_name: String,
    enabled: bool,
}

/// The fields of a table description that have a counterpart in the template.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Description {
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Option<Vec<IndexProperties>>,
    #[serde(default)]
    stream_specification: Option<StreamProperties>,
}

impl Table {
    pub(super) fn read(
        logical_id: String,
        name: String,
        properties: Value,
        place: &str,
    ) -> Result<Self, TemplateError> {
        let properties: TableProperties = read(properties, place)?;
        let table = Self {
            logical_id,
            name,
            key: key(&properties.key_schema, place)?,
            indexes: indexes(properties.global_secondary_indexes, place)?,
            stream_view: properties.stream_specification.map(|stream| stream.stream_view_type),
            ttl_attribute: properties
                .time_to_live_specification
                .filter(|ttl| ttl.enabled)
                .map(|ttl| ttl.attribute_name),
        };
        let declared = &properties.attribute_definitions;
        if declared.iter().any(|attribute| attribute.attribute_type != "S") {
            return Err(TemplateError::new(place, "a key attribute must be of type `S`"));
        }
        let mut names: Vec<_> = declared.iter().map(|item| item.attribute_name.as_str()).collect();
        names.sort_unstable();
        if names != table.key_attributes() {
            let message = "the attribute definitions are not exactly the attributes of its keys";
            return Err(TemplateError::new(place, message));
        }
        Ok(table)
    }

    /// The table as a `CreateTable` request.
    pub fn creation(&self) -> Value {
        let attributes: Vec<Value> = self
            .key_attributes()
            .into_iter()
            .map(|name| json!({"AttributeName": name, "AttributeType": "S"}))
            .collect();
        let mut request = json!({
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": self.key.schema(),
        });
        if let Some(object) = request.as_object_mut() {
            if !self.indexes.is_empty() {
                let indexes = self.indexes.iter().map(SecondaryIndex::creation).collect();
                object.insert("GlobalSecondaryIndexes".into(), indexes);
            }
            if let Some(view) = &self.stream_view {
                let stream = json!({"StreamEnabled": true, "StreamViewType": view});
                object.insert("StreamSpecification".into(), stream);
            }
        }
        request
    }

    /// What of a table that exists differs from the template, in words; none if nothing does.
    pub fn difference(&self, description: Value) -> Result<Option<&'static str>, TemplateError> {
        let place = format!("table `{}`", self.name);
        let found: Description = read(description, &place)?;
        let found_indexes = indexes(found.global_secondary_indexes.unwrap_or_default(), &place)?;
        let found_stream = found.stream_specification.map(|stream| stream.stream_view_type);
        Ok(if key(&found.key_schema, &place)? != self.key {
            Some("its key")
        } else if found_indexes != self.indexes {
            Some("its indexes")
        } else if found_stream != self.stream_view {
            Some("its stream")
        } else {
            None
        })
    }

    /// Names of all attributes that are part of a key, sorted.
    fn key_attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = std::iter::once(&self.key)
            .chain(self.indexes.iter().map(|index| &index.key))
            .flat_map(|key| std::iter::once(key.partition.as_str()).chain(key.sort.as_deref()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Key {
    fn schema(&self) -> Value {
        let element = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let mut elements = vec![element(&self.partition, "HASH")];
        elements.extend(self.sort.iter().map(|sort| element(sort, "RANGE")));
        Value::Array(elements)
    }
}

impl SecondaryIndex {
    fn creation(&self) -> Value {
        json!({
            "IndexName": self.name,
            "KeySchema": self.key.schema(),
            "Projection": {"ProjectionType": self.projection},
        })
    }
}

fn key(schema: &[KeyElement], place: &str) -> Result<Key, TemplateError> {
    let named = |kind: &str| {
        schema
            .iter()
            .find(|element| element.key_type == kind)
            .map(|element| element.attribute_name.clone())
    };
    let partition =
        named("HASH").ok_or_else(|| TemplateError::new(place, "a key needs a HASH attribute"))?;
    Ok(Key { partition, sort: named("RANGE") })
}

fn indexes(
    properties: Vec<IndexProperties>,
    place: &str,
) -> Result<Vec<SecondaryIndex>, TemplateError> {
    let mut indexes = properties
        .into_iter()
        .map(|index| {
            Ok(SecondaryIndex {
                key: key(&index.key_schema, place)?,
                name: index.index_name,
                projection: index.projection.projection_type,
            })
        })
        .collect::<Result<Vec<_>, TemplateError>>()?;
    indexes.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(indexes)
}
