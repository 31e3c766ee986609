//! One person under two ids of one source: her record ends, or is gone, and another one with her address begins.

use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use futures_util::future::{BoxFuture, FutureExt};
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::ids::TenantId;
use rosterd::hris::error::Error as PullError;
use rosterd::hris::{Evidence, Mapped, Person, Sink};
use rosterd::service;
use rosterd::sync::schedule::{Opened, Sources};
use rosterd::sync::{Feed, Gather, Watch};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::MINUTES;
use super::world::World;
use crate::support::lines;

/// What the source has now: ids with addresses, and who works.
type Desk = Arc<Mutex<Vec<(&'static str, &'static str, EmploymentState)>>>;

/// A source of which the test says who is in it.
struct Told {
    sources: Arc<dyn Sources>,
    desk: Desk,
}

impl Sources for Told {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, service::Result<Option<Result<Opened, PullError>>>> {
        async move {
            let opened = self.sources.open(tenant, connection).await?;
            Ok(opened.map(|opened| {
                opened.map(|Opened { setup, .. }| Opened {
                    setup,
                    feed: Box::new(ToldFeed(Arc::clone(&self.desk))),
                })
            }))
        }
        .boxed()
    }
}

struct ToldFeed(Desk);

impl Feed for ToldFeed {
    fn read<'a>(
        &'a self,
        _: NaiveDate,
        people: &'a mut Gather,
        _: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        async move {
            let told = self.0.lock().unwrap().clone();
            let count = told.len() as u64;
            let batch = told.into_iter().map(|(id, address, employment)| {
                Mapped::Person(Box::new(person(id, address, employment)))
            });
            people.accept(batch.collect()).await?;
            Ok(Evidence {
                people: count,
                ..Evidence::default()
            })
        }
        .boxed()
    }
}

fn person(id: &str, address: &str, employment: EmploymentState) -> Person {
    let user = json!({
        "userName": address, "emails": [{"value": address, "type": "work", "primary": true}],
    });
    let all = format!("{id} {address} {}", employment.as_str());
    Person {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment,
        start_date: None,
        end_date: None,
        digest: Sha256::digest(all.as_bytes()).into(),
    }
}

const WORKS: EmploymentState = EmploymentState::Employed;
const OTHERS: [(&str, &str, EmploymentState); 3] = [
    ("1", "bo@kestrel.test", WORKS),
    ("2", "cy@kestrel.test", WORKS),
    ("3", "di@kestrel.test", WORKS),
];

struct Ann {
    world: World,
    desk: Desk,
}

impl Ann {
    /// Ann works under the id `old`.
    async fn works() -> Self {
        let desk = Desk::default();
        let world = World::of("bamboohr", 1, 1, JoinerPolicy::Grant).await;
        let of_the_test = Arc::clone(&desk);
        let world = world.through(|sources| {
            Arc::new(Told {
                sources,
                desk: of_the_test,
            })
        });
        let ann = Self { world, desk };
        ann.pull(&[("old", WORKS)]).await;
        assert_eq!(ann.stands(), ["ann@kestrel.test granted in"]);
        ann
    }

    /// A pull in which Ann has these records.
    async fn pull(&self, records: &[(&'static str, EmploymentState)]) {
        let hers = records
            .iter()
            .map(|(id, state)| (*id, "ann@kestrel.test", *state));
        *self.desk.lock().unwrap() = OTHERS.into_iter().chain(hers).collect();
        self.world.later(6 * MINUTES);
        self.world.pull().await;
    }

    /// Who has Ann's name, but for whom nobody sees any more.
    fn stands(&self) -> Vec<String> {
        let sql = "SELECT user_name || ' ' || access || CASE WHEN has_access THEN ' in' ELSE ' out' END AS line \
                   FROM users WHERE removed_at IS NULL AND user_name LIKE 'ann%' ORDER BY 1";
        lines(&mut self.world.app.database.connect(), sql)
    }

    fn is_in(&self) -> bool {
        self.stands()
            .contains(&"ann@kestrel.test granted in".to_owned())
    }
}

#[actix_web::test]
async fn a_new_id_in_the_pull_in_which_the_old_one_has_left_keeps_access() {
    let ann = Ann::works().await;
    for _ in 0..3 {
        ann.pull(&[("old", EmploymentState::Left), ("new", WORKS)])
            .await;
        assert!(ann.is_in(), "{:?}", ann.stands());
    }
    assert_eq!(ann.stands(), ["ann@kestrel.test granted in"]);
    ann.pull(&[("new", EmploymentState::Left)]).await;
    assert!(!ann.is_in());
    ann.world.app.verify().await;
}

#[actix_web::test]
async fn a_new_id_where_the_old_record_is_gone_is_the_same_person() {
    let ann = Ann::works().await;
    for _ in 0..3 {
        ann.pull(&[("new", WORKS)]).await;
        assert_eq!(ann.stands(), ["ann@kestrel.test granted in"]);
    }
    ann.world.app.verify().await;
}

#[actix_web::test]
async fn an_old_record_of_somebody_who_works_under_another_id_is_nobodys() {
    let ann = Ann::works().await;
    let before = ann.world.people().await;
    ann.pull(&[("older", EmploymentState::Left), ("old", WORKS)])
        .await;
    assert_eq!(ann.world.people().await, before);
}
