//! `rosterd mail`: what is sent, what became of it, how it looks; and the sender of a server.

use std::io::Write;

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::brand::Brand;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::mail::{Files, Mailer, Out, Smtp, Webhook};
use crate::service::mail::OutboxRow;
use crate::service::{Caller, Service};

/// Mails.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Mail {
    /// List mails and calls of the webhook, the newest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Only those in this state: queued, sending, sent, filed, failed or canceled.
        #[arg(long)]
        state: Option<String>,
        /// Most of them.
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Show one.
    Show(One),
    /// Try one again that failed, was filed, or waits.
    Retry(One),
    /// Stop all mails and webhooks of this installation; what is queued meanwhile waits.
    Pause,
    /// Let them go on, such as after a restore, which stops them.
    Resume {
        /// Withdraw what waits: after a restore it may have been sent before.
        #[arg(long)]
        discard: bool,
    },
    /// Connect to the mail server, sign in, and say goodbye.
    Test,
    /// Show or set how mails look.
    Brand {
        /// Tenant by name or id; `operator`: that of tenants which set nothing.
        #[arg(long, default_value = "operator")]
        tenant: String,
        /// Product, logo, color, background, sender, support, footer, names-rosterd; an empty value takes it out.
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
}

/// A mail.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id of the mail.
    id: String,
}

/// Where mails go.
pub(super) fn out(config: &Config) -> Result<Out, Failure> {
    let mail = config.mail();
    let Some(server) = &mail.smtp else {
        return Ok(Out::Files(Files::new(config.data_dir().join("outbox"))));
    };
    let address = mail.from.as_deref().unwrap_or_default();
    let domain = address.rsplit('@').next().unwrap_or_default();
    let hello = domain.trim_end_matches('>');
    let smtp = Smtp::new(server, mail.ca_file.as_deref(), hello)?;
    Ok(Out::Smtp(Box::new(smtp)))
}

/// The sender of a server; `holder` is the name under which it claims.
pub(super) fn mailer(
    config: &Config,
    service: &Service,
    public_url: &str,
    holder: &str,
) -> Result<Mailer, Failure> {
    let webhook = Webhook::new(config.mail().webhook_private);
    let from = config.mail().from.as_deref();
    let out = out(config)?;
    if let Out::Files(files) = &out {
        tracing::info!(folder = %files.folder().display(), "no mail server is set (ROSTERD_SMTP_URL): mails become files");
    }
    let made = Mailer::new(service.clone(), out, from, webhook, public_url, holder);
    Ok(made?)
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Mail) -> Result<(), Failure> {
    match command {
        Mail::List {
            tenant,
            state,
            limit,
        } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "mail list").await?;
            let rows = service
                .list_outgoing(&caller.tenant, None, state.as_deref(), limit)
                .await?;
            note_paused(&service).await?;
            if config.mail().smtp.is_none() {
                let folder = config.data_dir().join("outbox");
                note(&format!(
                    "no mail server is set (ROSTERD_SMTP_URL): mails become files in {}",
                    folder.display()
                ));
            }
            for row in rows {
                output.row(&value(&row), &line(&row))?;
            }
            Ok(())
        }
        Mail::Show(one) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &one.tenant, "mail show").await?;
            let row = service.find_outgoing(&caller.tenant, &one.id).await?;
            output.row(&value(&row), &page(&row))
        }
        Mail::Retry(one) => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &one.tenant, "mail retry").await?;
            let row = service.retry_outgoing(&caller, &one.id).await?;
            let text = format!("{}: a running server sends it within seconds", row.id);
            output.row(&value(&row), &text)
        }
        Mail::Pause => {
            let service = open::service(config)?;
            service.pause_outgoing(&operator(), Some("paused")).await?;
            output.row(&json!({"paused": true}), "mails and webhooks are stopped")
        }
        Mail::Resume { discard } => resume(config, output, discard).await,
        Mail::Test => test(config, output).await,
        Mail::Brand { tenant, set } => brand(config, output, &tenant, &set).await,
    }
}

fn operator() -> Caller {
    Caller::operator(TenantId::new(OPERATOR_TENANT), "mail")
}

/// What whoever reads the list ought to know; not among the results.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "rosterd: {text}");
}

async fn note_paused(service: &Service) -> Result<(), Failure> {
    if let Some(why) = service.outgoing_paused().await? {
        note(&format!(
            "mails and webhooks are stopped ({why}): rosterd mail resume"
        ));
    }
    Ok(())
}

async fn resume(config: &Config, output: Output, discard: bool) -> Result<(), Failure> {
    let service = open::service(config)?;
    let withdrawn = match discard {
        true => service.cancel_waiting().await?,
        false => 0,
    };
    service.pause_outgoing(&operator(), None).await?;
    let text = match discard {
        true => format!("mails and webhooks go on; {withdrawn} that waited are withdrawn"),
        false => "mails and webhooks go on".to_owned(),
    };
    output.row(&json!({"paused": false, "withdrawn": withdrawn}), &text)
}

async fn test(config: &Config, output: Output) -> Result<(), Failure> {
    match out(config)? {
        Out::Smtp(smtp) => match smtp.test().await {
            Ok(()) => output.row(
                &json!({"ok": true}),
                "the mail server takes our connection and our login",
            ),
            Err(error) => Err(format!("the mail server cannot be used: {error}").into()),
        },
        Out::Files(files) => Err(format!(
            "no mail server is set: set ROSTERD_SMTP_URL and ROSTERD_SMTP_FROM; mails become files in {}",
            files.folder().display()
        )
        .into()),
    }
}

async fn brand(
    config: &Config,
    output: Output,
    tenant: &str,
    set: &[String],
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, tenant, "mail brand").await?;
    let mut brand = service.find_brand(&caller.tenant).await?;
    for one in set {
        let (name, text) = one
            .split_once('=')
            .ok_or_else(|| format!("--set takes name=value; got `{}`", shown(one)))?;
        change(&mut brand, name, text)?;
    }
    if !set.is_empty() {
        service.set_brand(&caller, brand.clone()).await?;
    }
    let value = serde_json::to_value(&brand)?;
    let lines: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}  {}", shown(&text_of(value))))
        .collect();
    let text = match lines.is_empty() {
        true => "nothing is set".to_owned(),
        false => lines.join("\n"),
    };
    output.row(&value, &text)
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn change(brand: &mut Brand, name: &str, text: &str) -> Result<(), Failure> {
    let value = Some(text.to_owned()).filter(|text| !text.is_empty());
    match name {
        "product" => brand.product = value,
        "logo" => brand.logo = value,
        "color" => brand.color = value,
        "background" => brand.background = value,
        "sender" => brand.sender = value,
        "support" => brand.support = value,
        "footer" => brand.footer = value,
        "names-rosterd" => {
            brand.names_rosterd = match text {
                "yes" => Some(true),
                "no" => Some(false),
                "" => None,
                _ => return Err("names-rosterd takes yes or no".into()),
            }
        }
        other => {
            return Err(format!(
                "--set takes product, logo, color, background, sender, support, footer or names-rosterd; got `{}`",
                shown(other)
            )
            .into());
        }
    }
    Ok(())
}

fn value(row: &OutboxRow) -> Value {
    let error: Option<Value> = row
        .error
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    json!({
        "id": row.id, "channel": row.channel, "kind": row.kind, "code": row.code, "person": row.person,
        "notice": row.notice, "to": row.recipient, "language": row.language, "state": row.state,
        "delivery": row.delivery, "attempts": row.attempts, "error": error,
        "createdAt": Millis(row.created_at).to_rfc3339(), "sentAt": row.sent_at.map(|at| Millis(at).to_rfc3339()),
        "nextAt": row.next_at.map(|at| Millis(at).to_rfc3339()),
    })
}

fn line(row: &OutboxRow) -> String {
    let what = match row.code.as_str() {
        "" => row.kind.clone(),
        code => format!("{} {code}", row.kind),
    };
    let to = match row.recipient.as_str() {
        "" => row.channel.clone(),
        address => shown(address),
    };
    let delivery = match row.delivery.as_str() {
        "unknown" => String::new(),
        known => format!(", {known}"),
    };
    format!("{}  {}{delivery}  {what}  {to}", row.id, row.state)
}

fn page(row: &OutboxRow) -> String {
    let mut text = line(row);
    text.push_str(&format!(
        "\nqueued     {}\nattempts   {}\ndelivery   {}",
        Millis(row.created_at).to_rfc3339(),
        row.attempts,
        row.delivery
    ));
    if let Some(at) = row.sent_at {
        text.push_str(&format!("\nsent       {}", Millis(at).to_rfc3339()));
    }
    if let Some(at) = row.next_at {
        text.push_str(&format!("\nnext try   {}", Millis(at).to_rfc3339()));
    }
    if let Some(error) = &row.error {
        text.push_str(&format!("\nlast error {error}"));
    }
    text
}
