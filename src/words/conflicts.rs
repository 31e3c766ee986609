//! What somebody is asked about who is who.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "several-candidates",
        [
            "several people may be meant: say which",
            "plusieurs personnes peuvent être désignées : dites laquelle",
        ],
    ),
    (
        "not-adoptable",
        [
            "the one who is meant is not taken over without a human's word",
            "la personne désignée n’est pas reprise sans l’accord de quelqu’un",
        ],
    ),
    (
        "similar-address",
        [
            "somebody has an address that differs only in its spelling",
            "quelqu’un a une adresse qui ne diffère que par l’écriture",
        ],
    ),
    (
        "former-name",
        [
            "somebody former had the userName, and nothing else speaks for the same person",
            "quelqu’un avait auparavant ce userName, et rien d’autre n’indique la même personne",
        ],
    ),
    (
        "unlinked",
        [
            "a human took the record from somebody: say whose it is",
            "une personne a retiré la fiche à quelqu’un : dites à qui elle est",
        ],
    ),
    (
        "user-name-taken",
        [
            "two would have the same userName: the second keeps the one she had",
            "deux personnes auraient le même userName : la seconde garde le sien",
        ],
    ),
];
