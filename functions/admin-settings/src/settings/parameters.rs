//! The parameters behind the settings, with their versions.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ssm::{Client, types::ParameterType};
use jiff::Timestamp;
use startup::BoxError;

/// Names in one request: the limit of `GetParameters`.
const NAMES_PER_REQUEST: usize = 10;

/// The store of the stage's settings.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    client: Client,
    path: Arc<str>,
}

/// A parameter as it is now; by default one that there is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Its text.
    pub(crate) value: String,
    /// How many times it was written, this once included.
    pub(crate) version: u64,
    /// When it was written last.
    pub(crate) modified_at: Option<Timestamp>,
}

impl Parameters {
    /// The settings under `path`, which ends in no slash.
    pub(crate) fn new(client: Client, path: &str) -> Self {
        Self { client, path: path.trim_end_matches('/').into() }
    }

    /// The parameters of these names, by name; who has none is absent.
    pub(crate) async fn read(
        &self,
        names: &[&'static str],
    ) -> Result<BTreeMap<&'static str, Parameter>, BoxError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES_PER_REQUEST) {
            let full = names.iter().map(|name| self.full(name)).collect();
            let request = self.client.get_parameters().set_names(Some(full));
            for parameter in request.send().await?.parameters.unwrap_or_default() {
                let full = parameter.name.unwrap_or_default();
                let Some(name) = names.iter().find(|name| self.full(name) == full) else {
                    continue;
                };
                let modified = parameter.last_modified_date;
                let modified = modified.and_then(|at| at.to_millis().ok());
                let parameter = Parameter {
                    value: parameter.value.unwrap_or_default(),
                    version: u64::try_from(parameter.version).unwrap_or_default(),
                    modified_at: modified.and_then(|at| Timestamp::from_millisecond(at).ok()),
                };
                found.insert(*name, parameter);
            }
        }
        Ok(found)
    }

    /// Writes the parameter, whatever it was before; returns its version from now on.
    pub(crate) async fn write(&self, name: &str, value: &str) -> Result<u64, BoxError> {
        let putting = self.client.put_parameter().name(self.full(name)).value(value);
        let putting = putting.r#type(ParameterType::String).overwrite(true);
        let version = putting.send().await?.version;
        Ok(u64::try_from(version).unwrap_or_default())
    }

    fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}
