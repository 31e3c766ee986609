//! `rosterd invitations`: who is invited, inviting, sending again, taking back; and what people can be given.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::domain::invitation::State;
use crate::domain::language::Language;
use crate::domain::sealed::SecretText;
use crate::service::Caller;
use crate::service::invitations::{Attributes, Delivery, Given, Giver, Invitation, Invited, Wish};

/// Invitations read at once for a list.
const PAGE: usize = 500;

/// Invitations.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Invitations {
    /// List them, oldest first.
    List {
        #[command(flatten)]
        place: Where,
        /// Only those in this state: pending, accepted, declined, withdrawn, expired, superseded.
        #[arg(long)]
        state: Option<String>,
        /// Only those of one person.
        #[arg(long)]
        person: Option<String>,
    },
    /// Invite people, each for herself; exit 1 if somebody could not be invited.
    Send(SendArgs),
    /// Send one again; its former link does not work any more.
    Resend {
        #[command(flatten)]
        place: Where,
        /// Id of the invitation.
        id: String,
    },
    /// Take one back: she is listed, and only a human invites her again.
    Withdraw {
        #[command(flatten)]
        place: Where,
        /// Id of the invitation.
        id: String,
    },
    /// Show what people can be given: roles, entities, fields.
    Attributes,
    /// Declare what people can be given, in all tenants.
    Declare {
        /// JSON file: roles, entities, fields.
        file: PathBuf,
    },
}

/// Of which tenant.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
}

/// Whom to invite, and how.
#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    #[command(flatten)]
    place: Where,
    /// Ids of people.
    #[arg(required = true)]
    people: Vec<String>,
    /// A role that they are given; may be there several times.
    #[arg(long)]
    role: Vec<String>,
    /// The entity to which they are counted.
    #[arg(long)]
    entity: Option<String>,
    /// A field that they are given; JSON or a text behind the sign.
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// What the mail adds.
    #[arg(long)]
    message: Option<String>,
    /// How the mail names the inviter.
    #[arg(long)]
    inviter: Option<String>,
    /// en or fr; otherwise that of each person.
    #[arg(long)]
    language: Option<String>,
    /// Print the links instead of sending mail.
    #[arg(long)]
    links: bool,
    /// It is known that some have left, or are inactive in a source.
    #[arg(long)]
    in_spite: bool,
}

/// Runs the command.
pub(super) async fn run(
    config: &Config,
    output: Output,
    command: Invitations,
) -> Result<u8, Failure> {
    match command {
        Invitations::List {
            place,
            state,
            person,
        } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &place.tenant, "invitations list").await?;
            list(
                &service,
                &caller,
                output,
                state.as_deref(),
                person.as_deref(),
            )
            .await?;
        }
        Invitations::Send(args) => return send(config, output, args).await,
        Invitations::Resend { place, id } => {
            let service = open::sealing(config).await?;
            let caller = open::caller(&service, &place.tenant, "invitations resend").await?;
            let (invitation, token) = service.resend_invitation(&caller, &id).await?;
            let link = token.map(|token| link(config, &token));
            let mut value = value(&invitation);
            value["link"] = link.clone().map_or(Value::Null, Value::from);
            let text = format!(
                "{} is sent again {}",
                invitation.row.id,
                link.unwrap_or_default()
            );
            output.row(&value, text.trim_end())?;
        }
        Invitations::Withdraw { place, id } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &place.tenant, "invitations withdraw").await?;
            let invitation = service.withdraw_invitation(&caller, &id).await?;
            output.row(&value(&invitation), &line(&invitation))?;
        }
        Invitations::Attributes => {
            let attributes = open::service(config)?.find_invite_attributes().await?;
            show(output, &attributes)?;
        }
        Invitations::Declare { file } => {
            let path = file.display();
            let text =
                std::fs::read_to_string(&file).map_err(|e| format!("cannot read {path}: {e}"))?;
            let attributes: Attributes =
                serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
            let service = open::service(config)?;
            let caller = open::caller(&service, "operator", "invitations declare").await?;
            let attributes = service
                .declare_invite_attributes(&caller, attributes)
                .await?;
            show(output, &attributes)?;
        }
    }
    Ok(0)
}

async fn list(
    service: &crate::service::Service,
    caller: &Caller,
    output: Output,
    state: Option<&str>,
    person: Option<&str>,
) -> Result<(), Failure> {
    let parsed = state.map(|word| {
        State::parse(word).ok_or_else(|| {
            let known = State::ALL.map(State::as_str).join(", ");
            format!("--state takes {known}; got `{}`", shown(word))
        })
    });
    let state = parsed.transpose()?;
    let mut after: Option<String> = None;
    loop {
        let page = service
            .list_invitations(&caller.tenant, state, person, after.as_deref(), PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.row.id.clone());
        for invitation in &page {
            output.row(&value(invitation), &line(invitation))?;
        }
    }
}

async fn send(config: &Config, output: Output, args: SendArgs) -> Result<u8, Failure> {
    let language = args.language.as_deref().map(|word| {
        Language::parse(word)
            .ok_or_else(|| format!("--language takes en or fr; got `{}`", shown(word)))
    });
    let mut given = Given {
        roles: args.role,
        entity: args.entity,
        ..Given::default()
    };
    for field in &args.field {
        let (name, text) = field
            .split_once('=')
            .ok_or_else(|| format!("--field takes NAME=VALUE; got `{}`", shown(field)))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        given.fields.insert(name.to_owned(), value);
    }
    let wish = Wish {
        given,
        message: args.message,
        inviter: args.inviter,
        language: language.transpose()?,
        delivery: match args.links {
            true => Delivery::App,
            false => Delivery::Mail,
        },
        in_spite: args.in_spite,
    };
    let service = open::sealing(config).await?;
    let caller = open::caller(&service, &args.place.tenant, "invitations send").await?;
    let results = service
        .invite_people(&caller, Giver::Operator, args.people, wish)
        .await?;
    let mut is_whole = true;
    for invited in &results {
        is_whole &= invited.refused.is_none();
        report(config, output, invited)?;
    }
    Ok(u8::from(!is_whole))
}

fn report(config: &Config, output: Output, invited: &Invited) -> Result<(), Failure> {
    let result = invited
        .refused
        .map_or("invited", |refusal| refusal.as_str());
    let link = invited.token.as_ref().map(|token| link(config, token));
    let invitation = invited.invitation.as_ref();
    let row = json!({
        "person": invited.person, "result": result, "invitation": invitation.map(value), "link": link,
    });
    let text = format!(
        "{}  {result:<16} {}",
        shown(&invited.person),
        link.as_deref()
            .or(invitation.map(|i| i.row.id.as_str()))
            .unwrap_or_default()
    );
    output.row(&row, text.trim_end())
}

/// The link as clients reach the server.
fn link(config: &Config, token: &SecretText) -> String {
    let public_url = config.public_url(config.listen());
    format!("{public_url}/invite/{}", token.expose())
}

fn show(output: Output, attributes: &Attributes) -> Result<(), Failure> {
    let value = serde_json::to_value(attributes)?;
    let text = serde_json::to_string_pretty(attributes)?;
    output.row(&value, &text)
}

fn value(invitation: &Invitation) -> Value {
    let row = &invitation.row;
    let time = |at: i64| Millis(at).to_rfc3339();
    json!({
        "id": row.id, "person": row.user_id, "state": row.state, "reason": row.reason,
        "email": Some(&row.email).filter(|e| !e.is_empty()), "language": row.language,
        "delivery": row.delivery, "mail": invitation.mail.as_ref().map(|m| json!({"state": m.state, "delivery": m.delivery})),
        "given": invitation.given, "sends": row.sends, "createdAt": time(row.created_at),
        "sentAt": time(row.sent_at), "expiresAt": time(row.expires_at),
        "remindedAt": row.reminded_at.map(time), "endedAt": row.ended_at.map(time),
    })
}

fn line(invitation: &Invitation) -> String {
    let row = &invitation.row;
    let mail = invitation.mail.as_ref();
    let mail = mail.map_or_else(
        || row.delivery.clone(),
        |mail| format!("{}/{}", mail.state, mail.delivery),
    );
    format!(
        "{}  {:<10} {:<16} {}  {}  {}",
        row.id,
        row.state,
        mail,
        Millis(row.expires_at).to_rfc3339(),
        row.user_id,
        shown(&row.email)
    )
}
