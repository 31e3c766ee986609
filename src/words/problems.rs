//! What the management API answers: in English as the table of codes says, here in French too.

use super::Row;

pub(super) const MEANING: &[Row] = &[
    (
        "invalid-json",
        ["The body cannot be read", "Le corps ne peut pas être lu"],
    ),
    (
        "invalid-value",
        ["A value breaks a rule", "Une valeur enfreint une règle"],
    ),
    (
        "bad-file",
        [
            "The file is refused, all of it",
            "Le fichier est refusé en entier",
        ],
    ),
    (
        "unauthorized",
        ["There is no valid token", "Il n’y a pas de jeton valable"],
    ),
    (
        "forbidden",
        [
            "This token may not do it, or not now",
            "Ce jeton ne le peut pas, ou pas maintenant",
        ],
    ),
    (
        "not-entitled",
        [
            "The tenant's plan does not include it",
            "L’abonnement du client ne le comprend pas",
        ],
    ),
    (
        "not-found",
        ["There is no such thing here", "Il n’y a rien de tel ici"],
    ),
    (
        "method-not-allowed",
        [
            "The address does not take the method",
            "L’adresse n’accepte pas la méthode",
        ],
    ),
    (
        "timeout",
        [
            "The body did not arrive in time",
            "Le corps n’est pas arrivé à temps",
        ],
    ),
    (
        "conflict",
        ["A value is taken", "Une valeur est déjà prise"],
    ),
    (
        "key-reused",
        [
            "The Idempotency-Key was used for another request",
            "L’Idempotency-Key a servi à une autre requête",
        ],
    ),
    (
        "not-now",
        [
            "It is not in a state in which that is possible",
            "Son état ne le permet pas",
        ],
    ),
    (
        "stale-plan",
        [
            "The plan is not what would be done now",
            "Le plan n’est pas ce qui serait fait maintenant",
        ],
    ),
    (
        "too-large",
        ["The request is too large", "La requête est trop grande"],
    ),
    (
        "unsupported-media",
        [
            "The body is in a form that is not taken",
            "Le corps est sous une forme qui n’est pas acceptée",
        ],
    ),
    (
        "too-many-requests",
        [
            "This token sends too many requests",
            "Ce jeton envoie trop de requêtes",
        ],
    ),
    (
        "headers-too-large",
        [
            "The headers are too many or too large",
            "Les en-têtes sont trop nombreux ou trop grands",
        ],
    ),
    ("failed", ["The service failed", "Le service a échoué"]),
    (
        "unavailable",
        [
            "The service cannot do this now",
            "Le service ne le peut pas maintenant",
        ],
    ),
];

pub(super) const NEXT: &[Row] = &[
    (
        "invalid-json",
        [
            "Send one JSON object in UTF-8; `detail` names the place.",
            "Envoyez un objet JSON en UTF-8 ; `detail` nomme l’endroit.",
        ],
    ),
    (
        "invalid-value",
        [
            "Correct what `detail` names; `/api/openapi.json` has every field and parameter.",
            "Corrigez ce que `detail` nomme ; `/api/openapi.json` a chaque champ et paramètre.",
        ],
    ),
    (
        "bad-file",
        [
            "Mend what `detail` names, with its line, and send the file again; nobody was changed.",
            "Corrigez ce que `detail` nomme, avec sa ligne, et renvoyez le fichier ; personne n’a été changé.",
        ],
    ),
    (
        "unauthorized",
        [
            "Send `Authorization: Bearer …` with a token that has not ended and was not revoked, of a tenant that is not suspended.",
            "Envoyez `Authorization: Bearer …` avec un jeton ni échu ni révoqué, d’un client qui n’est pas suspendu.",
        ],
    ),
    (
        "forbidden",
        [
            "Use a token of a role that `/api/openapi.json` names for the route, or first do what `detail` says.",
            "Utilisez un jeton d’un rôle que `/api/openapi.json` nomme pour la route, ou faites d’abord ce que `detail` dit.",
        ],
    ),
    (
        "not-entitled",
        [
            "Nothing was changed. Choose a plan that includes what `detail` names, or free what is taken.",
            "Rien n’a été modifié. Choisissez un abonnement qui comprend ce que `detail` nomme, ou libérez ce qui est pris.",
        ],
    ),
    (
        "not-found",
        [
            "Look it up in its list. What belongs to another tenant looks the same as what does not exist.",
            "Cherchez-le dans sa liste. Ce qui est à un autre client a l’air de ne pas exister.",
        ],
    ),
    (
        "method-not-allowed",
        [
            "Use a method that the header `Allow` names.",
            "Utilisez une méthode que l’en-tête `Allow` nomme.",
        ],
    ),
    (
        "timeout",
        [
            "Send it again, faster; the operator sets the time (`body_seconds`).",
            "Renvoyez-le plus vite ; l’exploitant règle la durée (`body_seconds`).",
        ],
    ),
    (
        "conflict",
        [
            "Choose another value, or go on with the thing that has it.",
            "Choisissez une autre valeur, ou continuez avec ce qui l’a.",
        ],
    ),
    (
        "key-reused",
        [
            "Take a new key for each thing that is to be created, and repeat a request with its own key only.",
            "Prenez une clé neuve pour chaque chose à créer, et ne répétez une requête qu’avec sa propre clé.",
        ],
    ),
    (
        "not-now",
        [
            "Look at its state; `detail` names it, and what can be done now.",
            "Regardez son état ; `detail` le nomme, avec ce qui est possible maintenant.",
        ],
    ),
    (
        "stale-plan",
        [
            "Discard it, and pull the connection again: `detail` says what changed since it was made.",
            "Abandonnez-le et relisez la connexion : `detail` dit ce qui a changé depuis.",
        ],
    ),
    (
        "too-large",
        [
            "Send less at once; the operator sets the limits (docs/LIMITS.md).",
            "Envoyez moins à la fois ; l’exploitant règle les limites (docs/LIMITS.md).",
        ],
    ),
    (
        "unsupported-media",
        [
            "Send `Content-Type: application/json` (a file: `text/csv`), without a content encoding.",
            "Envoyez `Content-Type: application/json` (un fichier : `text/csv`), sans encodage de contenu.",
        ],
    ),
    (
        "too-many-requests",
        [
            "Wait for the seconds that `Retry-After` names, or send fewer.",
            "Attendez les secondes que `Retry-After` nomme, ou envoyez-en moins.",
        ],
    ),
    (
        "headers-too-large",
        [
            "Send fewer or shorter headers.",
            "Envoyez moins d’en-têtes, ou de plus courts.",
        ],
    ),
    (
        "failed",
        [
            "Tell its operator the `request`. Trying again may help, and does no harm.",
            "Donnez `request` à son exploitant. Réessayer peut aider et ne nuit pas.",
        ],
    ),
    (
        "unavailable",
        [
            "Try again after the seconds that `Retry-After` names. A write may have taken place: read first, or repeat it with the same Idempotency-Key.",
            "Réessayez après les secondes que `Retry-After` nomme. Une écriture a pu avoir lieu : lisez d’abord, ou répétez-la avec la même Idempotency-Key.",
        ],
    ),
];
