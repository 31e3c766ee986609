//! The app's login path: may this person come in.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::people::Reason;
use super::problem::{Problem, Result};
use crate::http::call::Reply;
use crate::service::access::{Verdict, Who};
use crate::storage::view::UserView;

/// Longest address and id that is looked up, in bytes.
const LENGTH: usize = 1_000;

/// Somebody who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "ann@acme.test", "idpSubject": "00u1a2b3c4"}))]
pub struct SignIn {
    /// Her address, which the identity provider has verified.
    email: String,
    /// What the identity provider calls her: tells apart who shares an address.
    idp_subject: Option<String>,
}

/// Whether somebody may use the app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// `grant`, `accept-pending-invitation`, `not-invited` or `revoked`.
    #[schema(example = "grant")]
    answer: &'static str,
    /// Who that is; absent: nobody knows her.
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<Known>,
}

/// Somebody who is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Id of the person.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// What the app calls her.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_user_id: Option<String>,
    /// `listed`, `invited`, `granted` or `revoked`.
    #[schema(example = "granted")]
    access: String,
    /// What the app is to enforce.
    has_access: bool,
    /// Why.
    access_reason: Reason,
    /// The entity to which the app counts her.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    /// The SCIM User in force, without `id` and `meta`.
    #[schema(value_type = Object)]
    user: Value,
}

impl Known {
    fn of(view: UserView) -> Self {
        Self {
            id: view.user_id,
            app_user_id: view.app_user_id,
            access: view.access,
            has_access: view.has_access,
            access_reason: Reason::of(view.access_reason, view.access_params.as_deref()),
            entity: view.entity,
            user: serde_json::from_str(&view.doc.0).unwrap_or(Value::Null),
        }
    }
}

/// Ask whether somebody may use the app.
///
/// By exactly one of `email` (the primary address), `appUserId` and `personId`. Whom nobody knows is `not-invited`.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/access", responses((status = 200, description = "Whether she may.", body = Answer)))]
pub async fn get(call: Call) -> Result<Reply> {
    let given = ["email", "appUserId", "personId"].map(|name| call.parameter(name));
    let who = match given {
        [Some(email), None, None] => Who::Email(checked("email", email)?, None),
        [None, Some(id), None] => Who::AppUser(checked("appUserId", id)?),
        [None, None, Some(id)] => Who::Person(checked("personId", id)?),
        _ => {
            let detail = "give exactly one of `email`, `appUserId` and `personId`";
            return Err(Problem::invalid(detail));
        }
    };
    answer(&call, who).await
}

/// Tell that somebody signs in, and ask whether she may.
///
/// Nobody gets access by signing in: who is listed is `not-invited`. Where the tenant's setting `justInTime` is on, somebody
/// listed is let in by it if she works, her address is verified, no question about her is open and no human decided otherwise.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/sign-ins", request_body = SignIn, responses((status = 200, description = "Whether she may.", body = Answer)))]
pub async fn sign_in(call: Call) -> Result<Reply> {
    let given: SignIn = call.read()?;
    let email = checked("email", &given.email)?;
    let subject = given.idp_subject.as_deref();
    let subject = subject.map(|s| checked("idpSubject", s)).transpose()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    answered(&call, service.sign_in(&caller, email, subject).await)
}

fn checked(name: &str, value: &str) -> Result<String> {
    match (1..=LENGTH).contains(&value.len()) && !value.contains('\0') {
        true => Ok(value.to_owned()),
        false => Err(Problem::invalid(format!(
            "`{name}` takes 1 to {LENGTH} bytes"
        ))),
    }
}

async fn answer(call: &Call, who: Who) -> Result<Reply> {
    let (service, tenant) = (&call.state.service, call.caller()?.tenant);
    answered(call, service.find_access(&tenant, who).await)
}

fn answered(
    call: &Call,
    found: crate::service::Result<(Verdict, Option<UserView>)>,
) -> Result<Reply> {
    let (verdict, person) = found.map_err(|e| call.explain(e))?;
    reply(
        200,
        &Answer {
            answer: Verdict::as_str(verdict),
            person: person.map(Known::of),
        },
    )
}
