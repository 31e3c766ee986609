//! Entra's life cycle, in the default PATCH dialect and in that of the 2020 flag.
//!
//! Order and bodies follow Microsoft's tutorial: look-up by the matching attribute, one operation an attribute, the
//! manager in a PATCH of its own once both exist, disable before delete, restore without memberships sent again.

use reqwest::Method;
use serde_json::{Value, json};

use super::Dialect;
use super::check;
use super::client::Call;
use super::entra_groups;
use super::model::{ENTERPRISE, Model, PATCH_OP, Place, USER};
use super::people::guid;
use super::report::Kind;
use super::session::Session;

/// Plays the whole life cycle.
pub async fn play(session: &mut Session<'_>, dialect: Dialect, keep: bool) {
    if !connect(session).await {
        return;
    }
    join(session, dialect).await;
    managers(session, dialect).await;
    entra_groups::push(session, dialect).await;
    move_people(session, dialect).await;
    rename(session, dialect).await;
    leave_and_return(session, dialect).await;
    delete_and_create_again(session, dialect).await;
    session.audit().await;
    entra_groups::delete(session).await;
    if !keep {
        session.clean_up(true).await;
    }
}

/// The word for an operation in this dialect.
pub(super) fn op(dialect: Dialect, word: &str) -> String {
    match dialect {
        Dialect::Flag2020 => word.to_owned(),
        Dialect::Classic => {
            let mut chars = word.chars();
            chars.next().map_or(String::new(), |first| {
                first.to_ascii_uppercase().to_string() + chars.as_str()
            })
        }
    }
}

/// A boolean as this dialect writes it.
fn boolean(dialect: Dialect, value: bool) -> Value {
    match dialect {
        Dialect::Flag2020 => json!(value),
        Dialect::Classic => json!(if value { "True" } else { "False" }),
    }
}

async fn connect(session: &mut Session<'_>) -> bool {
    session.phase("connection", 3);
    session.about("nobody");
    let nobody = guid(&session.marker);
    let filter = session.http.encode(&format!("userName eq \"{nobody}\""));
    let call = Call::get(Kind::Connection, format!("/Users?filter={filter}"));
    if session.can_connect(call).await.is_none() {
        return false;
    }
    let filter = session.http.encode(&format!("displayName eq \"{nobody}\""));
    let call = Call::get(
        Kind::Connection,
        format!("/Groups?excludedAttributes=members&filter={filter}"),
    );
    session.find(call, None, false).await;
    session.about("published schemas");
    let reply = session
        .send(Call::get(Kind::Connection, "/Schemas".to_owned()))
        .await;
    if session.expect_status(&reply, &[200]) {
        session.record(check::schema_words(&reply.body));
    }
    true
}

fn look_up(session: &Session<'_>, name: &str) -> Call {
    let filter = session.http.encode(&format!("userName eq \"{name}\""));
    Call::get(Kind::UserLookUp, format!("/Users?filter={filter}"))
}

fn document(session: &Session<'_>, dialect: Dialect, index: usize) -> Value {
    let person = &session.model.people[index].person;
    let mut body = json!({
        "schemas": [USER, ENTERPRISE], "externalId": person.external_id, "userName": person.user_name, "active": true,
        "displayName": person.display, "emails": [{"primary": true, "type": "work", "value": person.email}],
        "meta": {"resourceType": "User"}, "name": {"formatted": person.display, "familyName": person.family, "givenName": person.given},
        "phoneNumbers": [{"type": "work", "value": person.work_phone}], "title": person.title, "roles": [],
        ENTERPRISE: {"department": person.department, "employeeNumber": person.employee_number},
    });
    if let Some(number) = &person.mobile_phone
        && let Some(list) = body["phoneNumbers"].as_array_mut()
    {
        list.push(json!({"type": "mobile", "value": number}));
    }
    if dialect == Dialect::Classic {
        // Unmapped attributes arrive as null.
        body["addresses"] = Value::Null;
        body["nickName"] = Value::Null;
    }
    body
}

async fn create(session: &mut Session<'_>, dialect: Dialect, index: usize) -> Value {
    let body = document(session, dialect, index);
    session.model.people[index].sent(&body);
    let reply = session
        .send(Call::with(
            Kind::UserCreate,
            Method::POST,
            "/Users".to_owned(),
            body.clone(),
        ))
        .await;
    session.created(index, &reply).await;
    body
}

async fn join(session: &mut Session<'_>, dialect: Dialect) {
    session.phase("joiners", session.model.people.len());
    for index in 0..session.model.people.len() {
        session.about_person(index);
        let name = session.model.people[index].person.user_name.clone();
        session.find(look_up(session, &name), None, false).await;
        let body = create(session, dialect, index).await;
        let id = session.model.people[index].id.clone();
        match index % 5 {
            0 => {
                session
                    .find(look_up(session, &name.to_uppercase()), id.as_deref(), false)
                    .await;
            }
            1 => {
                let filter = session.http.encode(&format!(
                    "externalId eq \"{}\"",
                    session.model.people[index].person.external_id
                ));
                session
                    .find(
                        Call::get(Kind::UserLookUp, format!("/Users?filter={filter}")),
                        id.as_deref(),
                        false,
                    )
                    .await;
            }
            2 => {
                let filter = session
                    .http
                    .encode(&format!("emails[type eq \"work\"].value eq \"{name}\""));
                session
                    .find(
                        Call::get(Kind::UserLookUp, format!("/Users?filter={filter}")),
                        id.as_deref(),
                        false,
                    )
                    .await;
            }
            3 if index % 10 == 3 => session.refused_as_taken(body).await,
            _ => {}
        }
        if session.is_lost() {
            return;
        }
    }
}

async fn patch(session: &mut Session<'_>, index: usize, operations: Value) {
    let Some(id) = session.model.people[index].id.clone() else {
        return;
    };
    let body = json!({"schemas": [PATCH_OP], "Operations": operations});
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

/// The manager follows in a PATCH of its own; Entra sends the bare id and wants the object back.
async fn managers(session: &mut Session<'_>, dialect: Dialect) {
    let who = session.model.present(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    session.phase("managers", who.len());
    for index in who {
        let Some(boss) = Model::manager_of(index).and_then(|b| session.model.people[b].id.clone())
        else {
            continue;
        };
        let Some(id) = session.model.people[index].id.clone() else {
            continue;
        };
        session.about_person(index);
        session.model.people[index].expected[ENTERPRISE]["manager"] = json!({"value": boss});
        patch(session, index, json!([{"op": op(dialect, "add"), "path": format!("{ENTERPRISE}:manager"), "value": boss}])).await;
        let filter = session
            .http
            .encode(&format!("id eq \"{id}\" and manager eq \"{boss}\""));
        session
            .find(
                Call::get(
                    Kind::Reference,
                    format!("/Users?filter={filter}&attributes=id"),
                ),
                Some(&id),
                false,
            )
            .await;
        let filter = session
            .http
            .encode(&format!("id eq \"{id}\" and manager eq \"{id}\""));
        session
            .find(
                Call::get(
                    Kind::Reference,
                    format!("/Users?filter={filter}&attributes=id"),
                ),
                None,
                false,
            )
            .await;
    }
}

/// Writes values into the model and sends one operation an attribute, or one object with paths as keys.
async fn set(
    session: &mut Session<'_>,
    dialect: Dialect,
    index: usize,
    values: &[(Place, Value)],
    dotted: bool,
) {
    for (place, value) in values {
        place.write(&mut session.model.people[index].expected, value.clone());
    }
    let operations = if dotted {
        let object: Value = values
            .iter()
            .map(|(place, value)| (place.path(), value.clone()))
            .collect();
        json!([{"op": op(dialect, "replace"), "value": object}])
    } else {
        values.iter().map(|(place, value)| json!({"op": op(dialect, "replace"), "path": place.path(), "value": value})).collect()
    };
    patch(session, index, operations).await;
}

async fn move_people(session: &mut Session<'_>, dialect: Dialect) {
    let who = session.model.present(&[1, 4]);
    session.phase("movers", who.len());
    for index in who {
        session.about_person(index);
        // The 2020 dialect also sends values without a path, whose keys are paths.
        let dotted = dialect == Dialect::Flag2020 && index % 2 == 0;
        let values = [
            (Place::Plain("title"), json!("Chef d'équipe \"B\"")),
            (Place::Sub("name", "familyName"), json!("Ó Briain-Łącki")),
            (Place::Enterprise("department"), json!("Støtte & Salg")),
            (
                Place::Typed("phoneNumbers", "fax", "value"),
                json!("+1 (5) 55 x 9"),
            ),
        ];
        set(session, dialect, index, &values, dotted).await;
        // Two operations for one address that does not exist yet: one element, not two.
        let values = [
            (Place::Typed("addresses", "work", "country"), json!("DE")),
            (Place::Typed("addresses", "work", "locality"), json!("Köln")),
        ];
        set(session, dialect, index, &values, false).await;
        Place::Plain("title").write(&mut session.model.people[index].expected, Value::Null);
        patch(
            session,
            index,
            json!([{"op": op(dialect, "remove"), "path": "title"}]),
        )
        .await;
    }
}

async fn rename(session: &mut Session<'_>, dialect: Dialect) {
    let who = session.model.present(&[2]);
    session.phase("renames", who.len());
    for index in who {
        session.about_person(index);
        let old = session.model.people[index].user_name().to_owned();
        let new = format!("renamed.{}", old.to_lowercase());
        let values = [
            (Place::Plain("userName"), json!(new)),
            (Place::Typed("emails", "work", "value"), json!(new)),
            (Place::Plain("displayName"), json!("Renamed Ünïcode")),
        ];
        set(session, dialect, index, &values, false).await;
        let id = session.model.people[index].id.clone();
        session
            .find(look_up(session, &new), id.as_deref(), false)
            .await;
        session.find(look_up(session, &old), None, false).await;
    }
}

async fn set_active(session: &mut Session<'_>, dialect: Dialect, index: usize, active: bool) {
    session.model.people[index].expected["active"] = json!(active);
    let value = boolean(dialect, active);
    patch(
        session,
        index,
        json!([{"op": op(dialect, "replace"), "path": "active", "value": value}]),
    )
    .await;
}

/// Disable, and restore half of them: memberships are not sent again, so the server must have kept them.
async fn leave_and_return(session: &mut Session<'_>, dialect: Dialect) {
    let who = session.model.present(&[3, 6]);
    session.phase("leavers", who.len());
    for index in &who {
        session.about_person(*index);
        set_active(session, dialect, *index, false).await;
        let (name, id) = (
            session.model.people[*index].user_name().to_owned(),
            session.model.people[*index].id.clone(),
        );
        session
            .find(look_up(session, &name), id.as_deref(), false)
            .await;
    }
    let back = session.model.present(&[3]);
    session.phase("rehires", back.len());
    for index in back {
        session.about_person(index);
        let (name, id) = (
            session.model.people[index].user_name().to_owned(),
            session.model.people[index].id.clone(),
        );
        session
            .find(look_up(session, &name), id.as_deref(), false)
            .await;
        set_active(session, dialect, index, true).await;
    }
    for team in 0..session.model.teams.len() {
        session.read_team(team).await;
    }
}

/// The hard delete, thirty days later in real life, and the same person created anew.
async fn delete_and_create_again(session: &mut Session<'_>, dialect: Dialect) {
    let who = session.model.expendable(&[8, 9]);
    session.phase("deletions", who.len());
    for index in who {
        let Some(id) = session.model.people[index].id.clone() else {
            continue;
        };
        session.about_person(index);
        set_active(session, dialect, index, false).await;
        let reply = session
            .send(Call::bare(
                Kind::UserDelete,
                Method::DELETE,
                format!("/Users/{id}"),
            ))
            .await;
        if !session.expect_status(&reply, &[204]) {
            continue;
        }
        session.model.people[index].is_gone = true;
        for team in &mut session.model.teams {
            team.members.remove(&id);
        }
        session.read_user(index).await;
        let name = session.model.people[index].user_name().to_owned();
        session.find(look_up(session, &name), None, false).await;
        if index % 10 == 8 {
            session.model.people[index].is_gone = false;
            session.model.people[index].id = None;
            create(session, dialect, index).await;
        }
    }
}
