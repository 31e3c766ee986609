//! Entra's groups: look-up by name without members, create without members, one PATCH a member.

use reqwest::Method;
use serde_json::{Value, json};

use super::Dialect;
use super::client::Call;
use super::entra::op;
use super::model::{GROUP, PATCH_OP, Team};
use super::people::guid;
use super::report::Kind;
use super::session::Session;

/// How many groups are pushed.
const TEAMS: usize = 3;
/// The URN that Entra adds to every group it creates.
const ADSCIM: &str = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

/// Creates groups and fills them.
pub async fn push(session: &mut Session<'_>, dialect: Dialect) {
    session.phase("groups", TEAMS);
    for number in 0..TEAMS {
        let name = format!("{} {} Größe {number}", session.marker, session.play);
        session.about(format!("group {name}"));
        look_up(session, &name, None).await;
        let key = guid(&name);
        session
            .model
            .teams
            .push(Team::new(name.clone(), Some(key.clone())));
        let team = session.model.teams.len() - 1;
        let body = json!({"schemas": [GROUP, ADSCIM], "externalId": key, "displayName": name, "meta": {"resourceType": "Group"}});
        let reply = session
            .send(Call::with(
                Kind::GroupCreate,
                Method::POST,
                "/Groups".to_owned(),
                body,
            ))
            .await;
        session.team_created(team, &reply).await;
        let Some(id) = session.model.teams[team].id.clone() else {
            continue;
        };
        look_up(session, &name, Some(&id)).await;
        without_members(session, team).await;
        let places: [&[usize]; TEAMS] = [&[0, 1, 2, 3], &[4, 5, 6], &[3, 7, 8, 9]];
        let present = session.model.present(places[number]);
        let people: Vec<String> = present
            .into_iter()
            .filter_map(|i| session.model.people[i].id.clone())
            .collect();
        for person in &people {
            add(session, dialect, team, person).await;
        }
        if let Some(person) = people.first() {
            // Sent twice after a lost answer: no error, no second membership.
            add(session, dialect, team, person).await;
            is_member(session, &id, person, true).await;
            remove(session, dialect, team, person).await;
            remove(session, dialect, team, person).await;
            is_member(session, &id, person, false).await;
        }
        let renamed = format!("{name} (renamed)");
        session.model.teams[team].name.clone_from(&renamed);
        patch(
            session,
            team,
            json!([{"op": op(dialect, "replace"), "path": "displayName", "value": renamed}]),
        )
        .await;
    }
}

/// Deletes every group.
pub async fn delete(session: &mut Session<'_>) {
    session.phase("group delete", TEAMS);
    for team in 0..session.model.teams.len() {
        session.delete_team(team).await;
    }
}

async fn look_up(session: &mut Session<'_>, name: &str, wanted: Option<&str>) {
    let filter = session.http.encode(&format!("displayName eq \"{name}\""));
    let call = Call::get(
        Kind::GroupLookUp,
        format!("/Groups?excludedAttributes=members&filter={filter}"),
    );
    session.find(call, wanted, false).await;
}

async fn without_members(session: &mut Session<'_>, team: usize) {
    let Some(id) = session.model.teams[team].id.clone() else {
        return;
    };
    let reply = session
        .send(Call::get(
            Kind::GroupRead,
            format!("/Groups/{id}?excludedAttributes=members"),
        ))
        .await;
    if session.expect_status(&reply, &[200]) {
        if reply.body.get("members").is_some() {
            session.mismatch("no members where they are excluded", &reply.summary());
        }
        session.compare_team(team, &reply.body, false);
    }
}

async fn patch(session: &mut Session<'_>, team: usize, operations: Value) {
    let Some(id) = session.model.teams[team].id.clone() else {
        return;
    };
    let body = json!({"schemas": [PATCH_OP], "Operations": operations});
    let reply = session
        .send(Call::with(
            Kind::GroupPatch,
            Method::PATCH,
            format!("/Groups/{id}"),
            body,
        ))
        .await;
    session.team_changed(team, &reply).await;
}

async fn add(session: &mut Session<'_>, dialect: Dialect, team: usize, person: &str) {
    session.model.teams[team].members.insert(person.to_owned());
    let value = match dialect {
        Dialect::Classic => json!([{"$ref": null, "value": person}]),
        Dialect::Flag2020 => json!([{"value": person}]),
    };
    patch(
        session,
        team,
        json!([{"op": op(dialect, "add"), "path": "members", "value": value}]),
    )
    .await;
}

/// The default dialect names the member in a value array: a server by the RFC's letter empties the group.
async fn remove(session: &mut Session<'_>, dialect: Dialect, team: usize, person: &str) {
    session.model.teams[team].members.remove(person);
    let operation = match dialect {
        Dialect::Classic => {
            json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": person}]})
        }
        Dialect::Flag2020 => {
            json!({"op": "remove", "path": format!("members[value eq \"{person}\"]")})
        }
    };
    patch(session, team, json!([operation])).await;
}

async fn is_member(session: &mut Session<'_>, group: &str, person: &str, wanted: bool) {
    let filter = session
        .http
        .encode(&format!("id eq \"{group}\" and members eq \"{person}\""));
    let call = Call::get(
        Kind::Reference,
        format!("/Groups?filter={filter}&attributes=id"),
    );
    session.find(call, wanted.then_some(group), false).await;
}
