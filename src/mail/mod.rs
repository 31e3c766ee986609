//! What leaves the house on its own: mails by SMTP, or into files where no server is set, and calls of the operator's webhook.
//! The outbox says what is to be sent; here it becomes a letter in the reader's language, in the brand of the tenant.

mod deliver;
mod files;
mod letter;
mod message;
mod smtp;
mod webhook;

pub use deliver::{Mailer, Out};
pub use files::Files;
pub use letter::{Letter, World, of_invitation, of_notice};
pub use message::{Rendered, render};
pub use smtp::Smtp;
pub use webhook::{Webhook, sign};
