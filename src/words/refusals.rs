//! Why somebody cannot be invited, and why a set-up of team sync cannot be completed.

use super::Row;

pub(super) const INVITATIONS: &[Row] = &[
    (
        "no-such-person",
        [
            "there is nobody with this id, or she was removed",
            "personne n’a cet identifiant, ou elle a été retirée",
        ],
    ),
    (
        "has-access",
        [
            "she has access already, or will have it from her first day on",
            "elle a déjà accès, ou l’aura à partir de son premier jour",
        ],
    ),
    (
        "already-invited",
        [
            "an invitation is out already: send that one again",
            "une invitation est déjà partie : renvoyez celle-là",
        ],
    ),
    (
        "no-address",
        [
            "she has no address that mail can go to: hand her the link yourself",
            "elle n’a pas d’adresse à laquelle écrire : remettez-lui le lien vous-même",
        ],
    ),
    (
        "reinstate-first",
        [
            "a human revoked or removed her: reinstate her first",
            "une personne l’a révoquée ou retirée : rétablissez-la d’abord",
        ],
    ),
    (
        "conflict",
        [
            "a question about who she is waits for an answer: answer it first",
            "une question sur son identité attend une réponse : répondez-y d’abord",
        ],
    ),
    (
        "break-glass",
        [
            "she is an admin for emergencies and has her access already",
            "elle est administratrice de secours et a déjà son accès",
        ],
    ),
    (
        "left",
        [
            "a source says that she has left: invite her in spite of it if you know that she is back",
            "une source dit qu’elle est partie : invitez-la malgré cela si vous savez qu’elle est revenue",
        ],
    ),
    (
        "source-inactive",
        [
            "a source says that she is inactive: invite her in spite of it if you know better",
            "une source dit qu’elle est inactive : invitez-la malgré cela si vous le savez mieux",
        ],
    ),
    (
        "no-seat",
        [
            "the plan has no seat left: free one, or choose a larger plan",
            "l’abonnement n’a plus de place : libérez-en une, ou choisissez un abonnement plus grand",
        ],
    ),
];

pub(super) const TEAM_SYNC: &[Row] = &[
    (
        "app-users-never-loaded",
        [
            "the app has never said whom it knows: load its users first",
            "l’application n’a jamais dit qui elle connaît : chargez d’abord ses utilisateurs",
        ],
    ),
    (
        "nobody-in-a-team",
        [
            "not one person would be in a team: let the source bring managers first",
            "personne ne serait dans une équipe : faites d’abord apporter les responsables par la source",
        ],
    ),
    (
        "no-people",
        [
            "the source has brought nobody yet: let it be pulled first",
            "la source n’a encore apporté personne : faites-la d’abord lire",
        ],
    ),
    (
        "source-disconnected",
        [
            "the source is disconnected: choose one that is connected",
            "la source est déconnectée : choisissez-en une qui est connectée",
        ],
    ),
];
