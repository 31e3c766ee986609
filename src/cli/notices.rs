//! `rosterd notices`: what admins ought to know, and who is told.

use serde_json::json;

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::clock::Millis;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::language::Language;
use crate::service::Caller;
use crate::service::notices::Recipient;
use crate::words;

/// Notices.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Notices {
    /// List notices, the newest first.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Those that are over too.
        #[arg(long)]
        all: bool,
        /// Language: en or fr.
        #[arg(long, default_value = "en")]
        lang: String,
        /// Most of them.
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Show or set who is told of a tenant's notices by mail.
    Recipients {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// An address, with `:fr` behind it for French. May be given more than once, and names all of them.
        #[arg(long = "to", value_name = "ADDRESS[:LANG]")]
        to: Vec<String>,
        /// Nobody is told.
        #[arg(long, conflicts_with = "to")]
        nobody: bool,
    },
    /// Show or set the operator's webhook, which is told of the notices of all tenants.
    Webhook {
        /// Its address; a fresh secret is made, and shown once.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// Take it out.
        #[arg(long, conflicts_with = "url")]
        remove: bool,
    },
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Notices) -> Result<(), Failure> {
    match command {
        Notices::List {
            tenant,
            all,
            lang,
            limit,
        } => {
            let language =
                Language::parse(&lang).ok_or_else(|| "--lang takes en or fr".to_owned())?;
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "notices list").await?;
            let state = (!all).then_some("open");
            let found = service
                .list_notices(&caller.tenant, None, state, limit)
                .await?;
            for notice in found {
                let row = &notice.row;
                let params = words::notices::params(&row.code, &notice.params, language);
                let told = words::notices::say(&row.code, &params, language);
                let value = json!({
                    "id": row.id, "code": row.code, "subject": row.subject, "person": row.person,
                    "params": notice.params, "state": row.state, "seen": row.seen, "told": row.told,
                    "createdAt": Millis(row.created_at).to_rfc3339(), "text": told,
                });
                let text = told.map_or_else(String::new, |told| {
                    shown(&format!("{} {} {}", told.title, told.effect, told.next))
                });
                let head = format!("{}  {}  {}", row.id, row.state, row.code);
                output.row(&value, &format!("{head}  {text}"))?;
            }
            Ok(())
        }
        Notices::Recipients { tenant, to, nobody } => {
            let service = open::service(config)?;
            let caller = open::caller(&service, &tenant, "notices recipients").await?;
            if nobody || !to.is_empty() {
                let all = to.iter().map(|text| recipient(text)).collect();
                service.set_notice_recipients(&caller, all).await?;
            }
            for one in service.list_notice_recipients(&caller.tenant).await? {
                let language = one.language.as_str();
                let value = json!({"address": one.address, "language": language});
                output.row(&value, &format!("{}  {language}", shown(&one.address)))?;
            }
            Ok(())
        }
        Notices::Webhook { url, remove } => webhook(config, output, url, remove).await,
    }
}

fn recipient(text: &str) -> Recipient {
    let (address, language) = match text.rsplit_once(':') {
        Some((address, lang)) if Language::parse(lang).is_some() => {
            (address, Language::of_tag(lang))
        }
        _ => (text, Language::En),
    };
    Recipient {
        address: address.to_owned(),
        language,
    }
}

async fn webhook(
    config: &Config,
    output: Output,
    url: Option<String>,
    remove: bool,
) -> Result<(), Failure> {
    let operator = Caller::operator(TenantId::new(OPERATOR_TENANT), "notices webhook");
    if let Some(url) = url {
        let service = open::sealing(config).await?;
        let secret = service.set_notices_webhook(&operator, &url).await?;
        let value = json!({"url": url, "secret": secret.expose()});
        let text = format!("{}\nsecret (shown once): {}", shown(&url), secret.expose());
        return output.row(&value, &text);
    }
    let service = open::service(config)?;
    if remove {
        service.remove_notices_webhook(&operator).await?;
    }
    let url = service.find_notices_webhook().await?;
    let text = url.as_deref().map_or_else(|| "none".to_owned(), shown);
    output.row(&json!({"url": url}), &text)
}
