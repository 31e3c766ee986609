//! Why access is what it is, and what changes it.

use super::Row;
use crate::domain::access::reason;

pub(super) const ROWS: &[Row] = &[
    (
        reason::GRANTED_BY_POLICY,
        [
            "the connection's joiner policy let her in",
            "la règle d’arrivée de la connexion lui a donné l’accès",
        ],
    ),
    (
        reason::RETURNED,
        [
            "a source brought her back soon after she had left",
            "une source l’a ramenée peu après son départ",
        ],
    ),
    (
        reason::RETURNED_LATE,
        [
            "she came back long after she had left: a human must let her in again",
            "elle est revenue longtemps après son départ : une personne doit lui rendre l’accès",
        ],
    ),
    (
        reason::LISTED_BY_SOURCE,
        [
            "a source brought her and its joiner policy is `list`",
            "une source l’a apportée et sa règle d’arrivée est `list`",
        ],
    ),
    (
        reason::SOURCE_INACTIVE,
        [
            "the source created her inactive, or another one says that she is: activate her there",
            "la source l’a créée inactive, ou une autre le dit : activez-la là-bas",
        ],
    ),
    (
        reason::INVITATION_DUE,
        [
            "the joiner policy invites, and she has no address that mail can go to",
            "la règle d’arrivée invite, et elle n’a pas d’adresse à laquelle écrire",
        ],
    ),
    (
        reason::DEACTIVATED_BY_SOURCE,
        [
            "the source set `active` to false: activate her there",
            "la source a mis `active` à false : activez-la là-bas",
        ],
    ),
    (
        reason::DELETED_BY_SOURCE,
        [
            "the source deleted her: assign her there again",
            "la source l’a supprimée : affectez-la de nouveau là-bas",
        ],
    ),
    (
        reason::CONFLICT,
        [
            "she may be somebody who is there already: see conflicts below",
            "elle est peut-être quelqu’un qui est déjà là : voyez les conflits",
        ],
    ),
    (
        reason::UNVERIFIED_DOMAIN,
        [
            "her address is outside the tenant's verified domains",
            "son adresse n’est pas dans les domaines vérifiés du client",
        ],
    ),
    (
        reason::LEFT,
        [
            "the HR system says that she has left",
            "le système RH dit qu’elle est partie",
        ],
    ),
    (
        reason::LAST_DAY_PASSED,
        [
            "her last day in the HR system has passed",
            "son dernier jour dans le système RH est passé",
        ],
    ),
    (
        reason::LAST_DAY_AHEAD,
        [
            "her last day in the HR system lies ahead",
            "son dernier jour dans le système RH est à venir",
        ],
    ),
    (
        reason::ABSENT,
        [
            "two complete pulls of the HR system did not bring her",
            "deux lectures complètes du système RH ne l’ont pas apportée",
        ],
    ),
    (
        reason::OUT_OF_SCOPE,
        [
            "she is no longer among those whom the connection brings",
            "elle n’est plus parmi les personnes que la connexion apporte",
        ],
    ),
    (
        reason::NOT_STARTED,
        [
            "her first day in the HR system lies ahead",
            "son premier jour dans le système RH est à venir",
        ],
    ),
    (
        reason::NO_SEAT,
        [
            "the tenant's plan has no seat left: free one, or raise the plan",
            "l’abonnement du client n’a plus de place : libérez-en une, ou passez à un abonnement plus large",
        ],
    ),
    (
        reason::DISCONNECTED,
        [
            "the connection that brought her was disconnected",
            "la connexion qui l’avait apportée a été retirée",
        ],
    ),
    (
        reason::UNDONE,
        [
            "the run that brought or invited her was undone",
            "la lecture qui l’avait apportée ou invitée a été annulée",
        ],
    ),
    (
        reason::MERGED,
        [
            "a human said that she is somebody else, who has her record since",
            "une personne a dit qu’elle est quelqu’un d’autre, qui a sa fiche depuis",
        ],
    ),
    (
        reason::UNLINKED,
        [
            "a human took the source's record from somebody else: she has it by herself since",
            "une personne a retiré la fiche de la source à quelqu’un d’autre : elle l’a seule depuis",
        ],
    ),
    (
        reason::REMOVED_BY_HUMAN,
        [
            "a human removed her; no source lifts that: `rosterd person reinstate`",
            "une personne l’a retirée ; aucune source ne lève cela : `rosterd person reinstate`",
        ],
    ),
    (
        reason::REVOKED_BY_HUMAN,
        [
            "a human revoked her access; no source lifts that: `rosterd person reinstate`",
            "une personne a révoqué son accès ; aucune source ne lève cela : `rosterd person reinstate`",
        ],
    ),
    (
        reason::HAS_ACCESS_IN_APP,
        [
            "the app says that she has access",
            "l’application dit qu’elle a accès",
        ],
    ),
    (
        reason::DISABLED_IN_APP,
        [
            "the app says that she has no access: enable her there",
            "l’application dit qu’elle n’a pas accès : activez-la là-bas",
        ],
    ),
    (
        reason::REMOVED_IN_APP,
        [
            "she was removed in the app; no source lifts that: `rosterd person reinstate`",
            "elle a été retirée dans l’application ; aucune source ne lève cela : `rosterd person reinstate`",
        ],
    ),
    (
        reason::GRANTED_AT_SIGN_IN,
        [
            "she was listed and works, and signing in lets such people in",
            "elle était listée et travaille, et la connexion donne l’accès à ces personnes",
        ],
    ),
    (
        reason::REINSTATED,
        [
            "a human lifted a revoke or remove: she waits until a source next says that she is active",
            "une personne a levé une révocation ou un retrait : elle attend qu’une source dise qu’elle est active",
        ],
    ),
    (
        reason::INVITED,
        [
            "she was invited and has not answered: `rosterd invitations list`",
            "elle a été invitée et n’a pas répondu : `rosterd invitations list`",
        ],
    ),
    (
        reason::INVITED_BY_POLICY,
        [
            "the connection's joiner policy invited her, and she has not answered: `rosterd invitations list`",
            "la règle d’arrivée de la connexion l’a invitée, et elle n’a pas répondu : `rosterd invitations list`",
        ],
    ),
    (
        reason::INVITATION_ACCEPTED,
        [
            "she accepted an invitation",
            "elle a accepté une invitation",
        ],
    ),
    (
        reason::INVITATION_DECLINED,
        [
            "she declined an invitation: only a human invites her again",
            "elle a refusé une invitation : seule une personne peut l’inviter à nouveau",
        ],
    ),
    (
        reason::INVITATION_EXPIRED,
        [
            "she did not answer an invitation in time: send it again with `rosterd invitations resend`",
            "elle n’a pas répondu à temps à une invitation : renvoyez-la avec `rosterd invitations resend`",
        ],
    ),
    (
        reason::INVITATION_WITHDRAWN,
        [
            "a human took her invitation back: only a human invites her again",
            "une personne a retiré son invitation : seule une personne peut l’inviter à nouveau",
        ],
    ),
];
