//! Notices in words: what it is, why, what it means for people so far, what to do next.

use serde_json::{Value, json};

use super::text::{day, name_of};
use super::{Book, Two, fill, mail as w, of};
use crate::domain::language::Language;

/// The words of a notice.
struct Row {
    code: &'static str,
    title: Two,
    cause: Two,
    effect: Two,
    next: Two,
}

/// A notice as somebody reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Told {
    /// What it is, in one line.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What it means for people so far.
    pub effect: String,
    /// What to do next.
    pub next: String,
}

/// Codes that have words.
pub fn codes() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.code)
}

/// A notice in words; `None` for a code that has none. The parameters are those of the notice; `why` is in words already.
pub fn say(code: &str, params: &Value, language: Language) -> Option<Told> {
    let row = ROWS.iter().find(|row| row.code == code)?;
    let text = |two| fill(of(two, language), params);
    Some(Told {
        title: text(row.title),
        cause: text(row.cause),
        effect: text(row.effect),
        next: text(row.next),
    })
}

/// The parameters of a notice as its words want them: codes inside are words already, moments are days.
pub fn params(code: &str, params: &Value, language: Language) -> Value {
    let mut all = params.clone();
    if !all.is_object() {
        all = json!({});
    }
    let book = |book, code: &Value| {
        let code = code.as_str()?;
        super::say(book, code, &Value::Null, language)
    };
    let failure = |code: &Value| {
        let code = code.as_str()?;
        let (_, two) = w::FAILURES.iter().find(|(known, _)| *known == code)?;
        Some(of(*two, language).to_owned())
    };
    let why = match code {
        "held" | "coverage-fell" => book(Book::Held, &all["why"]),
        "new-conflict" => book(Book::Conflicts, &all["kind"]),
        "team-finding" => book(Book::Teams, &all["finding"]),
        "invitation-failed" => failure(&all["why"]),
        // Of a file there is more to say than of a vendor's answer.
        _ => book(Book::Files, &all["code"]).or_else(|| book(Book::Pulls, &all["kind"])),
    };
    all["why"] = json!(why);
    all["label"] = json!(label(&all));
    all["lastSuccess"] = json!(match all["lastSuccessAt"].as_i64() {
        Some(at) => day(at, language),
        None => of(w::NEVER, language).to_owned(),
    });
    all
}

/// What the thing is called: its label, or else the source's name, or an id.
fn label(params: &Value) -> Option<String> {
    let names = ["label", "source", "connection", "token"];
    names
        .iter()
        .find_map(|name| params[*name].as_str().and_then(name_of))
}

const ROWS: &[Row] = &[
    Row {
        code: "needs-credentials",
        title: [
            "{label} needs new credentials",
            "{label} a besoin de nouveaux identifiants",
        ],
        cause: [
            "The HR system refused the credentials of the connection: {why}.",
            "Le système RH a refusé les identifiants de la connexion : {why}.",
        ],
        effect: [
            "Nobody has lost or got access because of it. Joiners, leavers and changes since {lastSuccess} are not known here.",
            "Personne n’a perdu ni reçu d’accès à cause de cela. Les arrivées, départs et changements depuis {lastSuccess} ne sont pas connus ici.",
        ],
        next: [
            "Enter new credentials for the connection; they are tried at once.",
            "Saisissez de nouveaux identifiants pour la connexion ; ils sont essayés aussitôt.",
        ],
    },
    Row {
        code: "failing",
        title: ["{label} cannot be read", "{label} ne peut pas être lue"],
        cause: [
            "{failures} attempts in a row failed: {why}.",
            "{failures} tentatives de suite ont échoué : {why}.",
        ],
        effect: [
            "Nobody has lost or got access because of it. Joiners, leavers and changes since {lastSuccess} are not known here.",
            "Personne n’a perdu ni reçu d’accès à cause de cela. Les arrivées, départs et changements depuis {lastSuccess} ne sont pas connus ici.",
        ],
        next: [
            "It is tried again by itself. If it goes on, look at the connection and at the HR system.",
            "Une nouvelle tentative se fait d’elle-même. Si cela continue, regardez la connexion et le système RH.",
        ],
    },
    Row {
        code: "held",
        title: [
            "{label}: changes wait for your decision",
            "{label} : des changements attendent votre décision",
        ],
        cause: ["They are held because {why}.", "Ils sont retenus : {why}."],
        effect: [
            "Those concerned keep their access until you decide (people who wait one by one: {held}).",
            "Les personnes concernées gardent leur accès jusqu’à votre décision (personnes en attente une à une : {held}).",
        ],
        next: [
            "Look at the run {run}, then approve all, some or none of it. Nothing held ever applies itself.",
            "Regardez la lecture {run}, puis approuvez-en tout, une partie ou rien. Rien de retenu ne s’applique de soi-même.",
        ],
    },
    Row {
        code: "parked",
        title: [
            "{label}: changes that were pushed wait for your decision",
            "{label} : des changements poussés attendent votre décision",
        ],
        cause: [
            "The identity provider takes access from more people within an hour than the limit allows.",
            "Le fournisseur d’identité retire l’accès à plus de personnes en une heure que la limite ne le permet.",
        ],
        effect: [
            "People beyond the limit keep their access until you decide: {held}.",
            "Les personnes au-delà de la limite gardent leur accès jusqu’à votre décision : {held}.",
        ],
        next: [
            "Look at what is parked, then release all, some or none of it. Nothing parked ever applies itself.",
            "Regardez ce qui est mis de côté, puis libérez-en tout, une partie ou rien. Rien ne s’applique de soi-même.",
        ],
    },
    Row {
        code: "new-conflict",
        title: [
            "{label}: somebody must decide who is who",
            "{label} : quelqu’un doit décider qui est qui",
        ],
        cause: [
            "A record of the source may be somebody who is here already: {why}.",
            "Une fiche de la source est peut-être quelqu’un qui est déjà ici : {why}.",
        ],
        effect: [
            "Whoever is here keeps the access that she has; the record waits without access.",
            "La personne déjà ici garde son accès ; la fiche attend sans accès.",
        ],
        next: [
            "Look at the open conflicts, and link them or keep them apart.",
            "Regardez les conflits ouverts, et reliez-les ou gardez-les séparés.",
        ],
    },
    Row {
        code: "invitation-failed",
        title: [
            "An invitation did not arrive",
            "Une invitation n’est pas arrivée",
        ],
        cause: [
            "The mail could not be delivered: {why} {status}.",
            "Le courriel n’a pas pu être remis : {why} {status}.",
        ],
        effect: [
            "The person invited has no access yet, and does not know of the invitation.",
            "La personne invitée n’a pas encore accès et ne sait rien de l’invitation.",
        ],
        next: [
            "Correct the address, then send the invitation {invitation} again.",
            "Corrigez l’adresse, puis renvoyez l’invitation {invitation}.",
        ],
    },
    Row {
        code: "token-expires",
        title: [
            "The token {label} ends in {days} days or less",
            "Le jeton {label} prend fin dans {days} jours ou moins",
        ],
        cause: [
            "It was made to end ({role}).",
            "Il a été créé avec une fin ({role}).",
        ],
        effect: [
            "Nothing has happened yet. From then on who uses it is refused.",
            "Rien ne s’est encore passé. Ensuite, qui l’utilise est refusé.",
        ],
        next: [
            "Make a new token, enter it where this one is used, then revoke this one.",
            "Créez un nouveau jeton, saisissez-le là où celui-ci sert, puis révoquez celui-ci.",
        ],
    },
    Row {
        code: "source-silent",
        title: ["Nothing comes from {label}", "Rien ne vient de {label}"],
        cause: [
            "No complete list of people has come since {lastSuccess}.",
            "Aucune liste complète de personnes n’est venue depuis {lastSuccess}.",
        ],
        effect: [
            "Nobody has lost or got access because of it. Joiners and leavers since then are not known here.",
            "Personne n’a perdu ni reçu d’accès à cause de cela. Les arrivées et départs depuis ne sont pas connus ici.",
        ],
        next: [
            "See whether the export, or the connection, still runs.",
            "Voyez si l’export, ou la connexion, fonctionne encore.",
        ],
    },
    Row {
        code: "coverage-fell",
        title: [
            "{label}: fields do not come any more",
            "{label} : des champs ne viennent plus",
        ],
        cause: [
            "Fields that many people had before did not come with the last pull.",
            "Des champs que beaucoup avaient auparavant ne sont pas venus à la dernière lecture.",
        ],
        effect: [
            "The whole plan waits: nobody was changed.",
            "Tout le plan attend : personne n’a été changé.",
        ],
        next: [
            "Look at the run {run}: give the connection its rights back, or approve if it is meant.",
            "Regardez la lecture {run} : rendez ses droits à la connexion, ou approuvez si c’est voulu.",
        ],
    },
    Row {
        code: "team-finding",
        title: [
            "Teams: something about managers needs a look",
            "Équipes : les responsables demandent un regard",
        ],
        cause: [
            "The hierarchy of {label} has a new finding: {why}.",
            "La hiérarchie de {label} a un nouveau constat : {why}.",
        ],
        effect: [
            "Teams were built by the fixed rules; nobody lost access.",
            "Les équipes ont été faites selon les règles fixes ; personne n’a perdu l’accès.",
        ],
        next: [
            "Correct the manager in the HR system; teams follow with the next run.",
            "Corrigez le responsable dans le système RH ; les équipes suivent à la prochaine lecture.",
        ],
    },
    Row {
        code: "disconnected",
        title: ["{label} was disconnected", "{label} a été retirée"],
        cause: [
            "It was asked for by: {by}.",
            "Cela a été demandé par : {by}.",
        ],
        effect: [
            "People with access keep it; those who were only listed are removed.",
            "Les personnes qui ont accès le gardent ; celles qui étaient seulement listées sont retirées.",
        ],
        next: [
            "Nothing, if it was meant. Leavers are not noticed any more until a source is connected.",
            "Rien, si c’était voulu. Les départs ne sont plus remarqués tant qu’aucune source n’est connectée.",
        ],
    },
    Row {
        code: "admin-added",
        title: [
            "Somebody may administer your organisation now",
            "Quelqu’un peut désormais administrer votre organisation",
        ],
        cause: [
            "A token of an admin was made: {label} (by: {by}).",
            "Un jeton d’administrateur a été créé : {label} (par : {by}).",
        ],
        effect: [
            "Whoever has it may change people, connections and settings.",
            "Qui l’a peut changer les personnes, les connexions et les réglages.",
        ],
        next: [
            "Revoke it if nobody of yours made it.",
            "Révoquez-le si personne de chez vous ne l’a créé.",
        ],
    },
];
