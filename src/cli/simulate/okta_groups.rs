//! Okta's group push: create, the rename that follows at once, membership, "push now", unlink and delete.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::Family;
use super::client::Call;
use super::model::{GROUP, PATCH_OP, Team};
use super::report::Kind;
use super::session::Session;

/// How many groups are pushed.
const TEAMS: usize = 3;

/// Pushes groups and changes their members in the family's own way.
pub async fn push(session: &mut Session<'_>, family: Family) {
    session.phase("group push", TEAMS);
    for number in 0..TEAMS {
        let name = format!("{} {} Büro {number}", session.marker, session.play);
        session.about(format!("group {name}"));
        session.model.teams.push(Team::new(name.clone(), None));
        let team = session.model.teams.len() - 1;
        let body = json!({"schemas": [GROUP], "displayName": name, "members": []});
        let reply = session
            .send(Call::with(
                Kind::GroupCreate,
                Method::POST,
                "/Groups".to_owned(),
                body,
            ))
            .await;
        session.team_created(team, &reply).await;
        if session.model.teams[team].id.is_none() {
            continue;
        }
        rename(session, family, team, &name).await;
        let people = ids(session, number);
        let (early, late) = people.split_at(people.len() / 2);
        change(session, family, team, early, &[]).await;
        change(
            session,
            family,
            team,
            late,
            early.get(..1).unwrap_or_default(),
        )
        .await;
        rename(session, family, team, &format!("{name} (renamed)")).await;
        if number == 1 {
            replace(session, family, team, late).await;
            replace(session, family, team, &[]).await;
            replace(session, family, team, &people).await;
        }
    }
    let all = session.import("/Groups", 100).await;
    session.compare_group_import(&all);
}

/// Unlinks with deletion.
pub async fn unlink(session: &mut Session<'_>) {
    session.phase("group delete", TEAMS);
    for team in 0..session.model.teams.len() {
        session.delete_team(team).await;
    }
}

fn ids(session: &Session<'_>, number: usize) -> Vec<String> {
    let places: [&[usize]; TEAMS] = [&[0, 1, 2, 3], &[4, 5, 6], &[3, 7, 8, 9]];
    let present = session.model.present(places[number % TEAMS]);
    present
        .into_iter()
        .filter_map(|index| session.model.people[index].id.clone())
        .collect()
}

fn values(ids: &[String]) -> Value {
    ids.iter()
        .map(|id| json!({"value": id, "display": null}))
        .collect()
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

/// Wizard apps send the whole group each time.
async fn put(session: &mut Session<'_>, team: usize) {
    let Some(id) = session.model.teams[team].id.clone() else {
        return;
    };
    let members: Vec<String> = session.model.teams[team].members.iter().cloned().collect();
    let body = json!({"schemas": [GROUP], "id": id, "displayName": session.model.teams[team].name, "members": values(&members)});
    let reply = session
        .send(Call::with(
            Kind::GroupPut,
            Method::PUT,
            format!("/Groups/{id}"),
            body,
        ))
        .await;
    session.team_changed(team, &reply).await;
}

async fn rename(session: &mut Session<'_>, family: Family, team: usize, name: &str) {
    name.clone_into(&mut session.model.teams[team].name);
    match family {
        Family::Aiw => put(session, team).await,
        Family::Oin => {
            let id = session.model.teams[team].id.clone();
            patch(
                session,
                team,
                json!([{"op": "replace", "value": {"id": id, "displayName": name}}]),
            )
            .await;
        }
    }
}

/// Members in and out; catalogue apps mix both in one PATCH, a remove with a filter path each.
async fn change(
    session: &mut Session<'_>,
    family: Family,
    team: usize,
    add: &[String],
    remove: &[String],
) {
    for id in remove {
        session.model.teams[team].members.remove(id);
    }
    session.model.teams[team]
        .members
        .extend(add.iter().cloned());
    match family {
        Family::Aiw => put(session, team).await,
        Family::Oin => {
            let mut operations: Vec<Value> = remove
                .iter()
                .map(|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))
                .collect();
            operations.push(json!({"op": "add", "path": "members", "value": values(add)}));
            patch(session, team, Value::from(operations)).await;
        }
    }
}

/// "Push now": the list is the whole truth, the empty one too.
async fn replace(session: &mut Session<'_>, family: Family, team: usize, all: &[String]) {
    session.model.teams[team].members = all.iter().cloned().collect::<BTreeSet<String>>();
    match family {
        Family::Aiw => put(session, team).await,
        Family::Oin => {
            patch(
                session,
                team,
                json!([{"op": "replace", "path": "members", "value": values(all)}]),
            )
            .await
        }
    }
}
