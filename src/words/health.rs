//! How a connection is doing, and of which kind the failure of a pull is.

use super::Row;

pub(super) const STATES: &[Row] = &[
    ("new", ["it was never pulled", "elle n’a jamais été lue"]),
    (
        "healthy",
        [
            "the last pull was complete",
            "la dernière lecture était complète",
        ],
    ),
    (
        "degraded",
        [
            "the last pull was not complete, or failed once",
            "la dernière lecture n’était pas complète, ou a échoué une fois",
        ],
    ),
    (
        "failing",
        [
            "two pulls or more failed in a row",
            "deux lectures ou plus ont échoué de suite",
        ],
    ),
    (
        "needs-credentials",
        [
            "the vendor refuses the credentials: enter new ones",
            "le fournisseur refuse les identifiants : saisissez-en de nouveaux",
        ],
    ),
    (
        "waiting",
        [
            "a plan, or a part of one, waits for an admin",
            "un plan, ou une partie d’un plan, attend un administrateur",
        ],
    ),
    (
        "silent",
        [
            "nothing complete has come for a long time",
            "rien de complet n’est venu depuis longtemps",
        ],
    ),
    ("paused", ["it is paused", "elle est en pause"]),
    (
        "disconnecting",
        [
            "it is being disconnected",
            "elle est en train d’être retirée",
        ],
    ),
    ("disconnected", ["it is disconnected", "elle est retirée"]),
];

pub(super) const KINDS: &[Row] = &[
    (
        "credentials",
        [
            "the vendor does not accept the credentials: enter new ones",
            "le fournisseur n’accepte pas les identifiants : saisissez-en de nouveaux",
        ],
    ),
    (
        "rights",
        [
            "the credentials lack a right: grant it at the vendor",
            "il manque un droit aux identifiants : accordez-le chez le fournisseur",
        ],
    ),
    (
        "rate_limited",
        [
            "the vendor wants to be asked less often",
            "le fournisseur veut être interrogé moins souvent",
        ],
    ),
    (
        "unavailable",
        [
            "the vendor cannot be reached",
            "le fournisseur ne peut pas être joint",
        ],
    ),
    (
        "not_understood",
        [
            "the vendor's answer is not what the connector expects",
            "la réponse du fournisseur n’est pas celle que le connecteur attend",
        ],
    ),
    (
        "settings",
        [
            "a value that was set cannot be used",
            "une valeur réglée ne peut pas être utilisée",
        ],
    ),
    (
        "limit",
        ["a limit was reached", "une limite a été atteinte"],
    ),
    (
        "stopped",
        ["the pull was stopped", "la lecture a été arrêtée"],
    ),
];
