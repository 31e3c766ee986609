//! Who a token acts as.

/// Role of a credential (SEMANTICS §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An identity provider's push connection: the only role that writes on `/scim/v2`.
    Connection,
    /// The operator's app: reads people, groups and access.
    App,
    /// Reads people and the audit log.
    Auditor,
    /// A customer's admin: acts through the management API.
    TenantAdmin,
    /// The operator: any tenant, which it names with a header.
    Operator,
}

impl Role {
    /// All roles, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::Connection,
        Self::App,
        Self::Auditor,
        Self::TenantAdmin,
        Self::Operator,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::App => "app",
            Self::Auditor => "auditor",
            Self::TenantAdmin => "tenant-admin",
            Self::Operator => "operator",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }

    /// May read the journal.
    pub fn reads_audit(self) -> bool {
        matches!(self, Self::Auditor | Self::TenantAdmin | Self::Operator)
    }
}
