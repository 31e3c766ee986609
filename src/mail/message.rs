//! Gives a letter its form: HTML and text of one source, the headers around them.

use askama::Template;
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};

use super::letter::{Letter, Quote, World};
use crate::domain::brand::Brand;
use crate::domain::clock::Millis;
use crate::words::{mail as w, of};

/// Colour of the button, where no brand says one.
const COLOR: &str = "#1f4fd8";
/// Colour around the letter, where no brand says one.
const BACKGROUND: &str = "#f4f5f7";

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct Html<'a> {
    language: &'a str,
    subject: &'a str,
    product: &'a str,
    logo: Option<&'a str>,
    color: &'a str,
    on_color: &'a str,
    background: &'a str,
    above: &'a [String],
    quote: Option<&'a Quote>,
    parts: &'a [(String, String)],
    button: &'a str,
    url: &'a str,
    below: &'a [String],
    link_label: &'a str,
    support: Option<(&'a str, &'a str)>,
    footer: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct Text<'a> {
    above: &'a [String],
    quote: Option<&'a Quote>,
    parts: &'a [(String, String)],
    button: &'a str,
    url: &'a str,
    below: &'a [String],
    support: Option<(&'a str, &'a str)>,
    footer: Vec<&'a str>,
}

/// A letter in its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Subject.
    pub subject: String,
    /// As text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

/// Writes a letter out as text and as HTML.
///
/// # Errors
/// The template cannot be written; it names no value of the letter.
pub fn render(letter: &Letter, world: &World) -> Result<Rendered, String> {
    let Brand {
        product,
        logo,
        color,
        background,
        support,
        footer,
        names_rosterd,
        ..
    } = &world.brand;
    let color = color.as_deref().unwrap_or(COLOR);
    let mut lines: Vec<&str> = footer.iter().flat_map(|text| text.lines()).collect();
    if *names_rosterd == Some(true) {
        lines.push(of(w::ROSTERD, world.language));
    }
    let help = of(w::SUPPORT, world.language);
    let support = support.as_deref().map(|link| (help, link));
    let html = Html {
        language: world.language.as_str(),
        subject: &letter.subject,
        product: product.as_deref().unwrap_or_default(),
        logo: logo.as_deref(),
        color,
        on_color: Brand::on_color(color),
        background: background.as_deref().unwrap_or(BACKGROUND),
        above: &letter.above,
        quote: letter.quote.as_ref(),
        parts: &letter.parts,
        button: &letter.button,
        url: &letter.url,
        below: &letter.below,
        link_label: of(w::LINK, world.language),
        support,
        footer: lines.clone(),
    };
    let text = Text {
        above: &letter.above,
        quote: letter.quote.as_ref(),
        parts: &letter.parts,
        button: &letter.button,
        url: &letter.url,
        below: &letter.below,
        support,
        footer: lines,
    };
    let fault = |error: askama::Error| format!("the template: {error}");
    Ok(Rendered {
        subject: letter.subject.clone(),
        text: text.render().map_err(fault)?,
        html: html.render().map_err(fault)?,
    })
}

/// Who sends and who gets a mail, when, under which Message-ID.
#[derive(Debug, Clone)]
pub(super) struct Envelope<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Address,
    pub(super) at: Millis,
    pub(super) message_id: String,
}

/// The mail as it goes over the wire: two parts, headers that no answering machine answers to.
///
/// # Errors
/// The mail cannot be written.
pub(super) fn message(
    rendered: Rendered,
    world: &World,
    envelope: &Envelope<'_>,
) -> Result<Vec<u8>, String> {
    let named = world.brand.sender.as_ref().or(world.brand.product.as_ref());
    let sender = Mailbox::new(
        named.cloned().or_else(|| envelope.from.name.clone()),
        envelope.from.email.clone(),
    );
    let at = u64::try_from(envelope.at.0).unwrap_or_default();
    let date = std::time::UNIX_EPOCH + std::time::Duration::from_millis(at);
    let header = |name: &'static str, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let message = Message::builder()
        .from(sender)
        .to(Mailbox::new(None, envelope.to.clone()))
        .subject(rendered.subject)
        .date(date)
        .message_id(Some(envelope.message_id.clone()))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("Content-Language", world.language.as_str()))
        .multipart(MultiPart::alternative_plain_html(
            rendered.text,
            rendered.html,
        ));
    Ok(message.map_err(|e| e.to_string())?.formatted())
}

/// An address as SMTP takes it: the domain as an A-label.
pub(super) fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let domain = crate::service::mail::ascii_domain(domain)?;
    Address::new(local, domain).ok()
}
