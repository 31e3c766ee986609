//! The mapping of a connector: a jq program behind a few words that every mapping needs.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer};

use crate::hris::jq;

/// What every mapping can use beside the helpers of [`jq`]; on one line, so that the program's own lines follow it.
///
/// - `enterprise`, `rosterd`: names of the two extensions, for keys: `(enterprise): {…}`.
/// - `phones(work; mobile)`: the numbers there are.
const PRELUDE: &str = concat!(
    r#"def enterprise: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"; "#,
    r#"def rosterd: "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User"; "#,
    r#"def phones(w; m): [{value: (w | clean), type: "work"}, {value: (m | clean), type: "mobile"} | select(.value != null)]; "#,
);

/// A program that was checked.
#[derive(Debug, Clone)]
pub struct Mapping(Arc<jq::Program>);

impl Mapping {
    /// Checks a program. Errors: as [`jq::Program::compile`], with lines of the program.
    pub fn parse(source: &str) -> Result<Self, jq::Error> {
        jq::Program::compile(&format!("{PRELUDE}\n{source}"))
            .map(|program| Self(Arc::new(program)))
            .map_err(|error| jq::Error {
                line: error.line.saturating_sub(1),
                ..error
            })
    }

    /// The program.
    pub fn program(&self) -> Arc<jq::Program> {
        Arc::clone(&self.0)
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
            .map_err(|error| de::Error::custom(format!("mapping, {error}")))
    }
}

impl utoipa::PartialSchema for Mapping {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("A jq program."))
            .into()
    }
}

impl utoipa::ToSchema for Mapping {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Mapping")
    }
}
