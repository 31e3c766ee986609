//! What speaks for two people being one.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "employee-number",
        [
            "both have the same employee number",
            "les deux ont le même matricule",
        ],
    ),
    (
        "alias",
        [
            "an address of one is an alias of the other",
            "une adresse de l’une est un alias de l’autre",
        ],
    ),
    (
        "name",
        ["both have the same name", "les deux ont le même nom"],
    ),
    (
        "local-part",
        [
            "their addresses are equal before the @",
            "leurs adresses sont égales avant le @",
        ],
    ),
];
