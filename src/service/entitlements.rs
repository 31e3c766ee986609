//! What a tenant's plan allows. The one place that is asked; today every plan has everything.

use crate::domain::ids::TenantId;

/// What a plan may or may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Connections that pull from an HR system.
    Hris,
    /// Connections that push over SCIM.
    Push,
    /// Teams made from the hierarchy of managers.
    TeamSync,
}

/// Whether a tenant may use a feature.
pub fn allows(_tenant: &TenantId, _feature: Feature) -> bool {
    true
}
