//! What the pages say, in both languages.

use chrono::{DateTime, Datelike};

use crate::domain::clock::Millis;
use crate::domain::language::Language;

/// Texts of one language; `{…}` stands for a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) languages: &'static str,
    pub(super) other: &'static str,
    pub(super) other_name: &'static str,
    pub(super) invited: &'static str,
    pub(super) invited_by: &'static str,
    pub(super) invited_lead: &'static str,
    pub(super) meant_for: &'static str,
    pub(super) until: &'static str,
    pub(super) accept: &'static str,
    pub(super) decline: &'static str,
    pub(super) mistaken: &'static str,
    pub(super) expired: &'static str,
    pub(super) expired_lead: &'static str,
    pub(super) renew: &'static str,
    pub(super) renewed: &'static str,
    pub(super) renewed_lead: &'static str,
    pub(super) gone: &'static str,
    pub(super) gone_in: &'static str,
    pub(super) gone_out: &'static str,
    pub(super) inside: &'static str,
    pub(super) inside_lead: &'static str,
    pub(super) later: &'static str,
    pub(super) later_lead: &'static str,
    pub(super) declined: &'static str,
    pub(super) declined_lead: &'static str,
    pub(super) again: &'static str,
    pub(super) again_lead: &'static str,
    pub(super) slow: &'static str,
    pub(super) slow_lead: &'static str,
    pub(super) failed: &'static str,
    pub(super) failed_lead: &'static str,
    months: [&'static str; 12],
}

const ENGLISH: Words = Words {
    language: "en",
    languages: "Languages",
    other: "fr",
    other_name: "Français",
    invited: "You are invited to {product}",
    invited_by: "{inviter} invites you to {product}",
    invited_lead: "Accept the invitation to get access.",
    meant_for: "The invitation was sent to {email}.",
    until: "It is valid until {date}.",
    accept: "Accept the invitation",
    decline: "Decline",
    mistaken: "If it is not meant for you, close this page: nothing happens.",
    expired: "This link is too old",
    expired_lead: "Links of invitations work for 14 days. We can send a new one to the same address.",
    renew: "Send a new link",
    renewed: "Look into your mail",
    renewed_lead: "If you can still be invited, a new link is on its way to the address that this one was sent to. It works for 14 days.",
    gone: "This link does not work any more",
    gone_in: "If you have accepted the invitation already, you have access: sign in to the application as usual.",
    gone_out: "Otherwise a newer link may be in your mail, or the invitation was taken back. Whoever invited you can send it again.",
    inside: "You are in",
    inside_lead: "You have access to {product} now. You can close this page and sign in.",
    later: "Thank you",
    later_lead: "You have accepted the invitation to {product}. Your access begins with your first day.",
    declined: "You have declined",
    declined_lead: "You get no access, and no more mail about this invitation. If you change your mind, ask whoever invited you to invite you again.",
    again: "Please try once more",
    again_lead: "Your browser did not send what this page gave it, so nothing was changed. Cookies must be allowed for this page.",
    slow: "One moment, please",
    slow_lead: "There were many requests from your network. Wait a minute, then open the link again.",
    failed: "Something went wrong",
    failed_lead: "Nothing was changed. Open the link again in a minute.",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const FRENCH: Words = Words {
    language: "fr",
    languages: "Langues",
    other: "en",
    other_name: "English",
    invited: "Vous êtes invité(e) à rejoindre {product}",
    invited_by: "{inviter} vous invite à rejoindre {product}",
    invited_lead: "Acceptez l'invitation pour obtenir l'accès.",
    meant_for: "L'invitation a été envoyée à {email}.",
    until: "Elle est valable jusqu'au {date}.",
    accept: "Accepter l'invitation",
    decline: "Refuser",
    mistaken: "Si elle ne vous est pas destinée, fermez cette page : il ne se passera rien.",
    expired: "Ce lien est trop ancien",
    expired_lead: "Les liens d'invitation fonctionnent pendant 14 jours. Nous pouvons en envoyer un nouveau à la même adresse.",
    renew: "Envoyer un nouveau lien",
    renewed: "Consultez votre messagerie",
    renewed_lead: "Si vous pouvez encore être invité(e), un nouveau lien est en route vers l'adresse à laquelle celui-ci a été envoyé. Il fonctionne pendant 14 jours.",
    gone: "Ce lien ne fonctionne plus",
    gone_in: "Si vous avez déjà accepté l'invitation, vous avez accès : connectez-vous à l'application comme d'habitude.",
    gone_out: "Sinon, un lien plus récent se trouve peut-être dans votre messagerie, ou l'invitation a été retirée. La personne qui vous a invité(e) peut la renvoyer.",
    inside: "C'est fait",
    inside_lead: "Vous avez maintenant accès à {product}. Vous pouvez fermer cette page et vous connecter.",
    later: "Merci",
    later_lead: "Vous avez accepté l'invitation à rejoindre {product}. Votre accès commencera le premier jour de votre contrat.",
    declined: "Vous avez refusé",
    declined_lead: "Vous n'aurez pas d'accès et ne recevrez plus de message au sujet de cette invitation. Si vous changez d'avis, demandez à la personne qui vous a invité(e) de vous inviter à nouveau.",
    again: "Veuillez réessayer",
    again_lead: "Votre navigateur n'a pas renvoyé ce que cette page lui avait donné ; rien n'a donc changé. Les cookies doivent être autorisés pour cette page.",
    slow: "Un instant, s'il vous plaît",
    slow_lead: "Votre réseau a envoyé beaucoup de demandes. Attendez une minute, puis ouvrez le lien à nouveau.",
    failed: "Un problème est survenu",
    failed_lead: "Rien n'a changé. Ouvrez le lien à nouveau dans une minute.",
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
};

impl Words {
    pub(super) fn of(language: Language) -> Self {
        match language {
            Language::En => ENGLISH,
            Language::Fr => FRENCH,
        }
    }

    /// A day as people write it.
    pub(super) fn day(self, at: Millis) -> String {
        let day = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
        let month = self.months.get(day.month0() as usize).copied();
        format!("{} {} {}", day.day(), month.unwrap_or_default(), day.year())
    }
}

/// Puts values in their places, each once: a value that looks like a place is none.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let (mut rest, mut out) = (text, String::new());
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let place = values.iter().find_map(|(name, value)| {
            let left = rest
                .strip_prefix('{')?
                .strip_prefix(name)?
                .strip_prefix('}')?;
            Some((left, value))
        });
        match place {
            Some((left, value)) => {
                out.push_str(value);
                rest = left;
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_places_and_are_not_read_again() {
        let got = fill("{a} and {b}, {c}", &[("a", "{b}"), ("b", "x")]);
        assert_eq!(got, "{b} and x, {c}");
    }

    #[test]
    fn days_are_written_in_both_languages() {
        let at = Millis::from_rfc3339("2027-08-01T10:00:00Z").unwrap_or_default();
        assert_eq!(Words::of(Language::En).day(at), "1 August 2027");
        assert_eq!(Words::of(Language::Fr).day(at), "1 août 2027");
    }
}
