//! Discovery resources (RFC 7643 §5-7, RFC 7644 §4), restricted to what a token may use.

use serde_json::{Value, json};

use super::limits::Limits;
use super::list::CURSOR_TIMEOUT;
use super::schema::{ROSTERD_GROUP, ROSTERD_USER, Registry, ResourceKind};

/// What a token may see of the schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Rosterd's own extensions: not for connections.
    pub rosterd: bool,
    /// The journal.
    pub audit: bool,
}

impl Sight {
    /// Whether a schema is shown.
    pub fn sees(self, registry: &Registry, urn: &str) -> bool {
        if urn == ROSTERD_USER || urn == ROSTERD_GROUP {
            return self.rosterd;
        }
        self.audit || urn != registry.core(ResourceKind::AuditEvent).id
    }
}

/// `/ServiceProviderConfig`: what is true of this server.
pub fn service_provider_config(base: &str, limits: &Limits, payload: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": limits.bulk_operations, "maxPayloadSize": payload},
        "filter": {"supported": true, "maxResults": limits.page_max},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "pagination": {
            "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": limits.page_default,
            "maxPageSize": limits.page_max, "cursorTimeout": CURSOR_TIMEOUT,
        },
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "primary": true,
            "description": "A token of a connection, shown once when it is made",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
        }, {
            "type": "httpbasic", "name": "HTTP Basic", "primary": false,
            "description": "The same token as the password, for connections whose client knows no bearer tokens; the user \
                name means nothing",
            "specUri": "https://www.rfc-editor.org/rfc/rfc7617",
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig")},
    })
}

/// All visible schemas.
pub fn schemas(registry: &Registry, base: &str, sight: Sight) -> Vec<Value> {
    let seen = registry.schemas().filter(|s| sight.sees(registry, &s.id));
    seen.map(|s| with_meta(s.raw.clone(), "Schema", format!("{base}/Schemas/{}", s.id)))
        .collect()
}

/// All visible resource types.
pub fn resource_types(registry: &Registry, base: &str, sight: Sight) -> Vec<Value> {
    let seen = registry.raw_types().iter().filter(|t| {
        t["schema"]
            .as_str()
            .is_some_and(|urn| sight.sees(registry, urn))
    });
    seen.map(|raw| {
        let mut raw = raw.clone();
        if let Some(extensions) = raw["schemaExtensions"].as_array_mut() {
            extensions.retain(|e| {
                e["schema"]
                    .as_str()
                    .is_some_and(|urn| sight.sees(registry, urn))
            });
        }
        let id = raw["id"].as_str().unwrap_or_default().to_owned();
        with_meta(raw, "ResourceType", format!("{base}/ResourceTypes/{id}"))
    })
    .collect()
}

fn with_meta(mut resource: Value, kind: &str, location: String) -> Value {
    resource["meta"] = json!({"resourceType": kind, "location": location});
    resource
}
