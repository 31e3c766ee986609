//! What there is to know before a source is disconnected, or another scope is set.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "team-sync-stops",
        [
            "team sync stops: its teams ({teams}) stay as they are, and are edited by hand from then on",
            "la synchronisation des équipes s’arrête : ses équipes ({teams}) restent telles quelles et se modifient ensuite à la main",
        ],
    ),
    (
        "teams-being-made",
        [
            "its teams are being made or restored right now: until that is done it cannot be disconnected",
            "ses équipes sont en train d’être créées ou rétablies : elle ne peut pas être retirée avant la fin",
        ],
    ),
    (
        "nobody",
        [
            "it takes nobody of those who are there",
            "il ne prend aucune des personnes présentes",
        ],
    ),
    (
        "everybody",
        [
            "it leaves out nobody of those who are there",
            "il n’écarte aucune des personnes présentes",
        ],
    ),
    (
        "others-left-out",
        [
            "the last complete pull left out {records} records, of which nothing is kept: who else of them would come in a dry run \
             shows once the scope is set",
            "la dernière lecture complète a écarté {records} fiches, dont rien n’est gardé : un essai à blanc montre, une fois le \
             périmètre défini, lesquelles entreraient encore",
        ],
    ),
];
