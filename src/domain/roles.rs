//! Who a token acts as.

/// Role of a credential (SEMANTICS §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An identity provider's push connection: the only role that writes on `/scim/v2`.
    Connection,
    /// An HR system's job: hands files to one pull connection, and may do nothing else.
    Drop,
    /// A mail provider: says what became of mails, and may do nothing else. Of the tenant `operator`.
    Mail,
    /// The operator's app: reads people, groups and access, and says who its own users and teams are.
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
    pub const ALL: [Self; 7] = [
        Self::Connection,
        Self::Drop,
        Self::Mail,
        Self::App,
        Self::Auditor,
        Self::TenantAdmin,
        Self::Operator,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Drop => "drop",
            Self::Mail => "mail",
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

    /// Whether it acts for one connection, and for a connection of which kind.
    pub fn connection_kind(self) -> Option<&'static str> {
        match self {
            Self::Connection => Some("scim"),
            Self::Drop => Some("hris"),
            _ => None,
        }
    }

    /// May read the journal.
    pub fn reads_audit(self) -> bool {
        matches!(self, Self::Auditor | Self::TenantAdmin | Self::Operator)
    }
}
