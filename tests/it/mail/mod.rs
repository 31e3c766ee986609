//! Mails and notices, with a real mail server on loopback.

mod looks;
mod notices;
pub mod reader;
mod sending;
pub mod server;
mod shell;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rosterd::config::{Config, GlobalArgs};
use rosterd::domain::clock::{Clock, Millis, SystemClock};
use rosterd::domain::language::Language;
use rosterd::domain::sealed::SecretText;
use rosterd::mail::{Files, Mailer, Out, Smtp, Webhook};
use rosterd::service::mail::{About, Draft, Kind, NewMail, OutboxRow, queue};
use rosterd::service::{Caller, Error};
use rosterd::storage::{JobMeta, Lane, Outcome, Tx};

use crate::support::TestApp;

/// Whom mails come from.
pub const FROM: &str = "Acme <no-reply@acme.example>";

/// A clock that goes on when it is told to.
pub struct Hand(AtomicI64);

impl Hand {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(SystemClock.now().0)))
    }

    pub fn wait(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// The mail server of a configuration.
pub fn smtp(url: &str, ca_file: Option<&Path>) -> Out {
    let mut environment = std::collections::BTreeMap::from([
        ("ROSTERD_SMTP_URL".to_owned(), url.to_owned()),
        ("ROSTERD_SMTP_FROM".to_owned(), FROM.to_owned()),
    ]);
    if let Some(file) = ca_file {
        environment.insert(
            "ROSTERD_SMTP_CA_FILE".to_owned(),
            file.display().to_string(),
        );
    }
    let config = Config::load(&GlobalArgs::default(), &environment).unwrap();
    let server = config.mail().smtp.as_ref().unwrap();
    let made = Smtp::new(server, config.mail().ca_file.as_deref(), "acme.example");
    Out::Smtp(Box::new(made.unwrap_or_else(|e| panic!("{e}"))))
}

/// A sender of an app.
pub fn mailer(app: &TestApp, out: Out, holder: &str) -> Mailer {
    let webhook = Webhook::new(true);
    let made = Mailer::new(
        app.service.clone(),
        out,
        Some(FROM),
        webhook,
        "https://rosterd.example",
        holder,
    );
    made.unwrap()
}

/// A sender into files.
pub fn filer(app: &TestApp, folder: &Path) -> Mailer {
    mailer(app, Out::Files(Files::new(folder)), "files")
}

/// An invitation of a person.
pub fn invitation(person: &str, to: &str, language: Language) -> NewMail {
    NewMail {
        kind: Kind::Invitation,
        person: person.to_owned(),
        to: to.to_owned(),
        language,
        about: About {
            invitation: format!("invitation-of-{person}"),
            inviter: Some("Bo Admin".to_owned()),
            message: Some("Welcome!\n.\nSee you".to_owned()),
            expires_at: 1_797_206_400_000,
        },
        token: SecretText::new("t0ken-of-the-link"),
    }
}

/// Runs an operation of the tenant's.
pub async fn write<T: Send + 'static>(
    app: &TestApp,
    caller: &Caller,
    op: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> T {
    let meta = JobMeta {
        tenant: caller.tenant.clone(),
        lane: Lane::Interactive,
        actor: caller.actor.clone(),
        cause: caller.cause.clone(),
    };
    let done = app
        .service
        .store
        .write(meta, move |tx| op(tx).map(Outcome::Done))
        .await;
    done.unwrap()
}

/// Queues a mail; its id.
pub async fn put(app: &TestApp, mail: NewMail) -> String {
    let draft: Draft = app.service.draft_mail(&app.tenant.tenant, mail).unwrap();
    let id = draft.id().to_owned();
    write(app, &app.tenant, move |tx| queue(tx, &draft)).await;
    id
}

/// A mail as it is stored.
pub async fn stored(app: &TestApp, id: &str) -> OutboxRow {
    app.service
        .find_outgoing(&app.tenant.tenant, id)
        .await
        .unwrap()
}

/// How many secrets rest.
pub fn secrets(app: &TestApp) -> i64 {
    let count = crate::support::lines(
        &mut app.database.connect(),
        "SELECT CAST(count(*) AS TEXT) AS line FROM connection_secrets",
    );
    count[0].parse().unwrap()
}
