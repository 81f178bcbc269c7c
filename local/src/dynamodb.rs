//! DynamoDB in process: dynoxide with the tables of the template.

use std::path::PathBuf;

use dynoxide::Database;
use dynoxide::errors::DynoxideError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::listener::{self, ListenError, Servers};
use crate::template::{Table, TemplateError};

/// Where the tables are kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Gone with the process.
    Memory,
    /// A file that survives restarts and kills.
    File(PathBuf),
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// The emulator refused something.
    #[error("{0}")]
    Emulator(String),
    /// The file was made from another template.
    #[error(
        "table `{table}` in the database file differs from template.yaml in {what}: start with \
         --fresh, or delete the file"
    )]
    Differs {
        /// Name of the table.
        table: String,
        /// What differs.
        what: &'static str,
    },
    /// A table description could not be understood.
    #[error(transparent)]
    Table(#[from] TemplateError),
    /// No address to listen on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<DynoxideError> for DynamoDbError {
    fn from(error: DynoxideError) -> Self {
        Self::Emulator(error.to_string())
    }
}

/// Opens the database, makes the tables it lacks, and serves it on a free port; returns the URL.
pub(crate) async fn start(
    storage: &Storage,
    tables: &[Table],
    servers: &mut Servers,
) -> Result<String, DynamoDbError> {
    let database = open(storage)?;
    for table in tables {
        ensure(&database, table)?;
    }
    let listener = listener::bind(0).await?;
    let url = listener::url(&listener)?;
    let stopped = servers.stopped();
    servers.spawn(async move {
        if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await
        {
            eprintln!("the database of the local stack ended: {error}");
        }
    });
    Ok(url)
}

fn open(storage: &Storage) -> Result<Database, DynamoDbError> {
    match storage {
        Storage::Memory => Ok(Database::memory()?),
        Storage::File(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            Ok(Database::new(&path.display().to_string())?)
        }
    }
}

/// Makes the table, or checks that the one there is what the template declares.
fn ensure(database: &Database, table: &Table) -> Result<(), DynamoDbError> {
    let existing = database.describe_table(request(json!({"TableName": table.name}))?);
    match existing {
        Ok(described) => {
            let description = to_json(&described)?;
            let description = description.get("Table").cloned().unwrap_or_default();
            if let Some(what) = table.difference(description)? {
                return Err(DynamoDbError::Differs { table: table.name.clone(), what });
            }
        }
        Err(DynoxideError::ResourceNotFoundException(_)) => {
            database.create_table(request(table.creation())?)?;
            if let Some(attribute) = &table.ttl_attribute {
                database.update_time_to_live(request(json!({
                    "TableName": table.name,
                    "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
                }))?)?;
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn request<T: DeserializeOwned>(value: Value) -> Result<T, DynamoDbError> {
    serde_json::from_value(value).map_err(|error| DynamoDbError::Emulator(error.to_string()))
}

fn to_json(value: &impl serde::Serialize) -> Result<Value, DynamoDbError> {
    serde_json::to_value(value).map_err(|error| DynamoDbError::Emulator(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Key, SecondaryIndex};

    fn table(indexes: Vec<SecondaryIndex>) -> Table {
        Table {
            logical_id: "T".into(),
            name: "saldo-local-T".into(),
            key: Key { partition: "pk".into(), sort: Some("sk".into()) },
            indexes,
            stream_view: Some("NEW_AND_OLD_IMAGES".into()),
            ttl_attribute: Some("ttl".into()),
        }
    }

    fn index() -> SecondaryIndex {
        let key = Key { partition: "slot".into(), sort: Some("sk".into()) };
        SecondaryIndex { name: "by-slot".into(), key, projection: "KEYS_ONLY".into() }
    }

    #[test]
    fn a_table_is_made_once_and_must_stay_what_the_template_declares() {
        let folder = std::env::temp_dir().join(format!("saldo-db-{}", crate::random::uuid()));
        let storage = Storage::File(folder.join("saldo.db"));
        ensure(&open(&storage).unwrap(), &table(vec![index()])).unwrap();
        let reopened = open(&storage).unwrap();
        ensure(&reopened, &table(vec![index()])).unwrap();
        let error = ensure(&reopened, &table(vec![])).unwrap_err().to_string();
        std::fs::remove_dir_all(folder).unwrap();
        assert!(error.contains("`saldo-local-T`") && error.contains("its indexes"), "{error}");
        assert!(error.contains("--fresh"), "{error}");
    }
}
