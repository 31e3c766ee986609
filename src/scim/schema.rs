//! Schemas and resource types (RFC 7643 §6, §7), read from `scim-schemas/*.json`: what the server publishes is what it
//! checks by. Nothing about a single attribute is hard-coded elsewhere.

mod path;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::extension::extends;

pub use path::AttrPath;

/// URN of the enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// URN of Rosterd's extension of users: written by Rosterd only, not shown to sources.
pub const ROSTERD_USER: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";
/// URN of Rosterd's extension of groups.
pub const ROSTERD_GROUP: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group";

/// A type of resource that this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A person.
    User,
    /// A group of people.
    Group,
    /// An entry of the journal.
    AuditEvent,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::AuditEvent];

    /// Name, which is also its id under `/ResourceTypes` and its `meta.resourceType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::AuditEvent => "AuditEvent",
        }
    }

    /// Path below the base URL.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
            Self::AuditEvent => "/AuditEvents",
        }
    }
}

/// Data types (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum AttrType {
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// Who may write (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// When it is returned (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the RFC's own words")]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}

/// An attribute's definition.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the RFC's own words")]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type")]
    pub attr_type: AttrType,
    #[serde(default)]
    pub multi_valued: bool,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The sub-attribute with this name in any letter case.
    pub fn sub(&self, name: &str) -> Option<&Self> {
        self.sub_attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

/// A schema with its published form.
#[derive(Debug, Clone)]
pub struct Schema {
    /// URN.
    pub id: String,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// As published.
    pub raw: Value,
}

impl Schema {
    /// The attribute with this name in any letter case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(name))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtensionRef {
    schema: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeDef {
    id: String,
    schema: String,
    schema_extensions: Vec<ExtensionRef>,
}

/// All schemas and resource types. A tenant's is the built-in one with extensions of its own; what is built in is shared.
#[derive(Debug, Clone)]
pub struct Registry {
    schemas: Vec<Arc<Schema>>,
    by_urn: HashMap<String, usize>,
    types: Vec<(ResourceKind, usize, Vec<usize>)>,
    raw_types: Vec<Value>,
    common: Arc<[Attribute]>,
    of_sources: Option<Arc<Registry>>,
}

const BUILTIN: [&str; 6] = [
    include_str!("../../scim-schemas/User.json"),
    include_str!("../../scim-schemas/EnterpriseUser.json"),
    include_str!("../../scim-schemas/RosterdUser.json"),
    include_str!("../../scim-schemas/Group.json"),
    include_str!("../../scim-schemas/RosterdGroup.json"),
    include_str!("../../scim-schemas/AuditEvent.json"),
];

/// The attributes that every resource has (RFC 7643 §3.1); they are in no schema.
const COMMON: &str = r#"[
 {"name":"id","type":"string","caseExact":true,"mutability":"readOnly","returned":"always"},
 {"name":"externalId","type":"string","caseExact":true,"mutability":"readWrite","returned":"default"},
 {"name":"schemas","type":"reference","multiValued":true,"caseExact":true,"mutability":"readOnly","returned":"always"},
 {"name":"meta","type":"complex","mutability":"readOnly","returned":"default","subAttributes":[
  {"name":"resourceType","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"},
  {"name":"created","type":"dateTime","mutability":"readOnly","returned":"default"},
  {"name":"lastModified","type":"dateTime","mutability":"readOnly","returned":"default"},
  {"name":"location","type":"reference","caseExact":true,"mutability":"readOnly","returned":"default"},
  {"name":"version","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"}]}]"#;

impl Registry {
    /// The schemas that are built in.
    ///
    /// # Errors
    /// Says which built-in file is wrong; a test makes sure that none is.
    pub fn builtin() -> Result<Self, String> {
        let types = include_str!("../../scim-schemas/resource-types.json");
        let schemas = BUILTIN.iter().map(|text| serde_json::from_str(text));
        let schemas: Result<Vec<Value>, _> = schemas.collect();
        let types = serde_json::from_str(types).map_err(|e| format!("resource-types.json: {e}"))?;
        Self::new(
            schemas.map_err(|e| format!("a built-in schema: {e}"))?,
            types,
        )
    }

    /// A registry of these schemas and resource types.
    ///
    /// # Errors
    /// Says which definition is wrong.
    pub fn new(schemas: Vec<Value>, raw_types: Vec<Value>) -> Result<Self, String> {
        let mut registry = Self {
            schemas: Vec::new(),
            by_urn: HashMap::new(),
            types: Vec::new(),
            raw_types: raw_types.clone(),
            common: serde_json::from_str::<Vec<_>>(COMMON)
                .map_err(|e| e.to_string())?
                .into(),
            of_sources: None,
        };
        for raw in schemas {
            registry.push(raw)?;
        }
        for raw in raw_types {
            let def: TypeDef = serde_json::from_value(raw).map_err(|e| e.to_string())?;
            let kind = ResourceKind::ALL.into_iter().find(|k| k.name() == def.id);
            let kind = kind.ok_or_else(|| format!("unknown resource type {}", def.id))?;
            let place = |urn: &str| {
                registry
                    .by_urn
                    .get(&urn.to_ascii_lowercase())
                    .copied()
                    .ok_or(format!("no schema {urn}"))
            };
            let core = place(&def.schema)?;
            let extensions: Result<Vec<usize>, String> = def
                .schema_extensions
                .iter()
                .map(|e| place(&e.schema))
                .collect();
            registry.types.push((kind, core, extensions?));
        }
        for kind in ResourceKind::ALL {
            if !registry.types.iter().any(|t| t.0 == kind) {
                return Err(format!("no resource type {}", kind.name()));
            }
        }
        registry.narrow();
        Ok(registry)
    }

    /// This registry with more extensions of users and groups; each URN says of which. One that is there already stays
    /// as it is.
    ///
    /// # Errors
    /// Says which definition is wrong.
    pub fn with_extensions(
        &self,
        documents: impl IntoIterator<Item = Value>,
    ) -> Result<Self, String> {
        let mut registry = self.clone();
        for raw in documents {
            let urn = raw["id"].as_str().unwrap_or_default().to_owned();
            if registry.schema(&urn).is_some() {
                continue;
            }
            let kind = extends(&urn).ok_or_else(|| format!("{urn} extends nothing"))?;
            let place = registry.push(raw)?;
            let types = registry.types.iter_mut().filter(|t| t.0 == kind);
            types.for_each(|t| t.2.push(place));
            for raw in registry
                .raw_types
                .iter_mut()
                .filter(|t| t["id"] == kind.name())
            {
                if let Some(extensions) = raw["schemaExtensions"].as_array_mut() {
                    extensions.push(json!({"schema": urn, "required": false}));
                }
            }
        }
        registry.narrow();
        Ok(registry)
    }

    /// Adds a schema; its place.
    fn push(&mut self, raw: Value) -> Result<usize, String> {
        let id = raw["id"].as_str().ok_or("a schema without id")?.to_owned();
        let attributes = serde_json::from_value(raw["attributes"].clone())
            .map_err(|e| format!("schema {id}: {e}"))?;
        let place = self.schemas.len();
        self.by_urn.insert(id.to_ascii_lowercase(), place);
        self.schemas.push(Arc::new(Schema {
            id,
            attributes,
            raw,
        }));
        Ok(place)
    }

    /// Makes the part that sources know.
    fn narrow(&mut self) {
        self.of_sources = None;
        let mut narrow = self.clone();
        for (_, _, extensions) in &mut narrow.types {
            extensions
                .retain(|i| ![ROSTERD_USER, ROSTERD_GROUP].contains(&self.schemas[*i].id.as_str()));
        }
        self.of_sources = Some(Arc::new(narrow));
    }

    /// What sources know: the same without Rosterd's own extensions, whose attributes are unknown names to them.
    pub fn of_sources(&self) -> &Self {
        self.of_sources.as_deref().unwrap_or(self)
    }

    fn places(&self, kind: ResourceKind) -> (usize, &[usize]) {
        // `new` refuses a registry without one of the kinds.
        self.types
            .iter()
            .find(|t| t.0 == kind)
            .map_or((0, &[]), |t| (t.1, t.2.as_slice()))
    }

    /// The main schema of a kind.
    pub fn core(&self, kind: ResourceKind) -> &Schema {
        &self.schemas[self.places(kind).0]
    }

    /// Its extensions.
    pub fn extensions(&self, kind: ResourceKind) -> impl Iterator<Item = &Schema> {
        self.places(kind)
            .1
            .iter()
            .map(|i| self.schemas[*i].as_ref())
    }

    /// The schema with this URN in any letter case.
    pub fn schema(&self, urn: &str) -> Option<&Schema> {
        self.by_urn
            .get(&urn.to_ascii_lowercase())
            .map(|i| self.schemas[*i].as_ref())
    }

    /// All schemas in order of publication.
    pub fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.schemas.iter().map(Arc::as_ref)
    }

    /// What the stored document of a kind may hold though it is returned only on request: extensions decide, since no
    /// attribute of a main schema that is stored is of that kind.
    pub fn on_request(&self, kind: ResourceKind) -> impl Iterator<Item = AttrPath> {
        self.extensions(kind).flat_map(|extension| {
            let attributes = extension.attributes.iter();
            attributes
                .filter(|a| a.returned == Returned::Request)
                .map(|a| AttrPath {
                    urn: Some(extension.id.clone()),
                    attr: Some(a.name.clone()),
                    sub: None,
                })
        })
    }

    /// Whether the stored document of a kind may hold what is not returned by default.
    pub fn is_cut(&self, kind: ResourceKind) -> bool {
        self.on_request(kind).next().is_some()
    }

    /// All resource types as published.
    pub fn raw_types(&self) -> &[Value] {
        &self.raw_types
    }

    /// An extension of a kind by its URN in any letter case.
    pub fn extension(&self, kind: ResourceKind, urn: &str) -> Option<&Schema> {
        self.extensions(kind)
            .find(|s| s.id.eq_ignore_ascii_case(urn))
    }

    /// A core or common attribute of a kind.
    pub fn top(&self, kind: ResourceKind, name: &str) -> Option<&Attribute> {
        self.core(kind).attribute(name).or_else(|| {
            self.common
                .iter()
                .find(|a| a.name.eq_ignore_ascii_case(name))
        })
    }
}
