//! WS-Security UsernameToken with the password as text: over TLS only, which every address of a connector has.

use crate::domain::clock::Millis;

/// The security header of a SOAP envelope.
pub(super) fn header(username: &str, password: &str, now: Millis) -> String {
    format!(
        "<wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\" \
xmlns:wsu=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\">\
<wsse:UsernameToken><wsse:Username>{}</wsse:Username>\
<wsse:Password Type=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText\">{}</wsse:Password>\
<wsu:Created>{}</wsu:Created></wsse:UsernameToken></wsse:Security>",
        escape(username),
        escape(password),
        now.to_rfc3339()
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
