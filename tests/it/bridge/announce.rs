//! Leavers that an admin announces: so many more pass the guard, until the end of a day in the tenant's zone, once.

use rosterd::domain::calendar::{day_at, day_ends};
use rosterd::domain::clock::Millis;
use rosterd::domain::roles::Role;
use rosterd::service::tenants::SettingsChange;
use serde_json::{Value, json};

use super::{MINUTES, settled};
use crate::bridge::world::World;
use crate::support::{Answer, Client, lines};

const HOUR: i64 = 60 * MINUTES;
const ZONE: &str = "America/Los_Angeles";

struct Announcing {
    world: World,
    admin: Client,
    /// How many leavers pass within a day without a word.
    limit: usize,
}

impl Announcing {
    /// A company in California.
    async fn begin() -> Self {
        let world = settled("bamboohr", 150).await;
        let change = SettingsChange {
            time_zone: Some(ZONE.to_owned()),
            ..SettingsChange::default()
        };
        let set = world
            .app
            .service
            .change_tenant_settings(&world.tenant, change);
        set.await.unwrap();
        // The zone decides about days: everybody is looked at once more.
        world.pull().await;
        let limit = world.with_access().await.len() / 10;
        let admin = world.app.role(&world.tenant, Role::TenantAdmin).await;
        Self {
            world,
            admin,
            limit,
        }
    }

    fn today(&self) -> chrono::NaiveDate {
        day_at(Millis(self.world.now()), Some(ZONE)).unwrap()
    }

    async fn send(&self, method: &str, what: &str, body: Option<Value>) -> Answer {
        let path = format!(
            "/api/v1/tenants/default/connections/{}{what}",
            self.world.connection
        );
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        self.admin
            .raw(method, &path, "application/json", body)
            .await
    }

    async fn announce(&self, people: usize, days: u64) -> Value {
        let until = self.today() + chrono::Days::new(days);
        let body = json!({"people": people, "until": until.to_string()});
        self.send("PUT", "/announcement", Some(body))
            .await
            .expect(200)
            .body
    }

    async fn shown(&self) -> Value {
        self.send("GET", "", None).await.expect(200).body["announced"].clone()
    }

    /// So many leave, and one pull sees it: how many lost access.
    async fn leave(&self, people: usize) -> usize {
        self.world.play(&format!("leaver?count={people}")).await;
        let run = self.world.pull().await.run;
        usize::try_from(run.lost).unwrap()
    }

    fn to_the_end_of_today(&self) -> i64 {
        day_ends(self.today(), Some(ZONE)).unwrap().0 - self.world.now()
    }
}

#[actix_web::test]
async fn announced_leavers_pass_beside_the_limit_and_only_once() {
    let a = Announcing::begin().await;
    a.announce(20, 3).await;
    assert_eq!(a.leave(a.limit + 20).await, a.limit + 20);
    // A day later the limit holds again, though the announcement has not ended: it is used up.
    a.world.later(25 * HOUR);
    assert_eq!(a.shown().await["people"], 20);
    let limit = a.world.with_access().await.len() / 10;
    let report = {
        a.world
            .play(&format!("leaver?count={}", limit.max(5) + 1))
            .await;
        a.world.pull().await
    };
    assert!(report.waits(), "{:?}", report.run);
    a.world.app.verify().await;
}

#[actix_web::test]
async fn what_is_left_of_an_announcement_passes_another_day() {
    let a = Announcing::begin().await;
    a.announce(20, 3).await;
    assert_eq!(a.leave(8).await, 8, "eight of them");
    a.world.later(25 * HOUR);
    // Whose last day has come meanwhile counts too.
    let limit = (a.world.with_access().await.len() / 10).max(5);
    let lost = a.leave(limit + 9).await;
    assert!(
        (limit + 9..=limit + 12).contains(&lost),
        "twelve are left: {lost} of {limit}"
    );
}

#[actix_web::test]
async fn an_announcement_ends_with_the_day_in_the_tenants_zone() {
    let a = Announcing::begin().await;
    let told = a.announce(20, 0).await;
    let ends = Millis::from_rfc3339(told["endsAt"].as_str().unwrap()).unwrap();
    assert_eq!(ends.0, a.world.now() + a.to_the_end_of_today());
    assert_eq!(told["until"], a.today().to_string());
    assert_eq!(a.shown().await["until"], told["until"]);
    // A minute before midnight in California, where it is another day in Greenwich.
    a.world.later(a.to_the_end_of_today() - MINUTES);
    assert_ne!(
        day_at(Millis(a.world.now()), None).unwrap().to_string(),
        told["until"].as_str().unwrap()
    );
    assert!(a.leave(a.limit + 3).await >= a.limit + 3);
    a.world.later(MINUTES);
    assert_eq!(a.shown().await, Value::Null);
    // Within the window nothing more passes: the limit is used up.
    assert_eq!(a.leave(1).await, 0);
}

#[actix_web::test]
async fn without_the_word_or_after_it_is_withdrawn_the_limit_holds_alone() {
    let a = Announcing::begin().await;
    a.announce(20, 0).await;
    a.send("DELETE", "/announcement", None).await.expect(204);
    assert_eq!(a.shown().await, Value::Null);
    assert_eq!(a.leave(a.limit + 1).await, 0, "a column that turns");
    let refused = a.send("DELETE", "/announcement", None).await.expect(404);
    assert_eq!(refused.body["code"], "not-found");
    let actions = lines(
        &mut a.world.app.database.connect(),
        "SELECT action AS line FROM journal WHERE action LIKE '%announce%' ORDER BY sequence",
    );
    assert_eq!(
        actions,
        [
            "connection.leavers_announced",
            "connection.announcement_withdrawn"
        ]
    );
    a.world.app.verify().await;
}

#[actix_web::test]
async fn what_always_waits_waits_whatever_is_announced() {
    let a = Announcing::begin().await;
    a.announce(1_000, 0).await;
    let all = a.world.with_access().await.len();
    assert_eq!(a.leave(all / 2 + 2).await, 0);
    assert_eq!(
        a.world.list_runs().await[0].why_held.as_deref(),
        Some("more-than-half")
    );
}

#[actix_web::test]
async fn silly_announcements_are_refused_by_what_is_wrong() {
    let a = Announcing::begin().await;
    let day = |days: i64| (a.today() + chrono::TimeDelta::days(days)).to_string();
    for (people, until, says) in [
        (json!(0), day(0), "`people` takes 1 to 1000000"),
        (json!(1_000_001), day(0), "`people` takes 1 to 1000000"),
        (json!(-1), day(0), "people"),
        (json!(5), day(-1), "from today to 90 days ahead"),
        (json!(5), day(91), "from today to 90 days ahead"),
        (json!(5), "soon".to_owned(), "2027-03-31"),
        (json!(5), "2027-02-30".to_owned(), "2027-03-31"),
    ] {
        let body = json!({"people": people, "until": until});
        let refused = a.send("PUT", "/announcement", Some(body)).await.expect(400);
        assert!(refused.text.contains(says), "{}", refused.text);
    }
    a.announce(5, 90).await;
    let push = rosterd::scim::rules::Preset::Okta;
    a.world.app.source(push).await;
    let all = a.world.app.service.list_connections(&a.world.tenant).await;
    let pushed = &all.unwrap()[1].id;
    let path = format!("/api/v1/tenants/default/connections/{pushed}/announcement");
    let body = json!({"people": 5, "until": day(0)})
        .to_string()
        .into_bytes();
    let put = a.admin.raw("PUT", &path, "application/json", body).await;
    put.expect(200);
}
