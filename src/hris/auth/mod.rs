//! Authentication while a pull runs: what is added to each request, and the token behind it. A token is kept until a
//! minute before it ends; when it is refused a new one is asked for once.

pub mod consent;
mod jwt;
mod saml;
mod token;
mod wss;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use self::token::Token;
use super::client::{Answer, Call, Client, filled};
use super::error::{Error, Kind};
use super::manifest::{Auth, PlainText, SECURITY_MARK, SendToken, ToldBy, scalar};
use super::values::Values;
use crate::domain::chance::Chance;
use crate::domain::clock::Clock;
use crate::domain::sealed::SecretText;

/// A credential that the vendor exchanges, as it is kept at this moment.
pub enum Held {
    /// Whoever keeps it knows no other than the one that the session began with.
    AsGiven,
    /// The token that was kept last.
    Token(SecretText),
    /// Somebody has just consented: a code that works once.
    Code(consent::Code),
}

/// Keeps a credential that the vendor exchanges. Each exchange is begun by `held` and ended by one of the others; in
/// between nobody else may exchange it.
pub trait Keeper: Send + Sync {
    /// The credential as it is kept now. An error stops the pull, and nothing is exchanged.
    fn held<'a>(&'a self, credential: &'a str) -> BoxFuture<'a, Result<Held, Error>>;

    /// Keeps the new value. The access token that came with it is used only then: the old value is dead already. An error
    /// stops the pull.
    fn keep<'a>(&'a self, credential: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>>;

    /// The vendor refused what `held` gave, and will not take it again.
    fn refused<'a>(&'a self, credential: &'a str) -> BoxFuture<'a, ()>;
}

/// What authentication needs from around it.
pub struct Session<'a> {
    auth: &'a Auth,
    values: Value,
    client: &'a Client,
    clock: &'a dyn Clock,
    chance: &'a dyn Chance,
    keeper: Option<&'a dyn Keeper>,
    token: Mutex<State>,
}

/// The token in use and, where it rotates, the credential of today.
#[derive(Default)]
struct State {
    token: Option<Token>,
    rotated: Option<String>,
    /// The answer that gave the token.
    said: Value,
}

impl<'a> Session<'a> {
    /// A session. Without a keeper, a rotated credential is lost.
    pub fn new(
        auth: &'a Auth,
        values: &Values,
        client: &'a Client,
        clock: &'a dyn Clock,
        chance: &'a dyn Chance,
        keeper: Option<&'a dyn Keeper>,
    ) -> Self {
        Self {
            auth,
            values: Value::Object(values.all().clone()),
            client,
            clock,
            chance,
            keeper,
            token: Mutex::new(State::default()),
        }
    }

    /// Sends a request as the one who is signed in; a refused token is renewed once.
    pub async fn fetch<T>(
        &self,
        call: &Call,
        read: impl Fn(&Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (dressed, used) = self.dress(call.clone(), None).await?;
        let outcome = self.client.fetch(&dressed, &read).await;
        match (outcome, used) {
            (Err(error), Some(refused)) if is_refused(&error) => {
                let (dressed, _) = self.dress(call.clone(), Some(&refused)).await?;
                self.client.fetch(&dressed, &read).await
            }
            (outcome, _) => outcome,
        }
    }

    /// Words in which the vendor says what the token is good for; none where it does not say. Without a token that is in use
    /// nothing is said.
    pub async fn scopes(&self, told_by: &ToldBy) -> Option<Vec<String>> {
        let state = self.token.lock().await;
        let said = match told_by {
            ToldBy::Token(path) => path.find(&state.said).cloned(),
            ToldBy::Claim(name) => state
                .token
                .as_ref()
                .and_then(|token| jwt::claim(&token.value, name)),
            ToldBy::List(_) => None,
        };
        said.map(|said| words(&said))
    }

    /// Adds what shows who we are; answers the token that was used.
    async fn dress(
        &self,
        mut call: Call,
        refused: Option<&str>,
    ) -> Result<(Call, Option<String>), Error> {
        match self.auth {
            Auth::None => {}
            Auth::Basic { username, password } => {
                let value = basic(&self.fill(username)?, &self.fill(password)?);
                self.client.redactor().hide(&value);
                call.set_header("Authorization", &value);
            }
            Auth::Header { name, value } => call.set_header(name, &self.fill(value)?),
            Auth::Bearer { token } => {
                call.set_header("Authorization", &format!("Bearer {}", self.fill(token)?));
            }
            Auth::Query { name, value } => call.add_query(name, &self.fill(value)?),
            Auth::Body { name, value } => add_member(&mut call, name, &self.fill(value)?)?,
            Auth::WsSecurity { username, password } => {
                let header = wss::header(
                    &self.fill(username)?,
                    &self.fill(password)?,
                    self.clock.now(),
                );
                add_security(&mut call, &header)?;
            }
            Auth::Login(login) => {
                let token = self.token(refused).await?;
                self.send(&mut call, login.send.as_ref(), &token)?;
                return Ok((call, Some(token)));
            }
            Auth::ClientCredentials { .. }
            | Auth::RefreshToken { .. }
            | Auth::AuthorizationCode { .. }
            | Auth::JwtBearer(_)
            | Auth::SamlBearer(_) => {
                let token = self.token(refused).await?;
                self.send(&mut call, None, &token)?;
                return Ok((call, Some(token)));
            }
        }
        Ok((call, None))
    }

    fn send(&self, call: &mut Call, how: Option<&SendToken>, token: &str) -> Result<(), Error> {
        match how {
            None => call.set_header("Authorization", &format!("Bearer {token}")),
            Some(how) => {
                let mut values = self.values.clone();
                if let Value::Object(map) = &mut values {
                    map.insert("token".to_owned(), json!(token));
                }
                call.set_header(&how.header, &filled(how.value.render(&values))?);
            }
        }
        Ok(())
    }

    /// The token in use; a new one if there is none, it ends, or it was refused. Others wait meanwhile.
    async fn token(&self, refused: Option<&str>) -> Result<String, Error> {
        let mut state = self.token.lock().await;
        let now = self.clock.now();
        if let Some(token) = &state.token
            && token.is_good(now)
            && refused != Some(token.value.as_str())
        {
            return Ok(token.value.clone());
        }
        let token = self.obtain(&mut state).await?;
        self.client.redactor().hide(&token.value);
        let value = token.value.clone();
        state.token = Some(token);
        Ok(value)
    }

    fn fill(&self, text: &PlainText) -> Result<String, Error> {
        filled(text.render(&self.values))
    }
}

/// Words of a list, or of a text with blanks or commas between (RFC 6749 §3.3 has blanks).
pub(in crate::hris) fn words(said: &Value) -> Vec<String> {
    match said {
        Value::Array(list) => list.iter().filter_map(scalar).collect(),
        other => {
            let text = scalar(other).unwrap_or_default();
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
    }
}

/// The value of `Authorization` for HTTP Basic.
fn basic(username: &str, password: &str) -> String {
    format!(
        "Basic {}",
        STANDARD.encode(format!("{username}:{password}"))
    )
}

/// Whether the vendor refused the token: with 401, or as the connector's rules say.
fn is_refused(error: &Error) -> bool {
    error.kind == Kind::Credentials && error.code == "http_status"
}

/// Adds a member to a JSON body.
fn add_member(call: &mut Call, name: &str, value: &str) -> Result<(), Error> {
    let mut body: Map<String, Value> = match &call.body {
        None => Map::new(),
        Some((bytes, _)) => serde_json::from_slice(bytes)
            .map_err(|_| Error::new(Kind::Settings, "auth.body").with("member", name))?,
    };
    body.insert(name.to_owned(), json!(value));
    call.body = Some((
        Value::Object(body).to_string().into_bytes(),
        "application/json",
    ));
    Ok(())
}

/// Puts the security header in its place.
fn add_security(call: &mut Call, header: &str) -> Result<(), Error> {
    let error = || Error::new(Kind::Settings, "auth.security");
    let (bytes, _) = call.body.as_mut().ok_or_else(error)?;
    let text = std::str::from_utf8(bytes).map_err(|_| error())?;
    *bytes = text.replacen(SECURITY_MARK, header, 1).into_bytes();
    Ok(())
}
