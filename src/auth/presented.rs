//! How a request shows its token: as a bearer token (RFC 6750), as the password of HTTP Basic (RFC 7617), or in a header
//! of its own. It is the same token each time; which client may show it how, is up to whoever knows the client.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The way in which a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer token`.
    Bearer,
    /// `Authorization: Basic …`, the token as password; the name before it means nothing.
    Basic,
    /// `X-Api-Key: token`.
    ApiKey,
}

/// A token as a request shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub secret: String,
}

impl Presented {
    /// Reads both headers; where there is an `Authorization`, it alone counts. `None`: there is no token.
    pub fn read(authorization: Option<&str>, api_key: Option<&str>) -> Option<Self> {
        let (scheme, secret) = match authorization {
            Some(header) => {
                let (word, rest) = header.trim().split_once(' ')?;
                let rest = rest.trim();
                match word {
                    _ if word.eq_ignore_ascii_case("bearer") => (Scheme::Bearer, rest.to_owned()),
                    _ if word.eq_ignore_ascii_case("basic") => (Scheme::Basic, password(rest)?),
                    _ => return None,
                }
            }
            None => (Scheme::ApiKey, api_key?.trim().to_owned()),
        };
        (!secret.is_empty()).then_some(Self { scheme, secret })
    }
}

/// What stands behind the first colon.
fn password(encoded: &str) -> Option<String> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let text = String::from_utf8(engine.decode(encoded).ok()?).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    /// Both headers, and what they show.
    type Case<'a> = (Option<&'a str>, Option<&'a str>, Option<(Scheme, &'a str)>);

    #[test]
    fn a_token_is_read_in_each_of_its_ways_and_nothing_else_is_one() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let cases: [Case<'_>; 14] = [
            (Some("Bearer abc"), None, Some((Scheme::Bearer, "abc"))),
            (
                Some(" bEARER   abc "),
                Some("k"),
                Some((Scheme::Bearer, "abc")),
            ),
            (
                Some(&basic("rosterd:abc")),
                None,
                Some((Scheme::Basic, "abc")),
            ),
            (Some(&basic(":a:b")), None, Some((Scheme::Basic, "a:b"))),
            (Some("basic YTpi"), None, Some((Scheme::Basic, "b"))),
            (Some("basic YTo6YQ"), None, Some((Scheme::Basic, ":a"))),
            (Some(&basic("abc")), None, None),
            (Some(&basic("abc:")), None, None),
            (Some("Basic %%%"), None, None),
            (Some("Basic /////w=="), None, None),
            (Some("abc"), Some("k"), None),
            (Some("Digest abc"), None, None),
            (None, Some(" k "), Some((Scheme::ApiKey, "k"))),
            (None, Some(" "), None),
        ];
        for (authorization, key, want) in cases {
            let got = Presented::read(authorization, key);
            let got = got.as_ref().map(|p| (p.scheme, p.secret.as_str()));
            assert_eq!(got, want, "{authorization:?} {key:?}");
        }
        assert!(Presented::read(None, None).is_none());
    }
}
