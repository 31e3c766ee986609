//! `rosterd teams`: teams from who reports to whom.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::service::teams::{
    Choice, Confirmed, Found, Named, Preview, Status, TeamView, Totals, Unassigned,
};
use crate::service::{Caller, Service};

/// How many of each list a preview prints.
const LIMIT: usize = 50;
/// How many findings are read together.
const PAGE: usize = 500;

/// Teams and the sync that keeps them.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Teams {
    /// Show what completing the set-up would do; nothing changes.
    Preview {
        #[command(flatten)]
        chosen: Chosen,
        /// How many of each list.
        #[arg(long, default_value_t = LIMIT)]
        limit: usize,
        /// How many of each list to leave out first.
        #[arg(long, default_value_t = 0)]
        after: usize,
    },
    /// Complete the set-up: the teams there are give way to those of the hierarchy.
    Complete {
        #[command(flatten)]
        chosen: Chosen,
        /// Where more people than one in five would be in no team: how many, as the preview says.
        #[arg(long, value_name = "NUMBER")]
        confirm_unassigned: Option<usize>,
    },
    /// Stop team sync: teams stay, and can be edited.
    Stop(Of),
    /// Bring back the teams that the set-up replaced.
    Restore(Of),
    /// Bring teams in step with their source now.
    Run(Of),
    /// Show how team sync stands, the teams as a tree, and who is in none.
    Show(Of),
    /// Show what is wrong with the hierarchy.
    Findings(Of),
}

/// Of which tenant.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// What is chosen; what is not given is as it was chosen before.
#[derive(Debug, clap::Args)]
pub(super) struct Chosen {
    #[command(flatten)]
    of: Of,
    /// Id of the connection whose managers make teams.
    #[arg(long, value_name = "ID")]
    connection: Option<String>,
    /// Language of the teams' names: en or fr.
    #[arg(long)]
    language: Option<String>,
    /// How teams are called, with {manager} and {department}.
    #[arg(long)]
    template: Option<String>,
}

impl Chosen {
    fn choice(&self) -> Choice {
        let language = self.language.clone();
        Choice {
            connection: self.connection.clone(),
            templates: self.template.clone().map(|template| {
                let of = language.clone().unwrap_or_else(|| "en".to_owned());
                BTreeMap::from([(of, template)])
            }),
            language,
        }
    }
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Teams) -> Result<(), Failure> {
    match command {
        Teams::Preview {
            chosen,
            limit,
            after,
        } => {
            let (service, caller) = open(config, &chosen.of, "preview").await?;
            let slice = (after, limit);
            let preview = service
                .preview_teams(&caller.tenant, &chosen.choice(), slice)
                .await?;
            output.row(&json!(preview), &preview_page(&preview))
        }
        Teams::Complete {
            chosen,
            confirm_unassigned,
        } => {
            let (service, caller) = open(config, &chosen.of, "complete").await?;
            let confirmed = Confirmed {
                unassigned: confirm_unassigned,
            };
            let status = service
                .complete_team_sync(&caller, &chosen.choice(), confirmed)
                .await?;
            output.row(&json!(status), &status_line(&status))
        }
        Teams::Stop(of) => {
            let (service, caller) = open(config, &of, "stop").await?;
            let status = service.stop_team_sync(&caller).await?;
            output.row(&json!(status), &status_line(&status))
        }
        Teams::Restore(of) => {
            let (service, caller) = open(config, &of, "restore").await?;
            let status = service.restore_teams(&caller).await?;
            output.row(&json!(status), &status_line(&status))
        }
        Teams::Run(of) => {
            let (service, caller) = open(config, &of, "run").await?;
            let run = service.sync_teams_now(&caller).await?;
            let text = format!(
                "{} teams created, {} ended, {} renamed; {} people moved, {} teams with another reviewer",
                run.created, run.ended, run.renamed, run.moved, run.reviewers
            );
            output.row(&json!(run), &text)
        }
        Teams::Show(of) => show(config, output, &of).await,
        Teams::Findings(of) => {
            let (service, caller) = open(config, &of, "findings").await?;
            let mut after = String::new();
            loop {
                let page = service.list_team_findings(&caller.tenant, &after, PAGE);
                let page = page.await?;
                for (_, found) in &page {
                    output.row(&json!(found), &finding_line(found))?;
                }
                match page.last() {
                    Some((last, _)) => after.clone_from(last),
                    None => return Ok(()),
                }
            }
        }
    }
}

async fn open(config: &Config, of: &Of, command: &str) -> Result<(Service, Caller), Failure> {
    let service = open::service(config)?;
    let command = format!("teams {command}");
    let caller = open::caller(&service, &of.tenant, &command).await?;
    Ok((service, caller))
}

async fn show(config: &Config, output: Output, of: &Of) -> Result<(), Failure> {
    let (service, caller) = open(config, of, "show").await?;
    let tenant = &caller.tenant;
    let status = service.team_sync(tenant).await?;
    let teams = service.list_teams(tenant, "", usize::MAX).await?;
    let unassigned = service.list_unassigned(tenant, "", usize::MAX).await?;
    let value = json!({"teamSync": status, "teams": teams, "unassigned": unassigned});
    let mut lines = vec![status_line(&status)];
    lines.extend(tree(&teams));
    let (leads, others): (Vec<_>, Vec<_>) = unassigned.iter().partition(|p| p.reason == "leads");
    lines.push(format!("Unassigned: {}", others.len()));
    lines.extend(others.iter().take(LIMIT).map(|p| unassigned_line(p)));
    lines.extend(leads.iter().take(LIMIT).map(|p| unassigned_line(p)));
    output.row(&value, &lines.join("\n"))
}

/// Teams under those that they are part of.
fn tree(teams: &[TeamView]) -> Vec<String> {
    let known: BTreeSet<&str> = teams.iter().map(|t| t.id.as_str()).collect();
    let mut below: BTreeMap<&str, Vec<&TeamView>> = BTreeMap::new();
    for team in teams {
        let parent = team.parent.as_deref().filter(|id| known.contains(id));
        below
            .entry(parent.unwrap_or_default())
            .or_default()
            .push(team);
    }
    for list in below.values_mut() {
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list.reverse();
    }
    let mut open: Vec<(usize, &TeamView)> = below
        .remove("")
        .unwrap_or_default()
        .into_iter()
        .map(|t| (0, t))
        .collect();
    let mut lines = Vec::with_capacity(teams.len());
    while let Some((depth, team)) = open.pop() {
        let reviewers = match team.reviewers.as_slice() {
            [] => "nobody reviews it".to_owned(),
            list => format!("reviewed by {}", names(list)),
        };
        let indent = "  ".repeat(depth);
        lines.push(format!(
            "{indent}{}  ({} people, {reviewers})",
            shown(&team.name),
            team.size
        ));
        let inner = below.remove(team.id.as_str()).unwrap_or_default();
        open.extend(inner.into_iter().map(|team| (depth + 1, team)));
    }
    lines
}

fn names(people: &[Named]) -> String {
    let each = people.iter().map(|p| shown(&p.name));
    each.collect::<Vec<_>>().join(", ")
}

fn status_line(status: &Status) -> String {
    let state = serde_json::to_value(status.state).unwrap_or_default();
    let mut line = format!("team sync is {}", state.as_str().unwrap_or_default());
    if let Some(connection) = &status.connection {
        line += &format!(", fed by {connection}");
    }
    if let Some(job) = &status.job {
        line += &format!(", under way: {job}");
    }
    if let Some(why) = &status.given_up {
        line += &format!(", the last change of it was given up: {why}");
    }
    if status.kept_teams > 0 {
        line += &format!(", {} teams of before are kept", status.kept_teams);
    }
    line
}

fn totals_line(of: &str, totals: Totals) -> String {
    format!(
        "{of}: {} teams, {} people in them, {} unassigned, {} at the top",
        totals.teams, totals.members, totals.unassigned, totals.leads
    )
}

fn preview_page(preview: &Preview) -> String {
    let mut lines = vec![
        totals_line(
            "with those who have access or are invited today",
            preview.today,
        ),
        totals_line("when everyone is invited", preview.everyone),
        format!("Teams: {}", preview.teams.count),
    ];
    lines.extend(preview.teams.items.iter().map(|team| {
        let reviewer = team.reviewer.as_ref();
        let reviewer = reviewer.map_or("nobody".to_owned(), |r| shown(&r.name));
        let parent = team.parent.as_ref();
        let parent = parent.map_or(String::new(), |p| format!(", part of {}", shown(p)));
        format!(
            "  {}  ({} people, reviewed by {reviewer}{parent})",
            shown(&team.name),
            team.members
        )
    }));
    lines.push(format!("Deleted: {}", preview.deleted.count));
    lines.extend(preview.deleted.items.iter().map(|team| {
        format!(
            "  {}  ({} people, reviewed by {})",
            shown(&team.name),
            team.members,
            names(&team.reviewers)
        )
    }));
    lines.push(format!("Unassigned: {}", preview.unassigned.count));
    lines.extend(preview.unassigned.items.iter().map(unassigned_line));
    lines.push(format!("Findings: {}", preview.findings.count));
    lines.extend(preview.findings.items.iter().map(finding_line));
    if let Some(warning) = &preview.warning {
        let text = warning
            .text
            .as_deref()
            .unwrap_or("what they reviewed is no longer reviewed, unless the app has other rules");
        lines.push(format!(
            "Warning: {} reviewers are removed: {}",
            warning.reviewers,
            shown(text)
        ));
    }
    if let Some(number) = preview.confirm_unassigned {
        lines.push(format!("To complete it: --confirm-unassigned {number}"));
    }
    if let Some(code) = preview.refused {
        lines.push(format!("It cannot be completed: {code}"));
    }
    lines.join("\n")
}

fn unassigned_line(person: &Unassigned) -> String {
    let why = match person.reason {
        "leads" => "is at the top",
        "no-manager" => "has no manager in the source",
        "manager-outside" => "her manager is nobody whom the source brings",
        "self-managed" => "is her own manager in the source",
        "in-circle" => "managers report to each other in a circle",
        "not-in-source" => "the source does not bring her",
        _ => "is in no team",
    };
    let leads = person.leads.as_ref();
    let leads = leads.map_or(String::new(), |team| format!(", leads {}", shown(team)));
    format!("  {}  {}: {why}{leads}", person.id, shown(&person.name))
}

fn finding_line(found: &Found) -> String {
    let what = match found.code.as_str() {
        "circle" => "report to each other in a circle",
        "self-managed" => "is her own manager",
        "manager-outside" => "has a manager whom the source does not bring",
        "manager-gone" => "leads a team and has left or lost access; the second reviews it",
        "manager-without-access" => "leads a team and has no access yet; the second reviews it",
        _ => "lead teams and report to nobody",
    };
    format!("  {}: {} {what}", found.code, names(&found.people))
}
