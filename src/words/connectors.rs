//! The words of what people are told of a connector: `connectors show`, and the pages of `docs/connectors`. Marks of code
//! are backticks, as in the texts of connectors.

use super::{Row, Two};

/// Parts of a person, by the word of the YAML.
pub(super) const PARTS: &[Row] = &[
    ("userName", ["Work e-mail", "E-mail professionnel"]),
    ("name", ["First and last name", "Prénom et nom"]),
    ("displayName", ["Name as shown", "Nom affiché"]),
    ("title", ["Job title", "Intitulé du poste"]),
    (
        "employmentState",
        ["State of employment", "Situation d'emploi"],
    ),
    ("employeeNumber", ["Employee number", "Matricule"]),
    ("department", ["Department", "Service"]),
    ("division", ["Division", "Direction ou division"]),
    ("organization", ["Company", "Société"]),
    ("costCenter", ["Cost centre", "Centre de coûts"]),
    ("manager", ["Manager", "Responsable"]),
    ("startDate", ["First day", "Date d'arrivée"]),
    ("endDate", ["Last day", "Date de départ"]),
    ("phoneNumbers", ["Work phone", "Téléphone professionnel"]),
    ("locale", ["Language", "Langue"]),
    ("timezone", ["Time zone", "Fuseau horaire"]),
];

/// Why a part does not come, by the word of the YAML.
pub(super) const LACKS: &[Row] = &[
    ("none", ["the API has none", "l'API n'en a pas"]),
    (
        "custom",
        [
            "the API has none of its own; a setting can name a custom field",
            "l'API n'en a pas d'origine ; un réglage peut désigner un champ personnalisé",
        ],
    ),
    (
        "private",
        [
            "private in this system, or may be; left out",
            "privé dans ce système, ou peut l'être ; laissé de côté",
        ],
    ),
    (
        "unread",
        [
            "the API has it elsewhere, and it is not asked for",
            "l'API le tient ailleurs, et il n'est pas demandé",
        ],
    ),
    (
        "unknown",
        [
            "the documentation names none",
            "la documentation n'en indique pas",
        ],
    ),
];

/// How a connector signs in, by the word of the YAML.
pub(super) const SIGN_IN: &[Row] = &[
    ("none", ["none", "aucune"]),
    (
        "basic",
        [
            "user name and password (HTTP Basic)",
            "nom d'utilisateur et mot de passe (HTTP Basic)",
        ],
    ),
    ("header", ["key in a header", "clé dans un en-tête"]),
    ("bearer", ["token (`Bearer`)", "jeton (`Bearer`)"]),
    ("query", ["key in the address", "clé dans l'adresse"]),
    ("body", ["key in the body", "clé dans le corps"]),
    (
        "login",
        [
            "keys that are exchanged for a token",
            "clés échangées contre un jeton",
        ],
    ),
    (
        "client_credentials",
        [
            "OAuth 2, client credentials",
            "OAuth 2, identifiants de client",
        ],
    ),
    (
        "refresh_token",
        ["OAuth 2, refresh token", "OAuth 2, jeton d'actualisation"],
    ),
    (
        "authorization_code",
        [
            "OAuth 2, consent in the browser",
            "OAuth 2, consentement dans le navigateur",
        ],
    ),
    (
        "jwt_bearer",
        [
            "OAuth 2, key of a service account",
            "OAuth 2, clé d'un compte de service",
        ],
    ),
    (
        "saml_bearer",
        [
            "OAuth 2, signed SAML assertion",
            "OAuth 2, assertion SAML signée",
        ],
    ),
    (
        "ws_security",
        [
            "user name and password (WS-Security)",
            "nom d'utilisateur et mot de passe (WS-Security)",
        ],
    ),
];

/// How a record names the manager, by the word of the YAML.
pub(super) const MANAGER_BY: &[Row] = &[
    ("id", ["stable id", "identifiant stable"]),
    ("email", ["e-mail address", "adresse e-mail"]),
    ("alias", ["another name", "autre nom"]),
];

/// Texts by name, and a list of all of them for a test.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $fr:literal;)*) => {
        $($(#[$doc])* pub const $name: Two = [$en, $fr];)*
        #[cfg(test)]
        pub(super) const ALL: &[(&str, Two)] = &[$((stringify!($name), $name)),*];
    };
}

texts! {
    /// Heading: what is asked for to get in.
    CREDENTIALS: "Credentials", "Identifiants";
    /// Heading: what a customer may name freely.
    SETTINGS: "Settings", "Réglages";
    /// Heading: what the customer's admin does.
    STEPS: "Set-up", "Mise en place";
    /// Heading: what may be read.
    RIGHTS: "Rights and requests", "Droits et requêtes";
    /// Heading: what comes.
    SYNCED: "What is synced", "Ce qui est synchronisé";
    /// Heading: what does not come.
    NOT_SYNCED: "What is not synced", "Ce qui n'est pas synchronisé";
    /// Heading: what to watch.
    NOTES: "Good to know", "À savoir";
    /// Heading: how fast.
    LIMITS: "Limits", "Limites";
    /// Heading: how sure.
    CONFIDENCE: "Confidence", "Fiabilité";

    /// Of a value: it is never shown again.
    SECRET: "secret", "secret";
    /// Of a value: it may stay empty.
    OPTIONAL: "optional", "facultatif";
    /// Of a value: the operator enters it.
    OF_OPERATOR: "entered once by the operator", "saisi une fois par l'exploitant";
    /// Of a value: the consent brings it.
    OF_CONSENT: "comes with the consent in the browser", "vient avec le consentement dans le navigateur";
    /// Of a value.
    DEFAULT: "default `{value}`", "par défaut `{value}`";
    /// Of a value.
    SUCH_AS: "such as `{value}`", "par exemple `{value}`";

    /// A right that the connector knows by its refusal.
    RIGHT: "Without this the vendor refuses: {right}.", "Sans cela, le fournisseur refuse : {right}.";
    /// Scopes of OAuth.
    SCOPES: "Scopes that are asked for: `{scopes}`.", "Portées demandées : `{scopes}`.";
    /// Words of the vendor's for what the credentials must be able to do.
    SCOPES_NEEDED: "The key needs `{scopes}`; `rosterd connectors check` names what is missing, and warns of more.", "La clé a besoin de `{scopes}` ; `rosterd connectors check` nomme ce qui manque et signale ce qui est en trop.";
    /// A right whose absence only shows in fields that are empty.
    QUIET: "Without this fields stay empty: {right}.", "Sans cela, des champs restent vides : {right}.";
    /// A right that is too much.
    EXCESS: "Not needed, and warned of where it shows: {right}.", "Inutile, et signalé lorsque cela se voit : {right}.";
    /// What stands above the requests.
    REQUESTS: "What is to be granted stands under the steps. Nothing but these requests is sent; each of them only reads.", "Les droits à accorder figurent dans la mise en place. Seules ces requêtes sont envoyées ; toutes ne font que lire.";
    /// Behind a request that gives a token.
    TOKEN_CALL: "(for a token)", "(pour un jeton)";

    /// What holds for every connector: nothing else stays.
    NOTHING_ELSE: "Nothing else is kept. Whatever else an answer holds, such as pay, bank details, health or a private address, is dropped before anything is stored or logged.", "Rien d'autre n'est conservé. Ce qu'une réponse contient en plus, par exemple la paie, des coordonnées bancaires, la santé ou une adresse privée, est écarté avant tout enregistrement et n'apparaît dans aucun journal.";

    /// Our rate.
    RATE: "At most {per_minute} requests a minute, {burst} of them at once.", "Au plus {per_minute} requêtes par minute, dont {burst} à la fois.";
    /// Our rate, one by one.
    RATE_SINGLE: "At most {per_minute} requests a minute, one after another.", "Au plus {per_minute} requêtes par minute, l'une après l'autre.";
    /// No rate.
    RATE_NONE: "No rate is set.", "Aucun débit n'est fixé.";
    /// What every connector does when it is too fast.
    PATIENCE: "If the vendor says that it is asked too often, Rosterd waits as long as it says.", "Si le fournisseur signale trop de requêtes, Rosterd attend aussi longtemps qu'il le demande.";
    /// Page size.
    PAGE: "{size} people a page.", "{size} personnes par page.";
    /// A call for each person.
    CALLS: "Up to one more request for each person: {names}.", "Jusqu'à une requête de plus par personne : {names}.";
    /// A call for each person, where a value is filled in.
    CALLS_IF: "With the setting `{setting}`, one more request for each person.", "Avec le réglage `{setting}`, une requête de plus par personne.";
    /// Longest answer.
    TIMEOUT: "An answer may take {seconds} seconds.", "Une réponse peut prendre {seconds} secondes.";
    /// A consent that ends.
    CONSENT_ENDS: "The consent ends after {days} days without a pull.", "Le consentement prend fin après {days} jours sans lecture.";

    /// Where a page's connector was tried.
    TRIED: "Written from the vendor's public documentation, and tried against a stand-in of {name} that was written from the same documentation (`rosterd simulate hris {slug}`). Nobody has tried it against {name} itself yet.", "Écrit d'après la documentation publique du fournisseur, et essayé avec une doublure de {name} écrite d'après la même documentation (`rosterd simulate hris {slug}`). Personne ne l'a encore essayé avec {name} même.";
    /// What stands above what is not verified.
    UNVERIFIED: "Not verified:", "Non vérifié :";
    /// Nothing stands there.
    ALL_VERIFIED: "No single point is marked as unverified.", "Aucun point particulier n'est signalé comme non vérifié.";

    /// First line of a page.
    MADE_OF: "Made by a test of `connectors/{slug}.yaml` and of a pull from the stand-in; do not edit.", "Produit par un test à partir de `connectors/{slug}.yaml` et d'une lecture de la doublure ; ne pas modifier.";
    /// Name of the other page.
    OTHER_LANGUAGE: "En français", "In English";
    /// Link to the list.
    ALL_SYSTEMS: "All systems", "Tous les systèmes";
    /// Sign-in.
    SIGN_IN_BY: "Sign-in: {how}. Name in commands: `{slug}`.", "Connexion : {how}. Nom dans les commandes : `{slug}`.";
    /// Head of a table.
    PART: "Part of a person", "Donnée";
    /// Head of a table.
    COMES: "comes", "reprise";
    /// It comes.
    YES: "yes", "oui";
    /// It does not.
    NO: "no", "non";
    /// It comes where this is filled in.
    WITH: "with a setting: {settings}", "avec un réglage : {settings}";
    /// It comes, named so.
    NAMED_BY: "yes, by {how}", "oui, par {how}";
    /// People who left.
    LEAVERS: "People who left, marked as such", "Personnes parties, marquées comme telles";
    /// People who have not started.
    FUTURE_HIRES: "People who have not started", "Personnes pas encore arrivées";
    /// Changes alone.
    INCREMENTAL: "Changes alone can be asked for", "Possibilité de ne demander que les modifications";
    /// Further units.
    ALSO: "Also: {units}.", "En outre : {units}.";

    /// Title of the list.
    SYSTEMS: "HR systems", "Systèmes RH";
    /// What the list is.
    INTRODUCTION: "Which system tells what. Made by a test of `connectors/*.yaml` and of a pull from the stand-in of each vendor; do not edit. A connector that stops bringing something fails that test.", "Quel système fournit quoi. Produit par un test à partir de `connectors/*.yaml` et d'une lecture de la doublure de chaque fournisseur ; ne pas modifier. Un connecteur qui cesse de fournir une donnée fait échouer ce test.";
    /// What the marks mean.
    LEGEND: "● comes; ○ comes where a setting names the field; – does not come, and the system's page says why. What nobody has verified stands there too.", "● fourni ; ○ fourni si un réglage désigne le champ ; – non fourni, et la page du système dit pourquoi. Ce que personne n'a vérifié y figure aussi.";
    /// Where else people can come from.
    ELSEWHERE: "No system of yours here: [files](../FILES.md) (CSV, a folder, SFTP), or [a connector of your own](../CONNECTORS.md#an-api-of-your-own).", "Votre système n'y est pas : [des fichiers](../FILES.md) (CSV, dossier, SFTP), ou [un connecteur à vous](../CONNECTORS.md#an-api-of-your-own), en anglais.";
    /// Head of a table.
    SYSTEM: "System", "Système";
    /// Heading of the first table.
    WHO: "Who is in the list", "Qui figure dans la liste";
    /// Heading of the second table.
    WHAT: "What is told of a person", "Ce qui est dit d'une personne";
    /// Column.
    COLUMN_LEAVERS: "leavers", "départs";
    /// Column.
    COLUMN_FUTURE: "future hires", "futures embauches";
    /// Column.
    COLUMN_CHANGES: "changes only", "modifications seules";
    /// Column.
    COLUMN_MANAGER: "manager by", "responsable par";
    /// Column.
    COLUMN_SIGN_IN: "sign-in", "connexion";
    /// Column.
    COLUMN_UNVERIFIED: "points not verified", "points non vérifiés";
}
