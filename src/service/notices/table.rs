//! The table: which event goes to whom, by which channel, how often.

/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;
/// Milliseconds of a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// The vendor does not accept a connection's credentials. About a connection.
pub const NEEDS_CREDENTIALS: &str = "needs-credentials";
/// Two pulls or more of a connection failed in a row. About a connection.
pub const FAILING: &str = "failing";
/// Losses of access, or a whole plan, wait for an admin. About a connection.
pub const HELD: &str = "held";
/// Changes that an identity provider pushed wait for an admin. About a connection.
pub const PARKED: &str = "parked";
/// Somebody must decide who is who. About a connection.
pub const NEW_CONFLICT: &str = "new-conflict";
/// An invitation did not arrive. About an invitation.
pub const INVITATION_FAILED: &str = "invitation-failed";
/// A token ends soon. About a token.
pub const TOKEN_EXPIRES: &str = "token-expires";
/// Nothing comes from a source any more. About a connection.
pub const SOURCE_SILENT: &str = "source-silent";
/// Fields that many people had do not come any more. About a connection.
pub const COVERAGE_FELL: &str = "coverage-fell";
/// The hierarchy has something that an admin should look at. About a connection.
pub const TEAM_FINDING: &str = "team-finding";
/// A connection was disconnected. About a connection.
pub const DISCONNECTED: &str = "disconnected";
/// Somebody may administer the tenant now. About a token or a person.
pub const ADMIN_ADDED: &str = "admin-added";

/// How often the same open notice is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Once while it is open.
    Once,
    /// At once, after 4 hours, then daily while it is open.
    Insistent,
    /// At once; what happens after that at most once a day.
    Daily,
    /// Whenever its parameters change.
    Steps,
}

/// Who is told, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The tenant's admins, by mail.
    AdminsByMail,
    /// The operator, by its webhook.
    OperatorByWebhook,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// The notice.
    pub code: &'static str,
    /// Who is told, and how.
    pub to: &'static [To],
    /// How often.
    pub throttle: Throttle,
}

const BOTH: &[To] = &[To::AdminsByMail, To::OperatorByWebhook];

const fn event(code: &'static str, throttle: Throttle) -> Event {
    Event {
        code,
        to: BOTH,
        throttle,
    }
}

/// Every notice.
pub const EVENTS: &[Event] = &[
    event(NEEDS_CREDENTIALS, Throttle::Insistent),
    event(FAILING, Throttle::Insistent),
    event(HELD, Throttle::Insistent),
    event(PARKED, Throttle::Insistent),
    event(NEW_CONFLICT, Throttle::Daily),
    event(INVITATION_FAILED, Throttle::Once),
    event(TOKEN_EXPIRES, Throttle::Steps),
    event(SOURCE_SILENT, Throttle::Insistent),
    event(COVERAGE_FELL, Throttle::Once),
    event(TEAM_FINDING, Throttle::Daily),
    event(DISCONNECTED, Throttle::Once),
    event(ADMIN_ADDED, Throttle::Once),
];

/// The row of a code.
pub fn event_of(code: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.code == code)
}

pub(super) fn throttle_of(code: &str) -> Throttle {
    event_of(code).map_or(Throttle::Once, |event| event.throttle)
}

impl Throttle {
    /// When an open notice is told of next, after it was told so often; in milliseconds from the last time.
    pub(super) fn again_after(self, told: i64) -> Option<i64> {
        match (self, told) {
            (Self::Insistent, 1) => Some(4 * HOUR),
            (Self::Insistent, _) => Some(DAY),
            (Self::Once | Self::Daily | Self::Steps, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notice_is_there_once_and_somebody_is_told() {
        for (n, event) in EVENTS.iter().enumerate() {
            assert!(EVENTS[n + 1..].iter().all(|other| other.code != event.code));
            assert!(!event.to.is_empty(), "{}", event.code);
        }
    }
}
