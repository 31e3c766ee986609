//! Nmbrs' lists of a company: cost centres, employments, logins.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::{entity, histories, moment, period_of, plain};
use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Person, shift};

/// Sheet: Record, "take `default` = true"; "current = greatest (year, period) not after the company's current period".
pub(super) fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "employeeCostCenters", |p| {
        let row = |code: &str, is_default: bool, share: u32, days: i64| {
            let day = shift(desk.company.day, days);
            json!({
                "costCenters": {"code": code, "description": code}, "costUnits": null, "percentage": share,
                "default": is_default, "period": period_of(day), "createdAt": moment(day),
            })
        };
        let mut rows = vec![
            row("CC-999", false, 40, -40),
            row(p.unit.cost_center, true, 60, -40),
        ];
        match p.serial % 4 {
            0 => rows.insert(0, row("CC-998", true, 100, -400)),
            1 => rows.push(row("CC-997", true, 100, 60)),
            _ => {}
        }
        rows
    })
}

/// Sheet: Record, "hire / end": "several employments after rehire".
pub(super) fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "employments", |p| {
        let row = |which: &str, from: NaiveDate, to: Option<NaiveDate>| {
            json!({
                "employmentId": Dice::new(p.serial.into(), &format!("nmbrs/employment/{which}")).uuid(),
                "creationDate": moment(from), "startDate": moment(from), "endDate": to.map(moment),
                "seniorityDate": moment(from), "endContractReason": {"code": null, "reason": null},
                "changedDate": moment(p.changed),
            })
        };
        let before = p.earlier.map(|(from, to)| row("before", from, Some(to)));
        let now = row("now", p.start, p.end);
        before.into_iter().chain([now]).collect()
    })
}

/// Some never sign in there.
pub(super) fn has_login(person: &Person) -> bool {
    !person.serial.is_multiple_of(6)
}

/// Schema `UserAccount` of the vendor's OpenAPI. Its address is that of the login and no work address.
pub(super) fn accounts(desk: &Desk) -> Result<Reply, Refusal> {
    let entity = entity(desk)?;
    let people = desk.company.people();
    let with_login = people.filter(|p| p.entity.id == entity && has_login(p));
    let rows: Vec<Value> = with_login
        .map(|p| {
            let language = p.site.locale.get(..2).map(str::to_uppercase);
            json!({
                "employeeId": desk.id(p),
                "userAccount": {
                    "userAccountId": Dice::new(p.serial.into(), "nmbrs/account").uuid(), "userAccountType": "employee",
                    "email": p.private_email, "name": format!("{} {}", p.given, p.family), "language": language,
                },
            })
        })
        .collect();
    plain(desk, rows)
}
