//! The words of letters: invitations, and what stands around a notice.

use super::Two;

/// Words of a letter about an invitation.
pub struct Invitation {
    /// Subject where the inviter is named.
    pub subject: Two,
    /// Subject where nobody is.
    pub subject_plain: Two,
    /// First sentence where the inviter is named.
    pub opening: Two,
    /// First sentence where nobody is.
    pub opening_plain: Two,
}

/// A first invitation.
pub const INVITATION: Invitation = Invitation {
    subject: [
        "{inviter} invites you to {product}",
        "{inviter} vous invite à utiliser {product}",
    ],
    subject_plain: [
        "You are invited to {product}",
        "Vous êtes invité(e) à utiliser {product}",
    ],
    opening: [
        "{inviter} invites you to {product}.",
        "{inviter} vous invite à utiliser {product}.",
    ],
    opening_plain: [
        "You are invited to {product}.",
        "Vous êtes invité(e) à utiliser {product}.",
    ],
};

/// A reminder.
pub const REMINDER: Invitation = Invitation {
    subject: [
        "Reminder: {inviter} invites you to {product}",
        "Rappel : {inviter} vous invite à utiliser {product}",
    ],
    subject_plain: [
        "Reminder: you are invited to {product}",
        "Rappel : vous êtes invité(e) à utiliser {product}",
    ],
    opening: [
        "{inviter} invited you to {product} some days ago, and the invitation is still open.",
        "{inviter} vous a invité(e) à utiliser {product} il y a quelques jours, et l’invitation est toujours ouverte.",
    ],
    opening_plain: [
        "You were invited to {product} some days ago, and the invitation is still open.",
        "Vous avez été invité(e) à utiliser {product} il y a quelques jours, et l’invitation est toujours ouverte.",
    ],
};

/// A new link.
pub const RENEWED: Invitation = Invitation {
    subject: [
        "Your new link to {product}",
        "Votre nouveau lien pour {product}",
    ],
    subject_plain: [
        "Your new link to {product}",
        "Votre nouveau lien pour {product}",
    ],
    opening: [
        "Here is the new link that was asked for in the place of one that had expired.",
        "Voici le nouveau lien demandé à la place de celui qui avait expiré.",
    ],
    opening_plain: [
        "Here is the new link that was asked for in the place of one that had expired.",
        "Voici le nouveau lien demandé à la place de celui qui avait expiré.",
    ],
};

/// How somebody is greeted.
pub const HELLO: Two = ["Hello {name},", "Bonjour {name},"];
/// The same without a name.
pub const HELLO_PLAIN: Two = ["Hello,", "Bonjour,"];
/// Above what the inviter wrote.
pub const WRITES: Two = ["{inviter} writes:", "{inviter} écrit :"];
/// The same without a name.
pub const WRITES_PLAIN: Two = ["A message for you:", "Un message pour vous :"];
/// The button.
pub const ACCEPT: Two = ["Look at the invitation", "Voir l’invitation"];
/// Under the button.
pub const VALID: Two = [
    "The link is meant for you alone and is valid until {day}. Opening it changes nothing before you accept.",
    "Le lien est destiné à vous seul(e) et valable jusqu’au {day}. L’ouvrir ne change rien avant que vous n’acceptiez.",
];
/// For who did not expect it.
pub const UNEXPECTED: Two = [
    "If you did not expect this mail, ignore it: then nothing happens.",
    "Si vous n’attendiez pas ce courriel, ignorez-le : il ne se passera rien.",
];
/// The product, where no brand names it.
pub const PRODUCT: Two = ["the app", "l’application"];
/// Where the button does not work.
pub const LINK: Two = [
    "If the button does not work, open this address:",
    "Si le bouton ne fonctionne pas, ouvrez cette adresse :",
];
/// Help.
pub const SUPPORT: Two = ["Help", "Aide"];
/// Where Rosterd may be named.
pub const ROSTERD: Two = ["Sent with Rosterd", "Envoyé avec Rosterd"];

/// The parts of a notice.
pub const CAUSE: Two = ["Why", "Pourquoi"];
/// What it means for people.
pub const EFFECT: Two = ["What it means so far", "Ce que cela signifie jusqu’ici"];
/// What to do.
pub const NEXT: Two = ["What to do next", "Que faire ensuite"];
/// The button of a notice.
pub const LOOK: Two = ["Look at it", "Regarder"];
/// Why one gets it.
pub const TOLD: Two = [
    "You get this because your address is set to be told of notices of {tenant}.",
    "Vous recevez ceci parce que votre adresse est réglée pour les avis de {tenant}.",
];
/// Told before.
pub const AGAIN: Two = [
    "Open since {since}; you are told for the {told}th time.",
    "Ouvert depuis {since} ; vous en êtes averti(e) pour la {told}e fois.",
];
/// A point in time that is not known.
pub const NEVER: Two = ["the beginning", "le début"];

/// Names of months.
pub const MONTHS: [[&str; 12]; 2] = [
    [
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
    [
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
];

/// Why a mail did not arrive.
pub const FAILURES: &[super::Row] = &[
    (
        "refused",
        [
            "the mail server of the address refused it",
            "le serveur de courriel de l’adresse l’a refusé",
        ],
    ),
    ("bounced", ["it came back", "il est revenu"]),
    (
        "secret-lost",
        [
            "its link cannot be opened any more",
            "son lien ne peut plus être ouvert",
        ],
    ),
    (
        "address",
        [
            "no mail can be sent to the address",
            "aucun courriel ne peut être envoyé à l’adresse",
        ],
    ),
    (
        "server",
        [
            "no mail server took it for a day",
            "aucun serveur de courriel ne l’a pris pendant un jour",
        ],
    ),
    (
        "unreachable",
        [
            "the mail server could not be reached for a day",
            "le serveur de courriel n’a pas pu être joint pendant un jour",
        ],
    ),
    (
        "tls",
        [
            "the mail server could not be trusted",
            "le serveur de courriel n’a pas pu être vérifié",
        ],
    ),
    (
        "deferred",
        [
            "the mail server put it off for a day",
            "le serveur de courriel l’a reporté pendant un jour",
        ],
    ),
    (
        "content",
        ["it could not be written", "il n’a pas pu être écrit"],
    ),
];
