//! How a connector proves who it is: one kind for each idea, named in the YAML under `auth`.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::request::{Body, Method};
use super::text::{Path, PlainText, UrlText};

/// Kind of authentication.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Nothing is sent.
    None,
    /// HTTP Basic.
    Basic {
        /// User name.
        username: PlainText,
        /// Password.
        password: PlainText,
    },
    /// A header of the vendor's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: PlainText,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// The token.
        token: PlainText,
    },
    /// A parameter of the query.
    Query {
        /// Its name.
        name: String,
        /// Its value.
        value: PlainText,
    },
    /// A member of each JSON body.
    Body {
        /// Its name.
        name: String,
        /// Its value.
        value: PlainText,
    },
    /// A call that gives a token for a key.
    Login(Login),
    /// OAuth 2, client credentials (RFC 6749 §4.4).
    ClientCredentials {
        /// The token call.
        endpoint: TokenEndpoint,
    },
    /// OAuth 2, a refresh token that the customer pastes (RFC 6749 §6).
    RefreshToken {
        /// The token call.
        endpoint: TokenEndpoint,
        /// Id of the credential that holds the refresh token.
        credential: String,
        /// Each use gives a new one and ends the old one.
        #[serde(default)]
        rotates: bool,
    },
    /// OAuth 2, authorization code with PKCE (RFC 7636); a pull uses the refresh token that the consent gave.
    AuthorizationCode {
        /// The token call.
        endpoint: TokenEndpoint,
        /// Where the browser goes, without the parameters of OAuth.
        authorize: UrlText,
        /// Scopes that the consent asks for.
        #[serde(default)]
        scope: Option<PlainText>,
        /// Id of the credential that holds the refresh token.
        credential: String,
        /// Each use gives a new one and ends the old one.
        #[serde(default)]
        rotates: bool,
        /// How many days an unused refresh token lives.
        #[serde(default)]
        refresh_days: Option<u32>,
    },
    /// OAuth 2, a JWT signed with RS256 (RFC 7523).
    JwtBearer(JwtBearer),
    /// OAuth 2, a signed SAML 2.0 assertion (RFC 7522).
    SamlBearer(SamlBearer),
    /// WS-Security UsernameToken in the SOAP header, in the place of the comment `<!--security-->`.
    WsSecurity {
        /// User name.
        username: PlainText,
        /// Password, sent as text: TLS only.
        password: PlainText,
    },
}

impl Auth {
    /// Whether a token is asked for, which can be asked for again when it is refused.
    pub fn has_token(&self) -> bool {
        matches!(
            self,
            Self::Login(_)
                | Self::ClientCredentials { .. }
                | Self::RefreshToken { .. }
                | Self::AuthorizationCode { .. }
                | Self::JwtBearer(_)
                | Self::SamlBearer(_)
        )
    }

    /// The credential that changes with each use, if one does.
    pub fn rotating(&self) -> Option<&str> {
        match self {
            Self::RefreshToken {
                credential,
                rotates: true,
                ..
            }
            | Self::AuthorizationCode {
                credential,
                rotates: true,
                ..
            } => Some(credential),
            _ => None,
        }
    }

    /// The word of the YAML.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic { .. } => "basic",
            Self::Header { .. } => "header",
            Self::Bearer { .. } => "bearer",
            Self::Query { .. } => "query",
            Self::Body { .. } => "body",
            Self::Login(_) => "login",
            Self::ClientCredentials { .. } => "client_credentials",
            Self::RefreshToken { .. } => "refresh_token",
            Self::AuthorizationCode { .. } => "authorization_code",
            Self::JwtBearer(_) => "jwt_bearer",
            Self::SamlBearer(_) => "saml_bearer",
            Self::WsSecurity { .. } => "ws_security",
        }
    }
}

/// A call that gives a token for a key; nothing of the customer's is written by it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Method; POST unless said.
    #[serde(default = "post")]
    pub method: Method,
    /// Address.
    pub url: UrlText,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, PlainText>,
    /// Body of a POST.
    #[serde(default)]
    pub body: Option<Body>,
    /// Where the token lies in the answer.
    pub token: Path,
    /// Where its life in seconds lies in the answer.
    #[serde(default)]
    pub expires_in: Option<Path>,
    /// Its life in seconds where the answer does not say.
    #[serde(default = "hour")]
    pub lifetime: u32,
    /// How it is sent; `Authorization: Bearer` unless said.
    #[serde(default)]
    pub send: Option<SendToken>,
}

/// A header that carries the token.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendToken {
    /// Header.
    pub header: String,
    /// Value; `{{ token }}` is the token.
    pub value: PlainText,
}

/// The token call of OAuth 2.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenEndpoint {
    /// Address.
    pub url: UrlText,
    /// How the client shows itself.
    #[serde(default)]
    pub client: ClientAuth,
    /// Client id.
    pub client_id: PlainText,
    /// Client secret.
    #[serde(default)]
    pub client_secret: Option<PlainText>,
    /// Scopes, separated by spaces.
    #[serde(default)]
    pub scope: Option<PlainText>,
    /// Further parameters.
    #[serde(default)]
    pub form: BTreeMap<String, PlainText>,
    /// Where the token lies in the answer.
    #[serde(default = "access_token")]
    pub token: Path,
    /// Its life in seconds where the answer's `expires_in` does not say.
    #[serde(default = "hour")]
    pub lifetime: u32,
}

/// How a client shows itself at the token call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `client_id` and `client_secret` in the body.
    #[default]
    Body,
    /// HTTP Basic.
    Basic,
}

/// A JWT that is exchanged for a token.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// Address of the token call.
    pub url: UrlText,
    /// `iss`
    pub issuer: PlainText,
    /// `sub`
    #[serde(default)]
    pub subject: Option<PlainText>,
    /// `aud`: the vendor's documented value, also where `--endpoint` is set.
    pub audience: PlainText,
    /// `scope`
    #[serde(default)]
    pub scope: Option<PlainText>,
    /// RSA private key in PEM.
    pub private_key: KeyText,
    /// `kid`
    #[serde(default)]
    pub key_id: Option<PlainText>,
}

/// A SAML assertion that is exchanged for a token.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamlBearer {
    /// Address of the token call.
    pub url: UrlText,
    /// Issuer.
    pub issuer: PlainText,
    /// NameID: the user in whose name is read.
    pub subject: PlainText,
    /// Audience: the vendor's documented value.
    pub audience: PlainText,
    /// Recipient: the vendor's documented value.
    pub recipient: PlainText,
    /// Attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, PlainText>,
    /// Further parameters of the token call.
    #[serde(default)]
    pub form: BTreeMap<String, PlainText>,
    /// RSA private key in PEM.
    pub private_key: KeyText,
}

/// Where a key lies among the values: a path, since a key has lines, which no header may have.
pub type KeyText = Path;

fn hour() -> u32 {
    3_600
}

fn post() -> Method {
    Method::Post
}

fn access_token() -> Path {
    // A constant path.
    Path::parse("access_token").unwrap_or_default()
}
