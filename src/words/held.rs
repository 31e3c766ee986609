//! Why a plan, or a loss of access, waits for an admin.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "coverage",
        [
            "fields that many people had before did not come",
            "des champs que beaucoup avaient auparavant ne sont pas venus",
        ],
    ),
    (
        "first-plan",
        [
            "it is the connection's first plan, and it takes access from somebody",
            "c’est le premier plan de la connexion, et il retire l’accès à quelqu’un",
        ],
    ),
    (
        "restored",
        [
            "the database is a restored copy",
            "la base de données est une copie restaurée",
        ],
    ),
    (
        "settings-changed",
        [
            "settings changed, and the plan touches who somebody is",
            "des réglages ont changé, et le plan touche à l’identité de quelqu’un",
        ],
    ),
    (
        "more-than-half",
        [
            "more than half of those with access would lose it",
            "plus de la moitié de ceux qui ont accès le perdraient",
        ],
    ),
    (
        "limit",
        [
            "more people would lose access within a day than the limit allows",
            "plus de personnes perdraient l’accès en un jour que la limite ne le permet",
        ],
    ),
    (
        "status-column",
        [
            "so many people turned to `left` at once that the column is not believed",
            "tant de personnes sont passées à « partie » d’un coup que la colonne n’est pas crue",
        ],
    ),
    (
        "many-missing",
        [
            "so many records are missing at once that it is not believed",
            "tant de fiches manquent d’un coup que ce n’est pas cru",
        ],
    ),
    (
        "same-address",
        [
            "another record of the source has the person's address: it may be she",
            "une autre fiche de la source a l’adresse de la personne : c’est peut-être elle",
        ],
    ),
];
