//! The hierarchy. Sheet: Other calls, "One root, single parent, no loops. The node on the job is the lowest unit (team);
//! walk `ParentId` upwards": group, companies, divisions, departments, teams.

use serde_json::{Value, json};

use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, UNITS};
use crate::cli::simulate::hris::people::Person;

/// Names of a node.
pub(super) const NAMES: &[&str] = &["Id", "ParentId", "Level", "Title", "Disabled"];

fn id(seed: u64, place: &str) -> String {
    Dice::new(seed, &format!("iris/node/{place}")).uuid()
}

/// The node of somebody's job: the team, or the department where it has none for them.
pub(super) fn of(seed: u64, person: &Person) -> String {
    let department = format!("{}/{}", person.entity.id, person.unit.id);
    match person.serial % 4 {
        0 => id(seed, &department),
        _ => id(seed, &format!("{department}/team")),
    }
}

/// All of them: a parent need not stand before its children.
pub(super) fn all(seed: u64) -> Vec<Value> {
    let node = |place: &str, parent: Option<&str>, level: u8, title: &str| {
        json!({
            "Id": id(seed, place), "ParentId": parent.map(|p| id(seed, p)), "Level": level,
            "Title": title, "Disabled": false,
        })
    };
    let mut nodes = Vec::new();
    for entity in ENTITIES {
        let company = entity.id.to_string();
        let mut divisions: Vec<&str> = UNITS.iter().map(|u| u.division).collect();
        divisions.sort_unstable();
        divisions.dedup();
        for unit in UNITS {
            let division = format!("{company}/{}", unit.division);
            let department = format!("{company}/{}", unit.id);
            let team = format!("{department}/team");
            nodes.push(node(&team, Some(department.as_str()), 5, unit.team));
            nodes.push(node(&department, Some(division.as_str()), 4, unit.name));
        }
        for title in divisions {
            let division = format!("{company}/{title}");
            nodes.push(node(&division, Some(company.as_str()), 3, title));
        }
        nodes.push(node(&company, Some("group"), 2, entity.name));
    }
    nodes.push(node("group", None, 1, "Kestrel Group"));
    nodes
}
