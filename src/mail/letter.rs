//! What a letter says, before it has a form: HTML and text are made of the same words.

use serde_json::{Value, json};

use crate::domain::brand::Brand;
use crate::domain::language::Language;
use crate::service::mail::{About, Kind};
use crate::words::text::{day, name_of, plain};
use crate::words::{self, fill, mail as w, of};

/// Around the letter.
#[derive(Debug, Clone)]
pub struct World {
    /// Brand of the tenant.
    pub brand: Brand,
    /// Name of the tenant.
    pub tenant: String,
    /// Id of the tenant.
    pub tenant_id: String,
    /// Where Rosterd is reached.
    pub public_url: String,
    /// The reader's language.
    pub language: Language,
}

/// What somebody wrote, which is quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Who writes.
    pub who: String,
    /// What.
    pub text: String,
}

impl Quote {
    /// Its lines.
    pub fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Subject, one line.
    pub subject: String,
    /// Paragraphs above the button.
    pub above: Vec<String>,
    /// What somebody wrote.
    pub quote: Option<Quote>,
    /// Parts with a heading.
    pub parts: Vec<(String, String)>,
    /// Words of the button.
    pub button: String,
    /// Where it leads.
    pub url: String,
    /// Paragraphs below it.
    pub below: Vec<String>,
}

/// A letter about an invitation, with the token of its link.
pub fn of_invitation(
    kind: Kind,
    about: &About,
    name: Option<&str>,
    token: &str,
    world: &World,
) -> Letter {
    let say = |two, params: &Value| fill(of(two, world.language), params);
    let product = product(world);
    let inviter = about.inviter.as_deref().and_then(name_of);
    let params = json!({
        "inviter": inviter,
        "product": product,
        "name": name.and_then(name_of),
        "day": day(about.expires_at, world.language),
    });
    let text = match kind {
        Kind::Reminder => &w::REMINDER,
        Kind::Renewed => &w::RENEWED,
        Kind::Invitation | Kind::Notice => &w::INVITATION,
    };
    let (subject, opening, writes) = match inviter.is_some() {
        true => (text.subject, text.opening, w::WRITES),
        false => (text.subject_plain, text.opening_plain, w::WRITES_PLAIN),
    };
    let hello = match params["name"].is_string() {
        true => w::HELLO,
        false => w::HELLO_PLAIN,
    };
    let message = about.message.as_deref().map(plain).unwrap_or_default();
    Letter {
        subject: say(subject, &params),
        above: vec![say(hello, &params), say(opening, &params)],
        quote: (!message.trim().is_empty()).then(|| Quote {
            who: say(writes, &params),
            text: message.trim().to_owned(),
        }),
        parts: Vec::new(),
        button: say(w::ACCEPT, &params),
        url: format!("{}/invite/{token}", world.public_url),
        below: vec![say(w::VALID, &params), say(w::UNEXPECTED, &params)],
    }
}

/// A letter about a notice; `None` for a code that has no words. The parameters are those of the outbox's row.
pub fn of_notice(code: &str, notice: &str, params: &Value, world: &World) -> Option<Letter> {
    let say = |two, params: &Value| fill(of(two, world.language), params);
    let told = words::notices::say(
        code,
        &words::notices::params(code, &params["of"], world.language),
        world.language,
    )?;
    let around = json!({
        "tenant": world.tenant,
        "since": day(params["since"].as_i64().unwrap_or_default(), world.language),
        "told": params["told"],
    });
    let mut below = vec![say(w::TOLD, &around)];
    if params["told"].as_i64().is_some_and(|told| told > 1) {
        below.insert(0, say(w::AGAIN, &around));
    }
    Some(Letter {
        subject: told.title.clone(),
        above: vec![told.title],
        quote: None,
        parts: vec![
            (say(w::CAUSE, &around), told.cause),
            (say(w::EFFECT, &around), told.effect),
            (say(w::NEXT, &around), told.next),
        ],
        button: say(w::LOOK, &around),
        url: notice_url(&world.public_url, &world.tenant_id, notice),
        below,
    })
}

/// Where a notice is looked at.
pub fn notice_url(public_url: &str, tenant: &str, notice: &str) -> String {
    format!("{public_url}/api/v1/tenants/{tenant}/notices/{notice}")
}

fn product(world: &World) -> String {
    let named = world.brand.product.clone();
    named.unwrap_or_else(|| of(w::PRODUCT, world.language).to_owned())
}
