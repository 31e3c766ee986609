//! Reason codes in words, for the operator at the shell: what is the matter, and what changes it.

use crate::domain::access::reason;

/// Why access is what it is.
pub(super) fn why(code: &str) -> &'static str {
    match code {
        reason::GRANTED_BY_POLICY => "the connection's joiner policy let her in",
        reason::RETURNED => "a source brought her back soon after she had left",
        reason::RETURNED_LATE => {
            "she came back long after she had left: a human must let her in again"
        }
        reason::LISTED_BY_SOURCE => "a source brought her and its joiner policy is `list`",
        reason::SOURCE_INACTIVE => {
            "the source created her inactive, or another one says that she is: activate her there"
        }
        reason::INVITATION_DUE => "the joiner policy asks for an invitation, which nobody has sent",
        reason::DEACTIVATED_BY_SOURCE => "the source set `active` to false: activate her there",
        reason::DELETED_BY_SOURCE => "the source deleted her: assign her there again",
        reason::CONFLICT => "she may be somebody who is there already: see conflicts below",
        reason::UNVERIFIED_DOMAIN => "her address is outside the tenant's verified domains",
        reason::LEFT => "the HR system says that she has left",
        reason::LAST_DAY_PASSED => "her last day in the HR system has passed",
        reason::LAST_DAY_AHEAD => "her last day in the HR system lies ahead",
        reason::ABSENT => "two complete pulls of the HR system did not bring her",
        reason::OUT_OF_SCOPE => "she is no longer among those whom the connection brings",
        reason::NOT_STARTED => "her first day in the HR system lies ahead",
        reason::NO_SEAT => {
            "the tenant's plan has no seat left: free one, or raise the plan (`rosterd tenant entitlements`)"
        }
        reason::DISCONNECTED => "the connection that brought her was disconnected",
        reason::UNDONE => "the run that brought her was undone",
        reason::MERGED => "a human said that she is somebody else, who has her record since",
        reason::UNLINKED => {
            "a human took the source's record from somebody else: she has it by herself since"
        }
        reason::REMOVED_BY_HUMAN => {
            "a human removed her; no source lifts that: `rosterd person reinstate`"
        }
        reason::REVOKED_BY_HUMAN => {
            "a human revoked her access; no source lifts that: `rosterd person reinstate`"
        }
        reason::HAS_ACCESS_IN_APP => "the app says that she has access",
        reason::DISABLED_IN_APP => "the app says that she has no access: enable her there",
        reason::REMOVED_IN_APP => {
            "she was removed in the app; no source lifts that: `rosterd person reinstate`"
        }
        reason::REINSTATED => {
            "a human lifted a revoke or remove: she waits until a source next says that she is active"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_code_has_words() {
        let source = include_str!("../../domain/access.rs");
        let codes: Vec<&str> = source
            .lines()
            .filter_map(|l| {
                l.trim()
                    .strip_prefix("pub const ")?
                    .split_once(": &str = \"")
            })
            .filter_map(|(_, rest)| rest.strip_suffix("\";"))
            .collect();
        assert!(codes.len() > 10, "{codes:?}");
        for code in codes {
            assert_ne!(why(code), "", "{code}");
        }
    }
}
