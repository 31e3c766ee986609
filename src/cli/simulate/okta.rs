//! Okta's life cycle: catalogue apps (profile by PUT, the rest by PATCH) and wizard apps (everything by PUT).
//!
//! Order and bodies follow Okta's SCIM 2.0 guide: look-up before create, GET before PUT, deactivation as the end state
//! (Okta never deletes a user), import by index paging.

use reqwest::Method;
use serde_json::{Value, json};

use super::Family;
use super::client::{Call, Credentials};
use super::model::{ENTERPRISE, Model, PATCH_OP, USER};
use super::okta_groups;
use super::people::guid;
use super::report::Kind;
use super::session::Session;

/// Plays the whole life cycle.
pub async fn play(session: &mut Session<'_>, family: Family, keep: bool) {
    if !connect(session).await {
        return;
    }
    join(session).await;
    import(session).await;
    managers(session).await;
    move_people(session).await;
    rename(session).await;
    okta_groups::push(session, family).await;
    leave(session, family).await;
    return_to_work(session, family).await;
    passwords(session, family).await;
    session.audit().await;
    import(session).await;
    okta_groups::unlink(session).await;
    if !keep {
        // Okta itself never deletes a user: this is only tidiness, so nothing here is judged.
        session.clean_up(false).await;
    }
}

/// "Test API credentials", the door checks of the specification test, and the group list of "verify".
async fn connect(session: &mut Session<'_>) -> bool {
    session.phase("connection", 4);
    session.about("list of one");
    let call = Call::get(Kind::Connection, "/Users?startIndex=1&count=2".to_owned());
    if session.can_connect(call).await.is_none() {
        return false;
    }
    session.about("groups");
    let reply = session
        .send(Call::get(
            Kind::Connection,
            "/Groups?startIndex=1&count=100".to_owned(),
        ))
        .await;
    session.expect_status(&reply, &[200]);
    session.about("nobody by id");
    let nobody = guid(&session.marker);
    let reply = session
        .send(Call::get(Kind::Connection, format!("/Users/{nobody}")))
        .await;
    session.expect_status(&reply, &[404]);
    session.about("no credentials");
    let mut call = Call::get(Kind::Connection, "/Users?startIndex=1&count=1".to_owned());
    call.credentials = Credentials::Nonsense;
    let reply = session.send(call).await;
    session.expect_status(&reply, &[401]);
    true
}

/// The look-up that comes before every create and every reactivation.
pub(super) fn look_up(session: &Session<'_>, name: &str) -> Call {
    let filter = session.http.encode(&format!("userName eq \"{name}\""));
    Call::get(
        Kind::UserLookUp,
        format!("/Users?filter={filter}&startIndex=1&count=100"),
    )
}

fn document(session: &Session<'_>, index: usize) -> Value {
    let person = &session.model.people[index].person;
    let mut phones = vec![json!({"type": "work", "value": person.work_phone, "primary": true})];
    phones.extend(
        person
            .mobile_phone
            .as_ref()
            .map(|number| json!({"type": "mobile", "value": number})),
    );
    json!({
        "schemas": [USER, ENTERPRISE], "userName": person.user_name,
        "name": {"givenName": person.given, "familyName": person.family},
        "emails": [{"primary": true, "value": person.email, "type": "work"}],
        "displayName": person.display, "locale": "en-US", "externalId": person.external_id, "title": person.title,
        "phoneNumbers": phones, "groups": [], "password": person.password, "active": true,
        ENTERPRISE: {"employeeNumber": person.employee_number, "department": person.department},
    })
}

async fn join(session: &mut Session<'_>) {
    session.phase("joiners", session.model.people.len());
    for index in 0..session.model.people.len() {
        session.about_person(index);
        let name = session.model.people[index].person.user_name.clone();
        session.find(look_up(session, &name), None, true).await;
        let body = document(session, index);
        session.model.people[index].sent(&body);
        let mut call = Call::with(
            Kind::UserCreate,
            Method::POST,
            "/Users".to_owned(),
            body.clone(),
        );
        // The specification test sends plain JSON; the live client does not.
        call.plain_json = index % 10 == 9;
        let reply = session.send(call).await;
        session.created(index, &reply).await;
        if index % 10 == 5 {
            session.refused_as_taken(body).await;
        }
        if index % 5 == 0 {
            let id = session.model.people[index].id.clone();
            session
                .find(look_up(session, &name.to_uppercase()), id.as_deref(), true)
                .await;
        }
        if session.is_lost() {
            return;
        }
    }
}

async fn import(session: &mut Session<'_>) {
    session.phase("import", 1);
    let all = session.import("/Users", 20).await;
    session.compare_import(&all);
}

/// GET, then PUT of everything Okta knows: the truth of the model with what the server owns sent back.
async fn put_profile(session: &mut Session<'_>, index: usize, change: impl FnOnce(&mut Value)) {
    let Some(id) = session.model.people[index].id.clone() else {
        return;
    };
    let before = session.read_user(index).await.unwrap_or(Value::Null);
    let mut body = session.model.people[index].expected.clone();
    change(&mut body);
    body["schemas"] = json!([USER, ENTERPRISE]);
    body["id"] = json!(id);
    body["groups"] = json!([]);
    body["meta"] = before
        .get("meta")
        .cloned()
        .unwrap_or_else(|| json!({"resourceType": "User"}));
    session.model.people[index].sent(&body);
    let reply = session
        .send(Call::with(
            Kind::UserPut,
            Method::PUT,
            format!("/Users/{id}"),
            body,
        ))
        .await;
    session.changed(index, &reply).await;
}

async fn managers(session: &mut Session<'_>) {
    let who = session.model.present(&[0, 1, 2, 3]);
    session.phase("managers", who.len());
    for index in who {
        let Some(boss) = Model::manager_of(index).and_then(|b| session.model.people[b].id.clone())
        else {
            continue;
        };
        session.about_person(index);
        put_profile(session, index, |body| {
            body[ENTERPRISE]["manager"] = json!({"value": boss})
        })
        .await;
    }
}

async fn move_people(session: &mut Session<'_>) {
    let who = session.model.present(&[1, 4]);
    session.phase("movers", who.len());
    for index in who {
        session.about_person(index);
        put_profile(session, index, |body| {
            body["title"] = json!("Chef d'équipe (\u{e9}quipe \"B\")");
            body[ENTERPRISE]["department"] = json!("Støtte & Salg");
            body["name"]["middleName"] = json!("");
        })
        .await;
    }
}

async fn rename(session: &mut Session<'_>) {
    let who = session.model.present(&[2]);
    session.phase("renames", who.len());
    for index in who {
        session.about_person(index);
        let old = session.model.people[index].user_name().to_owned();
        let new = format!("renamed.{}", old.to_lowercase());
        put_profile(session, index, |body| {
            body["userName"] = json!(new);
            body["emails"][0]["value"] = json!(new);
            body["name"]["familyName"] = json!("Ó Briain-Łącki");
        })
        .await;
        let id = session.model.people[index].id.clone();
        session
            .find(look_up(session, &new), id.as_deref(), true)
            .await;
        session.find(look_up(session, &old), None, true).await;
    }
}

/// Deactivation or reactivation in the family's own way.
async fn set_active(session: &mut Session<'_>, family: Family, index: usize, active: bool) {
    match family {
        Family::Aiw => put_profile(session, index, |body| body["active"] = json!(active)).await,
        Family::Oin => {
            let Some(id) = session.model.people[index].id.clone() else {
                return;
            };
            session.model.people[index].expected["active"] = json!(active);
            let body = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"active": active}}]});
            let reply = session
                .send(Call::with(
                    Kind::UserPatch,
                    Method::PATCH,
                    format!("/Users/{id}"),
                    body,
                ))
                .await;
            session.changed(index, &reply).await;
        }
    }
}

async fn leave(session: &mut Session<'_>, family: Family) {
    let who = session.model.present(&[3, 6]);
    session.phase("leavers", who.len());
    for index in who {
        session.about_person(index);
        set_active(session, family, index, false).await;
        let (name, id) = (
            session.model.people[index].user_name().to_owned(),
            session.model.people[index].id.clone(),
        );
        // A server that hides the inactive gets a twin the day they come back.
        session
            .find(look_up(session, &name), id.as_deref(), true)
            .await;
    }
}

async fn return_to_work(session: &mut Session<'_>, family: Family) {
    let who = session.model.present(&[3]);
    session.phase("rehires", who.len());
    for index in who {
        session.about_person(index);
        let (name, id) = (
            session.model.people[index].user_name().to_owned(),
            session.model.people[index].id.clone(),
        );
        session
            .find(look_up(session, &name), id.as_deref(), true)
            .await;
        set_active(session, family, index, true).await;
    }
}

async fn passwords(session: &mut Session<'_>, family: Family) {
    let who = session.model.present(&[7]);
    session.phase("passwords", who.len());
    for index in who {
        session.about_person(index);
        match family {
            Family::Aiw => {
                put_profile(session, index, |body| {
                    body["password"] = json!("N3w-Secret!")
                })
                .await
            }
            Family::Oin => {
                let Some(id) = session.model.people[index].id.clone() else {
                    continue;
                };
                let body = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"password": "N3w-Secret!"}}]});
                let reply = session
                    .send(Call::with(
                        Kind::UserPatch,
                        Method::PATCH,
                        format!("/Users/{id}"),
                        body,
                    ))
                    .await;
                session.changed(index, &reply).await;
            }
        }
    }
}
