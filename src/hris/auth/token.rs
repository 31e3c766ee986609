//! Calls that give a token.

use std::collections::BTreeMap;

use serde_json::Value;

use super::consent::Code;
use super::{Held, Session, State, basic, jwt, saml};
use crate::domain::clock::Millis;
use crate::hris::client::{Answer, Call};
use crate::hris::error::{Error, Kind};
use crate::hris::formats::json;
use crate::hris::manifest::{Auth, ClientAuth, Login, Path, PlainText, TokenEndpoint};

/// A token in use.
pub(super) struct Token {
    pub(super) value: String,
    /// A minute before it ends.
    until: Millis,
}

impl Token {
    pub(super) fn is_good(&self, now: Millis) -> bool {
        now < self.until
    }
}

/// What an answer to a token call said.
struct Given {
    token: String,
    seconds: u64,
    refresh_token: Option<String>,
    /// The whole answer.
    said: Value,
}

impl Session<'_> {
    /// Asks for a token.
    pub(super) async fn obtain(&self, state: &mut State) -> Result<Token, Error> {
        let given = match self.auth {
            Auth::Login(login) => self.login(login).await?,
            Auth::ClientCredentials { endpoint } => {
                self.grant(endpoint, &[("grant_type", "client_credentials")])
                    .await?
            }
            Auth::RefreshToken {
                endpoint,
                credential,
                rotates,
            }
            | Auth::AuthorizationCode {
                endpoint,
                credential,
                rotates,
                ..
            } => {
                let given = self.exchange(state, endpoint, credential).await?;
                if *rotates && given.refresh_token.is_none() {
                    tracing::warn!(credential, "the vendor gave no new refresh token");
                }
                given
            }
            Auth::JwtBearer(bearer) => {
                let assertion = jwt::assertion(bearer, &self.values, self.clock.now())?;
                let pairs = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", assertion.as_str()),
                ];
                let call = self.form(&bearer.url, &pairs, &BTreeMap::new())?;
                self.token_call(&call, &oauth()).await?
            }
            Auth::SamlBearer(bearer) => {
                let assertion =
                    saml::assertion(bearer, &self.values, self.clock.now(), self.chance)?;
                let pairs = [
                    (
                        "grant_type",
                        "urn:ietf:params:oauth:grant-type:saml2-bearer",
                    ),
                    ("assertion", assertion.as_str()),
                ];
                let call = self.form(&bearer.url, &pairs, &bearer.form)?;
                self.token_call(&call, &oauth()).await?
            }
            _ => return Err(Error::new(Kind::Settings, "auth.no_token")),
        };
        let life = given.seconds.saturating_sub(60).saturating_mul(1_000);
        let now = self.clock.now();
        state.said = given.said;
        Ok(Token {
            value: given.token,
            until: Millis(
                now.0
                    .saturating_add(i64::try_from(life).unwrap_or(i64::MAX)),
            ),
        })
    }

    async fn login(&self, login: &Login) -> Result<Given, Error> {
        let mut call = Call {
            method: login.method,
            ..Call::post(&login.url, &self.values)?
        };
        for (name, text) in &login.headers {
            call.set_header(name, &self.fill(text)?);
        }
        if let Some(body) = &login.body {
            call.fill(body, &self.values)?;
        }
        let reading = Reading {
            token: login.token.clone(),
            expires_in: login.expires_in.clone(),
            lifetime: login.lifetime,
            refresh: false,
        };
        self.token_call(&call, &reading).await
    }

    async fn grant(
        &self,
        endpoint: &TokenEndpoint,
        pairs: &[(&str, &str)],
    ) -> Result<Given, Error> {
        let id = self.fill(&endpoint.client_id)?;
        let secret = match &endpoint.client_secret {
            Some(text) => self.fill(text)?,
            None => String::new(),
        };
        let scope = match &endpoint.scope {
            Some(text) => self.fill(text)?,
            None => String::new(),
        };
        let mut pairs = pairs.to_vec();
        pairs.push(("scope", &scope));
        if endpoint.client == ClientAuth::Body {
            pairs.push(("client_id", &id));
            pairs.push(("client_secret", &secret));
        }
        let mut call = self.form(&endpoint.url, &pairs, &endpoint.form)?;
        if endpoint.client == ClientAuth::Basic {
            let value = basic(&id, &secret);
            self.client.redactor().hide(&value);
            call.set_header("Authorization", &value);
        }
        let reading = Reading {
            token: endpoint.token.clone(),
            lifetime: endpoint.lifetime,
            ..oauth()
        };
        self.token_call(&call, &reading).await
    }

    /// Exchanges a refresh token, or the code of a consent that has just come. A new refresh token is kept before anything
    /// else is done with the answer.
    async fn exchange(
        &self,
        state: &mut State,
        endpoint: &TokenEndpoint,
        credential: &str,
    ) -> Result<Given, Error> {
        let held = match self.keeper {
            Some(keeper) => keeper.held(credential).await?,
            None => Held::AsGiven,
        };
        let known = match &held {
            Held::Code(_) => None,
            Held::Token(token) => Some(token.expose().to_owned()),
            Held::AsGiven => {
                let given = self.values.get(credential).and_then(Value::as_str);
                let rotated = state.rotated.as_deref();
                Some(rotated.or(given).unwrap_or_default().to_owned())
            }
        };
        let given = match (&held, &known) {
            (Held::Code(code), _) => self.redeem(endpoint, code).await,
            (_, Some(token)) if !token.is_empty() => self.renew(endpoint, token).await,
            _ => {
                return Err(
                    Error::new(Kind::Credentials, "consent.missing").with("field", credential)
                );
            }
        };
        let given = given.map_err(|error| error.with("field", credential));
        let given = match (given, self.keeper) {
            (Ok(given), _) => given,
            (Err(error), Some(keeper)) if error.kind == Kind::Credentials => {
                keeper.refused(credential).await;
                return Err(error);
            }
            (Err(error), _) => return Err(error),
        };
        if let Some(new) = given.refresh_token.as_ref()
            && known.as_ref() != Some(new)
        {
            self.client.redactor().hide(new);
            if let Some(keeper) = self.keeper {
                keeper.keep(credential, new).await?;
            }
            state.rotated = Some(new.clone());
        }
        Ok(given)
    }

    /// Asks for an access token with a refresh token (RFC 6749 §6).
    async fn renew(&self, endpoint: &TokenEndpoint, token: &str) -> Result<Given, Error> {
        self.client.redactor().hide(token);
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.grant(endpoint, &pairs).await
    }

    /// Exchanges the code of a consent (RFC 6749 §4.1.3, RFC 7636 §4.5). Without a refresh token nothing could be pulled an
    /// hour later, so that is an error.
    async fn redeem(&self, endpoint: &TokenEndpoint, code: &Code) -> Result<Given, Error> {
        self.client.redactor().hide(code.code.expose());
        self.client.redactor().hide(code.verifier.expose());
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code.code.expose()),
            ("redirect_uri", code.redirect.as_str()),
            ("code_verifier", code.verifier.expose()),
        ];
        let given = self.grant(endpoint, &pairs).await.map_err(|error| {
            let code = match error.code {
                "auth.refused" => "consent.refused",
                other => other,
            };
            Error { code, ..error }
        })?;
        match given.refresh_token {
            Some(_) => Ok(given),
            None => Err(Error::new(Kind::Credentials, "consent.no_refresh_token")),
        }
    }

    fn form(
        &self,
        url: &crate::hris::manifest::UrlText,
        pairs: &[(&str, &str)],
        more: &BTreeMap<String, PlainText>,
    ) -> Result<Call, Error> {
        let mut call = Call::post(url, &self.values)?;
        let mut all: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        for (name, text) in more {
            all.push((name.clone(), self.fill(text)?));
        }
        call.set_form(&all)?;
        Ok(call)
    }

    /// Sends a token call: twice at most, since an answer that was lost may have used the credential up.
    async fn token_call(&self, call: &Call, reading: &Reading) -> Result<Given, Error> {
        let outcome = self
            .client
            .fetch_up_to(call, 2, |answer| reading.read(answer))
            .await;
        outcome.map_err(|error| match error.kind {
            // A rule of the connector says that a right is missing (`invalid_scope`).
            Kind::Rights
                if error
                    .params
                    .get("status")
                    .is_some_and(|s| s == "400" || s == "401") =>
            {
                error
            }
            // 400 and 401 of a token call speak of the credentials (RFC 6749 §5.2); so do 403 and 404 of a login.
            Kind::NotUnderstood | Kind::Credentials | Kind::Rights
                if error.code == "http_status" || error.code == "error_behind_200" =>
            {
                Error {
                    kind: Kind::Credentials,
                    code: "auth.refused",
                    ..error
                }
            }
            _ => error,
        })
    }
}

/// Where an answer holds what.
struct Reading {
    token: Path,
    expires_in: Option<Path>,
    lifetime: u32,
    refresh: bool,
}

fn oauth() -> Reading {
    let path = |text| Path::parse(text).unwrap_or_default();
    Reading {
        token: path("access_token"),
        expires_in: Some(path("expires_in")),
        lifetime: 3_600,
        refresh: true,
    }
}

impl Reading {
    fn read(&self, answer: &Answer) -> Result<Given, Error> {
        let body = json::parse(&answer.body)
            .map_err(|problem| Error::new(Kind::Unavailable, problem.code))?;
        let Some(token) = self.token.text(&body) else {
            let hidden = crate::hris::client::classify::hidden(answer.status, &body, &[]);
            return Err(hidden.unwrap_or_else(|| {
                Error::new(Kind::NotUnderstood, "auth.token_missing").with("path", &self.token)
            }));
        };
        let seconds = self.expires_in.as_ref().and_then(|path| path.number(&body));
        let refresh_token = body
            .get("refresh_token")
            .filter(|_| self.refresh)
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(Given {
            token,
            seconds: seconds.unwrap_or(u64::from(self.lifetime)),
            refresh_token,
            said: body,
        })
    }
}
