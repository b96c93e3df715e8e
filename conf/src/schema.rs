//! The JSON Schemas that editors check the files against: draft-07, which they all know.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::file::File;

/// Of the configuration.
#[must_use]
pub fn schema() -> Value {
    of::<File>()
}

/// Of a file of rules for labels.
#[must_use]
pub fn classify_schema() -> Value {
    of::<tollgate_classify::RulesFile>()
}

/// Of a file of the catalogue.
#[must_use]
pub fn catalogue_schema() -> Value {
    of::<tollgate_meter::CatalogueFile>()
}

fn of<T: JsonSchema>() -> Value {
    sorted(SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value())
}

/// Members in the order of their names, whichever kind of map some other crate made serde_json use.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
