//! Reads back: after each step the server is asked again and its answer compared with the model.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::check::{self, Finding, finding};
use super::client::{Call, Reply};
use super::report::Kind;
use super::session::Session;

impl Session<'_> {
    /// Takes the answer to a create: 201 and a whole user with an id.
    pub async fn created(&mut self, index: usize, reply: &Reply) {
        if !self.expect_status(reply, &[201]) {
            return;
        }
        let record = &self.model.people[index];
        let found = check::user(None, &record.expected, &reply.body);
        self.record(found);
        let Some(id) = reply
            .string("id")
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
        else {
            return;
        };
        if self
            .model
            .people
            .iter()
            .any(|one| one.id.as_ref() == Some(&id))
        {
            self.mismatch("an id nobody else has", &id);
        }
        self.model.people[index].id = Some(id);
        self.read_user(index).await;
    }

    /// Takes the answer to a change of a user, then reads the user back.
    pub async fn changed(&mut self, index: usize, reply: &Reply) {
        if self.expect_status(reply, &[200, 204]) && reply.status == 200 {
            let record = &self.model.people[index];
            let found = check::user(record.id.as_deref(), &record.expected, &reply.body);
            self.record(found);
        }
        self.read_user(index).await;
    }

    /// GET of one user, compared with the model; the document for those who need it.
    pub async fn read_user(&mut self, index: usize) -> Option<Value> {
        let id = self.model.people[index].id.clone()?;
        let reply = self
            .send(Call::get(Kind::UserRead, format!("/Users/{id}")))
            .await;
        if self.model.people[index].is_gone {
            self.expect_status(&reply, &[404]);
            return None;
        }
        if !self.expect_status(&reply, &[200]) {
            return None;
        }
        let found = check::user(Some(&id), &self.model.people[index].expected, &reply.body);
        self.record(found);
        Some(reply.body)
    }

    /// A filtered query that must find exactly this id, or nobody. Returns whether it did.
    pub async fn find(&mut self, call: Call, wanted: Option<&str>, is_strict: bool) -> bool {
        let reply = self.send(call).await;
        if !self.expect_status(&reply, &[200]) {
            return false;
        }
        let mut found: Vec<Finding> = Vec::new();
        if let Some(list) = check::listing(&reply.body, is_strict, &mut found) {
            let ids: Vec<&str> = list
                .resources
                .iter()
                .filter_map(|one| one["id"].as_str())
                .collect();
            let wanted: Vec<&str> = wanted.into_iter().collect();
            if ids != wanted {
                found.push(finding(
                    format!("hits {wanted:?}"),
                    format!("hits {ids:?}, {}", reply.summary()),
                ));
            }
            if list.total != wanted.len() as u64 {
                found.push(finding(
                    format!("totalResults {}", wanted.len()),
                    list.total.to_string(),
                ));
            }
        }
        let is_right = found.is_empty();
        self.record(found);
        is_right
    }

    /// A create that must be refused because the userName is taken.
    pub async fn refused_as_taken(&mut self, body: Value) {
        let reply = self
            .send(Call::with(
                Kind::Refusal,
                Method::POST,
                "/Users".to_owned(),
                body,
            ))
            .await;
        if self.expect_status(&reply, &[409]) && reply.body["scimType"] != "uniqueness" {
            self.mismatch("scimType uniqueness", &reply.summary());
        }
        if reply.status == 201 {
            // The twin would spoil every later look-up.
            if let Some(id) = reply.string("id") {
                self.send(Call::bare(
                    Kind::CleanUp,
                    Method::DELETE,
                    format!("/Users/{id}"),
                ))
                .await;
            }
        }
    }

    /// GET of one group with its members, compared with the model.
    pub async fn read_team(&mut self, team: usize) -> Option<Value> {
        let id = self.model.teams[team].id.clone()?;
        let reply = self
            .send(Call::get(Kind::GroupRead, format!("/Groups/{id}")))
            .await;
        if self.model.teams[team].is_gone {
            self.expect_status(&reply, &[404]);
            return None;
        }
        if !self.expect_status(&reply, &[200]) {
            return None;
        }
        self.compare_team(team, &reply.body, true);
        Some(reply.body)
    }

    /// Every group with its members: what happens to a person must leave them alone.
    pub async fn read_all_teams(&mut self) {
        for team in 0..self.model.teams.len() {
            self.about(format!("group {}", self.model.teams[team].name));
            self.read_team(team).await;
        }
    }

    /// Compares a group document. Answers to a write may leave the members out; a read may not.
    pub fn compare_team(&mut self, team: usize, got: &Value, has_members: bool) {
        self.compare_team_name(team, got);
        if has_members || got["members"].is_array() {
            let found = check::member_set(&self.model.teams[team].members, got);
            self.record(found);
        }
    }

    /// Compares all of a group but its members.
    pub fn compare_team_name(&mut self, team: usize, got: &Value) {
        let wanted = &self.model.teams[team];
        let texts = [
            ("id", wanted.id.as_deref()),
            ("displayName", Some(wanted.name.as_str())),
            ("externalId", wanted.external_id.as_deref()),
        ];
        let mut found = check::group_frame(got);
        for (name, value) in texts {
            if let Some(value) = value
                && got[name] != value
            {
                found.push(finding(
                    format!("{name} = \"{value}\""),
                    got[name].to_string(),
                ));
            }
        }
        self.record(found);
    }

    /// Takes the answer to a change of a group, then reads it back.
    pub async fn team_changed(&mut self, team: usize, reply: &Reply) {
        if self.expect_status(reply, &[200, 204]) && reply.status == 200 {
            self.compare_team(team, &reply.body, false);
        }
        self.read_team(team).await;
    }

    /// Takes the answer to the create of a group.
    pub async fn team_created(&mut self, team: usize, reply: &Reply) {
        if !self.expect_status(reply, &[201]) {
            return;
        }
        match reply.string("id").filter(|id| !id.is_empty()) {
            Some(id) => self.model.teams[team].id = Some(id.to_owned()),
            None => self.mismatch("an id", &reply.summary()),
        }
        self.compare_team(team, &reply.body, false);
        self.read_team(team).await;
    }

    /// DELETE of a group, and the proof that it is gone.
    pub async fn delete_team(&mut self, team: usize) {
        let Some(id) = self.model.teams[team].id.clone() else {
            return;
        };
        self.about(format!("group {}", self.model.teams[team].name));
        let reply = self
            .send(Call::bare(
                Kind::GroupDelete,
                Method::DELETE,
                format!("/Groups/{id}"),
            ))
            .await;
        if self.expect_status(&reply, &[204]) {
            self.model.teams[team].is_gone = true;
            self.read_team(team).await;
        }
    }

    /// Reads everybody and every group: a step must not have touched anyone else.
    pub async fn audit(&mut self) {
        self.phase("audit", self.model.people.len() + self.model.teams.len());
        for index in 0..self.model.people.len() {
            self.about_person(index);
            self.read_user(index).await;
        }
        self.read_all_teams().await;
    }

    /// Pages through a resource type as an import does: the next page starts one page size further, whatever came.
    pub async fn import(&mut self, path: &str, count: u64) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let mut start = 1u64;
        let mut first_total = None;
        loop {
            self.about(format!("{path} from {start}, {count} per page"));
            let reply = self
                .send(Call::get(
                    Kind::Import,
                    format!("{path}?startIndex={start}&count={count}"),
                ))
                .await;
            if !self.expect_status(&reply, &[200]) {
                return all;
            }
            let mut found = Vec::new();
            let list = check::listing(&reply.body, true, &mut found);
            let Some(list) = list else {
                self.record(found);
                return all;
            };
            let total = *first_total.get_or_insert(list.total);
            let due = total.saturating_sub(start - 1).min(count);
            if list.resources.len() as u64 != due {
                found.push(finding(
                    format!("{due} on this page of {total} in all"),
                    format!("{}", list.resources.len()),
                ));
            }
            if reply.body["startIndex"].as_u64() != Some(start) {
                found.push(finding(
                    format!("startIndex {start}"),
                    reply.body["startIndex"].to_string(),
                ));
            }
            all.extend_from_slice(list.resources);
            self.record(found);
            start += count;
            if start > total {
                return all;
            }
        }
    }

    /// Everybody of the model must be in the import exactly once, nobody who is gone, and no id twice.
    pub fn compare_import(&mut self, all: &[Value]) {
        let ids: Vec<&str> = all.iter().filter_map(|one| one["id"].as_str()).collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        let mut found = Vec::new();
        if distinct.len() != all.len() {
            found.push(finding(
                "every id once over all pages",
                format!("{} resources, {} ids", all.len(), distinct.len()),
            ));
        }
        for record in &self.model.people {
            let Some(id) = record.id.as_deref() else {
                continue;
            };
            match all.iter().find(|one| one["id"] == id) {
                Some(_) if record.is_gone => {
                    found.push(finding(format!("{} not listed", record.user_name()), id))
                }
                Some(one) => found.extend(check::user(Some(id), &record.expected, one)),
                None if record.is_gone => {}
                None => found.push(finding(
                    format!("{} in the list", record.user_name()),
                    "missing",
                )),
            }
        }
        self.about("the whole import");
        self.record(found);
    }

    /// Every group of the model must be in the import once, with its members, so that an admin can link it.
    pub fn compare_group_import(&mut self, all: &[Value]) {
        for team in 0..self.model.teams.len() {
            let Some(id) = self.model.teams[team].id.clone() else {
                continue;
            };
            self.about(format!("group {}", self.model.teams[team].name));
            let listed: Vec<&Value> = all.iter().filter(|one| one["id"] == id.as_str()).collect();
            let wanted = usize::from(!self.model.teams[team].is_gone);
            if listed.len() != wanted {
                self.mismatch(
                    &format!("{wanted} time(s) in the list"),
                    &listed.len().to_string(),
                );
            }
            if let Some(one) = listed.first() {
                self.compare_team(team, one, true);
            }
        }
    }

    /// Deletes what the run created. `is_judged` when the provider itself sends such deletes.
    pub async fn clean_up(&mut self, is_judged: bool) {
        self.phase("clean-up", self.model.people.len() + self.model.teams.len());
        let groups = self
            .model
            .teams
            .iter()
            .filter(|team| !team.is_gone)
            .filter_map(|team| team.id.clone());
        let people = self
            .model
            .people
            .iter()
            .filter(|one| !one.is_gone)
            .filter_map(|one| one.id.clone());
        let targets: Vec<String> = groups
            .map(|id| format!("/Groups/{id}"))
            .chain(people.map(|id| format!("/Users/{id}")))
            .collect();
        let mut left = 0usize;
        for target in targets {
            self.about(target.clone());
            let reply = self
                .send(Call::bare(Kind::CleanUp, Method::DELETE, target.clone()))
                .await;
            let is_deleted = if is_judged {
                self.expect_status(&reply, &[204])
            } else {
                matches!(reply.status, 200 | 202 | 204 | 404)
            };
            left += usize::from(!is_deleted);
        }
        if left > 0 {
            self.remark(format!(
                "{left} resources could not be deleted and stay on the server"
            ));
        }
    }
}
