//! The JSON Schema of the YAML, made from the types: `docs/connector.schema.json` is this, and a test keeps it so.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Manifest;

/// The schema, as an editor wants it.
pub fn json_schema() -> Value {
    let mut parts = Vec::new();
    Manifest::schemas(&mut parts);
    let mut defs = Map::new();
    for (name, schema) in parts {
        defs.insert(name, as_json(&schema));
    }
    let mut root = as_json(&<Manifest as utoipa::PartialSchema>::schema());
    if let Value::Object(root) = &mut root {
        root.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        root.insert("title".to_owned(), json!("Connector"));
        root.insert("$defs".to_owned(), Value::Object(defs));
    }
    rename(&mut root);
    root
}

fn as_json(schema: &impl serde::Serialize) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// References point into `$defs`; a document about APIs keeps them elsewhere.
fn rename(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(target)) = map.get_mut("$ref") {
                *target = target.replace("#/components/schemas/", "#/$defs/");
            }
            map.values_mut().for_each(rename);
        }
        Value::Array(list) => list.iter_mut().for_each(rename),
        _ => {}
    }
}
