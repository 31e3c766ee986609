//! Looking at a pull connection without changing anybody: a test of its credentials, and a dry run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result, UNAVAILABLE};
use super::time;
use crate::http::call::Reply;
use crate::service::looks;

/// How long a vendor may take until the answer does not wait any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a test showed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// The vendor answered as the connector expects.
    works: bool,
    /// Records on the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    /// How many the vendor announces in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    announced: Option<u64>,
    /// Requests sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
    /// Fields that came: their names and shapes, never a value.
    fields: Vec<FieldSeen>,
    /// What the credentials cannot read beside the list of people: nobody is missing then, but what it fills in is.
    unread: Vec<Unread>,
    /// Rights that are missing, or seem to be: nobody on the first page has what they show.
    missing_rights: Vec<RightText>,
    /// What the credentials can read, or do, and need not: take it away at the vendor.
    excess_rights: Vec<RightText>,
    /// What more they could read without anything that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<RightText>,
    /// Why it does not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<TestError>,
}

/// A right, in the vendor's words.
#[derive(Debug, Serialize, ToSchema)]
pub struct RightText {
    /// In English.
    #[schema(example = "View on Work > Job")]
    en: String,
    /// In French.
    #[schema(example = "lecture de Work > Job")]
    fr: String,
}

/// What cannot be read beside the list of people.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    /// Its name in the connector.
    #[schema(example = "lookups.departments")]
    name: String,
    /// Why.
    error: TestError,
}

/// A field that came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldSeen {
    /// Its path in a record.
    #[schema(example = "job.title")]
    path: String,
    /// Kinds of values that it has.
    #[schema(example = "text")]
    kinds: String,
    /// Records that have one.
    filled: u64,
}

/// Why a test failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestError {
    /// What can be done about it: `credentials`, `rights`, `rate_limited`, `unavailable`, `not_understood`, `settings`,
    /// `limit` or `stopped`.
    #[schema(example = "credentials")]
    kind: String,
    /// What happened.
    #[schema(example = "auth.refused")]
    code: String,
    /// Its parameters; never a credential.
    params: BTreeMap<String, String>,
    /// What it means, in English.
    text: String,
    /// Whether trying again later may help.
    retry_helps: bool,
}

/// A dry run that is asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LookAsked {
    /// Id of the connection.
    connection: String,
    /// Since when one is asked for: the run of the kind `dry` that begins after it is the answer.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    asked_at: String,
    /// Where its run will be.
    #[schema(
        example = "/api/v1/tenants/acme/runs?connection=01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"
    )]
    runs: String,
}

fn works(tried: looks::Tried) -> Tested {
    let fields = tried.fields.into_iter();
    let unread = tried.unread.into_iter();
    let rights = |list: Vec<looks::Told>| list.into_iter().map(right).collect();
    Tested {
        works: true,
        records: Some(tried.records),
        announced: tried.announced,
        requests: Some(tried.requests),
        fields: fields
            .map(|(path, (kinds, filled))| FieldSeen {
                path,
                kinds,
                filled,
            })
            .collect(),
        unread: unread
            .map(|(name, failed)| Unread {
                name,
                error: error(failed),
            })
            .collect(),
        missing_rights: rights(tried.missing),
        excess_rights: rights(tried.excess),
        unseen: tried.unseen.map(right),
        error: None,
    }
}

fn right(text: looks::Told) -> RightText {
    RightText {
        en: text.en,
        fr: text.fr,
    }
}

fn fails(failed: looks::Failed) -> Tested {
    Tested {
        works: false,
        records: None,
        announced: None,
        requests: None,
        fields: Vec::new(),
        unread: Vec::new(),
        missing_rights: Vec::new(),
        excess_rights: Vec::new(),
        unseen: None,
        error: Some(error(failed)),
    }
}

fn error(failed: looks::Failed) -> TestError {
    TestError {
        kind: failed.kind,
        code: failed.code,
        params: failed.params,
        text: failed.text,
        retry_helps: failed.retry_helps,
    }
}

/// Test a connection.
///
/// Calls the vendor with what is stored, with as few requests as can be, and reads the first page: whether the credentials
/// work, which fields come, and which rights are missing or too much. Nobody is changed by it. That it does not work is an answer too: `works` is false.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/test", responses((status = 200, description = "What it showed.", body = Tested)))]
pub async fn test(call: Call) -> Result<Reply> {
    let (service, caller) = (call.state.service.clone(), call.caller()?);
    let row = service.find_working_pull(&caller, &call.id).await;
    let row = row.map_err(|e| call.explain(e))?;
    // A client that goes away does not cut off the exchange of a credential that works once.
    let trying = tokio::spawn(async move { service.tries.try_connection(&caller, &row).await });
    let late = || {
        let seconds = PATIENCE.as_secs();
        let detail = format!("the vendor did not answer within {seconds} seconds");
        Problem::new(&UNAVAILABLE, detail)
    };
    let done = tokio::time::timeout(PATIENCE, trying).await;
    let done = done.map_err(|_| late())?.map_err(|_| late())?;
    let tested = match done.map_err(|e| call.explain(e))? {
        Ok(tried) => works(tried),
        Err(failed) => fails(failed),
    };
    reply(200, &tested)
}

/// Ask for a dry run.
///
/// A process that pulls reads everybody and makes the plan, within seconds or as long as the vendor takes. Nothing is
/// applied; the plan is looked at as that of any run, losses of access with `?losses=true`. Of a connection that reads files
/// there is a plan only while one waits, and one that is handed in is read at once: look through it with `file/preview`.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/connections/{id}/dry-run", responses((status = 202, description = "It will be made: look at the runs.", body = LookAsked)))]
pub async fn dry_run(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let asked = service.ask_for_look(&caller, &call.id).await;
    let asked = asked.map_err(|e| call.explain(e))?;
    let tenant = &call.tenant()?.id;
    let answer = LookAsked {
        connection: call.id.clone(),
        asked_at: time(asked.0),
        runs: format!("/api/v1/tenants/{tenant}/runs?connection={}", call.id),
    };
    reply(202, &answer)
}
