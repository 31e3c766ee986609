//! What there is to tell of the hierarchy of managers, and of a run.

use super::Row;

pub(super) const TEAMS: &[Row] = &[
    (
        "circle",
        [
            "people report to each other in a circle, which is cut at the first of them",
            "des personnes se rapportent les unes aux autres en cercle, coupé à la première",
        ],
    ),
    (
        "self-managed",
        [
            "somebody is named as her own manager; taken for somebody without one",
            "quelqu’un est nommé comme son propre responsable ; compté comme sans responsable",
        ],
    ),
    (
        "manager-outside",
        [
            "a manager is nobody whom the source brings",
            "un responsable n’est pas parmi les personnes que la source apporte",
        ],
    ),
    (
        "manager-gone",
        [
            "a manager has left or lost access; the next above with access reviews instead",
            "un responsable est parti ou a perdu l’accès ; le suivant au-dessus qui a accès évalue à sa place",
        ],
    ),
    (
        "manager-without-access",
        [
            "a manager has no access yet; the next above with access reviews meanwhile",
            "un responsable n’a pas encore accès ; le suivant au-dessus qui a accès évalue en attendant",
        ],
    ),
    (
        "several-tops",
        [
            "several people lead teams and report to nobody",
            "plusieurs personnes dirigent des équipes et ne se rapportent à personne",
        ],
    ),
    (
        "leads",
        [
            "she leads a team and reports to nobody",
            "elle dirige une équipe et ne se rapporte à personne",
        ],
    ),
    (
        "no-manager",
        [
            "the source names no manager",
            "la source ne nomme pas de responsable",
        ],
    ),
    (
        "in-circle",
        [
            "she is in a circle of managers, which is cut at her",
            "elle est dans un cercle de responsables, coupé à elle",
        ],
    ),
    (
        "not-in-source",
        [
            "the source whose hierarchy is followed does not bring her",
            "la source dont la hiérarchie est suivie ne l’apporte pas",
        ],
    ),
    (
        "no-team",
        [
            "nobody has put her into a team, and no team sync is set up that would",
            "personne ne l’a mise dans une équipe, et aucune synchronisation d’équipes n’est en place",
        ],
    ),
];

pub(super) const RUNS: &[Row] = &[
    (
        "manager-unknown",
        [
            "the manager whom a record names is unknown",
            "le responsable qu’une fiche nomme est inconnu",
        ],
    ),
    (
        "not-brought",
        [
            "the record is of somebody unknown who has left, or whose state is unknown: nobody is made of it",
            "la fiche est d’une personne inconnue partie, ou dont l’état est inconnu : personne n’en est créé",
        ],
    ),
    (
        "not-entitled",
        [
            "the plan lets the source bring nobody new",
            "l’abonnement ne laisse la source apporter personne de nouveau",
        ],
    ),
    (
        "no-seat",
        [
            "the plan has no seat left: she is listed until one is free",
            "l’abonnement n’a plus de place : elle reste sur la liste jusqu’à ce qu’une se libère",
        ],
    ),
    (
        "left-and-has-access",
        [
            "the record says that she left, and she has access",
            "la fiche dit qu’elle est partie, et elle a accès",
        ],
    ),
    (
        "undone",
        [
            "an undo holds what the record says",
            "une annulation retient ce que dit la fiche",
        ],
    ),
    (
        "out-of-scope",
        [
            "she is no longer among those whom the connection brings",
            "elle n’est plus parmi les personnes que la connexion apporte",
        ],
    ),
];
