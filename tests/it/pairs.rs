//! People who may be one (SEMANTICS §2): found by names, aliases, employee numbers and local parts, before the first plan is
//! applied and after each run; linked, kept apart, put off.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::Actor;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::pairs::{PairAnswer, ProposedPair, WhichPairs};
use rosterd::service::pull::{Effect, Permit, PullPerson, PullSource, Step};
use rosterd::service::{Caller, Source};
use serde_json::{Value, json};

use crate::plans::{plan, walks};
use crate::sources::{World, world};
use crate::support::{Client, ENTERPRISE, TestApp, USER, lines};

/// A tenant whose app has people of its own, with an HR system beside it.
struct Desk {
    w: World,
    hr: PullSource,
    admin: Client,
    run: std::cell::Cell<u32>,
}

/// Somebody of the app, as a document.
fn someone(name: (&str, &str), email: &str) -> Value {
    json!({
        "schemas": [USER], "userName": email, "active": true, "displayName": format!("{} {}", name.0, name.1),
        "name": {"givenName": name.0, "familyName": name.1}, "emails": [{"value": email, "type": "work"}],
    })
}

/// People whom only the app knows: those of a source that was disconnected.
async fn app_only(app: &TestApp, people: &[Value]) -> Vec<String> {
    let source = app
        .source_of(&app.tenant, Preset::Onelogin, JoinerPolicy::Grant)
        .await;
    let mut ids = Vec::new();
    for person in people {
        ids.push(source.post("/Users", person.clone()).await.expect(201).id());
    }
    let all = app.service.list_connections(&app.tenant).await.unwrap();
    let row = all
        .iter()
        .rfind(|c| c.preset == "onelogin" && c.state == "active")
        .unwrap();
    app.service.disconnect(&app.tenant, &row.id).await.unwrap();
    ids
}

async fn pull_source(app: &TestApp, policy: JoinerPolicy) -> PullSource {
    let new = rosterd::service::connections::NewPull {
        label: "HR".to_owned(),
        connector: "bamboohr".to_owned(),
        policy,
        settings: rosterd::domain::pull::PullSettings::default(),
        secrets: Vec::new(),
    };
    let id = app.service.create_pull_connection(&app.tenant, new).await;
    PullSource {
        source: Source {
            id: id.unwrap().as_str().to_owned(),
            policy,
        },
        also_by: None,
        zone: None,
    }
}

/// A pair of a tenant, for those who want any.
pub async fn one_pair(app: &TestApp) -> String {
    app_only(app, &[someone(("Pat", "Moss"), "pat@app.test")]).await;
    let source = app
        .source_of(&app.tenant, Preset::Ping, JoinerPolicy::List)
        .await;
    let moss = someone(("Pat", "Moss"), "p.moss@hr.test");
    source.post("/Users", moss).await.expect(201);
    let all = app.service.list_connections(&app.tenant).await.unwrap();
    let row = all.iter().find(|c| c.preset == "ping").unwrap();
    assert_eq!(
        app.service.find_pairs(&app.tenant, &row.id).await.unwrap(),
        1
    );
    let tenant = &app.tenant.tenant;
    let listed = app
        .service
        .list_pairs(tenant, WhichPairs::Open, None, 9)
        .await;
    listed.unwrap()[0].row.id.clone()
}

async fn desk(policy: JoinerPolicy) -> Desk {
    let w = world().await;
    let hr = pull_source(&w.app, policy).await;
    let admin = w.app.role(&w.app.tenant, Role::TenantAdmin).await;
    Desk {
        w,
        hr,
        admin,
        run: std::cell::Cell::new(0),
    }
}

fn employee(id: &str, name: (&str, &str), email: &str) -> PullPerson {
    let mut user = someone(name, email);
    user.as_object_mut().unwrap().remove("active");
    PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: EmploymentState::Employed,
        start_date: None,
        end_date: None,
        digest: "d1".to_owned(),
        former: Vec::new(),
        unsaid: Default::default(),
    }
}

impl Desk {
    fn caller(&self) -> Caller {
        let actor = Actor {
            kind: "system".to_owned(),
            id: String::new(),
        };
        let run = format!("run-{}", self.run.get());
        Caller::of_run(self.w.app.tenant.tenant.clone(), actor, &run)
    }

    /// A run of these records, and what follows it.
    async fn run(&self, people: &[PullPerson]) -> Vec<Effect> {
        self.run.set(self.run.get() + 1);
        let (service, caller) = (&self.w.app.service, self.caller());
        let people = people.iter().map(|p| (p.clone(), Permit::Full)).collect();
        let done = service.pull_people(&caller, &self.hr, people).await;
        service
            .find_pairs(&caller, &self.hr.source.id)
            .await
            .unwrap();
        done.into_iter().map(Result::unwrap).collect()
    }

    async fn pairs(&self, which: WhichPairs) -> Vec<ProposedPair> {
        let (service, tenant) = (&self.w.app.service, &self.w.app.tenant.tenant);
        service
            .list_pairs(tenant, which, None, 1_000)
            .await
            .unwrap()
    }

    async fn open(&self) -> Vec<ProposedPair> {
        self.pairs(WhichPairs::Open).await
    }

    async fn answer(&self, pair: &ProposedPair, word: &str) -> crate::support::Answer {
        let path = format!("/api/v1/tenants/default/pairs/{}/{word}", pair.row.id);
        self.admin
            .raw("POST", &path, "application/json", Vec::new())
            .await
    }
}

#[actix_web::test]
async fn whoever_shares_a_name_a_number_an_alias_or_a_local_part_is_proposed() {
    let desk = desk(JoinerPolicy::List).await;
    let mut numbered = someone(("Nora", "Berg"), "nb@app.test");
    numbered[ENTERPRISE] = json!({"employeeNumber": "0042"});
    let mut nick = someone(("Robert", "Stone"), "rob@app.test");
    nick["nickName"] = json!("Bob");
    let app = app_only(
        &desk.w.app,
        &[
            someone(("José", "Núñez"), "jn@app.test"),
            numbered,
            nick,
            someone(("Kim", "Old"), "kim.lee@app.test"),
            someone(("Ann", "Single"), "info@app.test"),
        ],
    )
    .await;
    let mut number = employee("2", ("N", "Married"), "nm@hr.test");
    number
        .user
        .insert(ENTERPRISE.to_owned(), json!({"employeeNumber": "42"}));
    let done = desk
        .run(&[
            employee("1", ("jose", "NUNEZ"), "jose@hr.test"),
            number,
            employee("3", ("Bob", "Stone"), "bstone@hr.test"),
            employee("4", ("Kim", "Lee"), "Kim_Lee+x@hr.test"),
            employee("5", ("Somebody", "Else"), "info@hr.test"),
        ])
        .await;
    let found = desk.open().await;
    let mut told: Vec<(String, String, Vec<String>)> = found
        .iter()
        .map(|p| {
            (
                p.row.record.clone(),
                p.row.user_id.clone(),
                p.reasons.clone(),
            )
        })
        .collect();
    told.sort();
    let wanted = [
        ("1", &app[0], "name"),
        ("2", &app[1], "employee-number"),
        ("3", &app[2], "name"),
        ("4", &app[3], "local-part"),
    ];
    let wanted: Vec<_> = wanted
        .map(|(record, id, why)| (record.to_owned(), id.clone(), vec![why.to_owned()]))
        .into();
    assert_eq!(told, wanted);
    // Side by side.
    let one = found.iter().find(|p| p.row.record == "1").unwrap();
    let person = one.person.as_ref().unwrap();
    assert_eq!(
        (person.email.as_deref(), person.access.as_str()),
        (Some("jn@app.test"), "granted")
    );
    let record = one.record.as_ref().unwrap();
    assert_eq!(
        (Some(&record.id), record.email.as_deref()),
        (done[0].user_id.as_ref(), Some("jose@hr.test"))
    );
    // Again: nothing new, and nothing is written.
    let stood = desk.w.app.verify().await.entries;
    desk.run(&[employee("1", ("jose", "NUNEZ"), "jose@hr.test")])
        .await;
    assert_eq!(desk.open().await.len(), 4);
    assert_eq!(desk.w.app.verify().await.entries, stood);
}

#[actix_web::test]
async fn a_linked_leaver_loses_access_with_the_next_run_and_her_address_stays() {
    let desk = desk(JoinerPolicy::List).await;
    let app = app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    let ann = employee("7", ("Ann", "Lee"), "ann.lee@hr.test");
    let made = desk.run(&[ann.clone()]).await[0].user_id.clone().unwrap();
    let pair = desk.open().await.remove(0);
    let body = desk.answer(&pair, "link").await.expect(200).body;
    assert_eq!(
        (&body["state"], &body["isChanged"]),
        (&json!("linked"), &json!(true))
    );
    assert_eq!(
        desk.answer(&pair, "link").await.expect(200).body["isChanged"],
        false
    );
    assert!(
        desk.answer(&pair, "keep-apart")
            .await
            .expect(409)
            .text
            .contains("that they are one")
    );
    assert!(desk.open().await.is_empty());
    desk.w
        .reader
        .get(&format!("/Users/{made}"))
        .await
        .expect(404);
    assert_eq!(desk.w.access(&app[0]).await, "granted/granted-by-policy");
    // The next run finds her under the source's id.
    let done = desk.run(&[ann.clone()]).await;
    assert_eq!(
        (done[0].step, done[0].user_id.as_ref()),
        (Step::Update, Some(&app[0]))
    );
    let force = desk.w.effective(&app[0]).await;
    assert_eq!(force["emails"][0]["value"], "ann@app.test");
    assert_eq!(force[crate::sources::OURS]["employmentState"], "employed");
    let left = PullPerson {
        employment: EmploymentState::Left,
        digest: "d2".to_owned(),
        ..ann
    };
    desk.run(&[left]).await;
    assert_eq!(desk.w.access(&app[0]).await, "revoked/left");
    desk.w.check().await;
}

#[actix_web::test]
async fn whoever_left_already_is_not_revoked_by_the_link_but_by_the_run_after_it() {
    let desk = desk(JoinerPolicy::List).await;
    let app = app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    let ann = employee("7", ("Ann", "Lee"), "ann.lee@hr.test");
    desk.run(&[ann.clone()]).await;
    let pair = desk.open().await.remove(0);
    let left = PullPerson {
        employment: EmploymentState::Left,
        digest: "d2".to_owned(),
        ..ann
    };
    desk.run(&[left.clone()]).await;
    // A leaver is nobody to ask about, and answering still works.
    assert!(desk.open().await.is_empty());
    desk.answer(&pair, "link").await.expect(200);
    assert_eq!(desk.w.access(&app[0]).await, "granted/granted-by-policy");
    desk.run(&[left]).await;
    assert_eq!(desk.w.access(&app[0]).await, "revoked/left");
    desk.w.check().await;
}

#[actix_web::test]
async fn whoever_is_kept_apart_is_not_taken_for_one_when_the_addresses_become_equal() {
    let desk = desk(JoinerPolicy::Grant).await;
    let app = app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    let desk = Desk {
        hr: PullSource {
            source: Source {
                policy: JoinerPolicy::List,
                ..desk.hr.source.clone()
            },
            ..desk.hr.clone()
        },
        ..desk
    };
    let mut ann = employee("7", ("Ann", "Lee"), "ann.lee@hr.test");
    let made = desk.run(&[ann.clone()]).await[0].user_id.clone();
    let pair = desk.open().await.remove(0);
    desk.answer(&pair, "keep-apart").await.expect(200);
    assert!(desk.open().await.is_empty());
    ann = PullPerson {
        digest: "d2".to_owned(),
        ..employee("7", ("Ann", "Lee"), "ann@app.test")
    };
    let done = desk.run(&[ann.clone()]).await;
    assert_eq!(
        (done[0].user_id.as_ref(), desk.open().await.len()),
        (made.as_ref(), 0)
    );
    assert_ne!(made.as_ref(), Some(&app[0]));
    // And one about whom nobody said so is.
    let other = app_only(&desk.w.app, &[someone(("Eve", "Moss"), "eve@app.test")]).await;
    desk.run(&[employee("8", ("Eve", "Moss"), "eve.moss@hr.test")])
        .await;
    assert_eq!(desk.open().await.len(), 1);
    let eve = PullPerson {
        digest: "d2".to_owned(),
        ..employee("8", ("Eve", "Moss"), "eve@app.test")
    };
    let done = desk.run(&[eve]).await;
    assert_eq!(done[0].user_id.as_ref(), Some(&other[0]));
    assert!(desk.open().await.is_empty());
    desk.w.check().await;
}

#[actix_web::test]
async fn a_pair_that_is_put_off_comes_back() {
    let desk = desk(JoinerPolicy::List).await;
    app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    desk.run(&[employee("7", ("Ann", "Lee"), "ann.lee@hr.test")])
        .await;
    let pair = desk.open().await.remove(0);
    desk.answer(&pair, "later").await.expect(200);
    assert!(desk.open().await.is_empty());
    assert_eq!(desk.pairs(WhichPairs::Later).await.len(), 1);
    desk.w.sql("UPDATE pairs SET later_until = 1");
    assert_eq!(desk.open().await.len(), 1);
    desk.answer(&pair, "link").await.expect(200);
    assert_eq!(desk.pairs(WhichPairs::All).await[0].row.state, "linked");
    desk.w.check().await;
}

#[actix_web::test]
async fn of_two_admins_who_answer_a_pair_at_once_one_is_told() {
    let desk = desk(JoinerPolicy::List).await;
    let names: Vec<(String, String)> = (0..6)
        .map(|n| (format!("First{n}"), format!("Last{n}")))
        .collect();
    let people: Vec<Value> = names
        .iter()
        .map(|(a, b)| someone((a, b), &format!("{a}@app.test")))
        .collect();
    app_only(&desk.w.app, &people).await;
    let records: Vec<PullPerson> = names
        .iter()
        .map(|(a, b)| employee(a, (a, b), &format!("{b}@hr.test")))
        .collect();
    desk.run(&records).await;
    let open = desk.open().await;
    assert_eq!(open.len(), 6);
    for pair in open {
        let (service, caller, id) = (&desk.w.app.service, &desk.w.app.tenant, &pair.row.id);
        let (a, b) = futures_util::future::join(
            service.answer_pair(caller, id, PairAnswer::Link { revise: false }),
            service.answer_pair(caller, id, PairAnswer::KeepApart),
        )
        .await;
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    }
    assert!(desk.open().await.is_empty());
    desk.w.check().await;
}

#[actix_web::test]
async fn people_of_before_there_were_keys_are_found_too() {
    let desk = desk(JoinerPolicy::List).await;
    app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    desk.w.sql("DELETE FROM pair_keys");
    desk.run(&[employee("7", ("Ann", "Lee"), "ann.lee@hr.test")])
        .await;
    assert_eq!(desk.open().await.len(), 1);
}

#[actix_web::test]
async fn keys_are_kept_for_those_only_who_are_known_to_one_side() {
    let desk = desk(JoinerPolicy::List).await;
    let ann = desk
        .w
        .okta
        .post("/Users", someone(("Ann", "Lee"), "ann@x.test"))
        .await
        .id();
    let keys = || {
        lines(
            &mut desk.w.app.database.connect(),
            "SELECT DISTINCT user_id || side AS line FROM pair_keys",
        )
    };
    assert!(keys().is_empty(), "both know her");
    let hired = desk
        .run(&[employee("7", ("Eve", "Moss"), "eve@x.test")])
        .await[0]
        .user_id
        .clone()
        .unwrap();
    assert_eq!(keys(), [format!("{hired}source")]);
    desk.w
        .okta
        .delete(&format!("/Users/{ann}"))
        .await
        .expect(204);
    let mut wanted = [format!("{ann}app"), format!("{hired}source")];
    wanted.sort();
    let mut found = keys();
    found.sort();
    assert_eq!(found, wanted);
    // A rename is a new key, and nobody's name stays behind.
    let eve = PullPerson {
        digest: "d2".to_owned(),
        ..employee("7", ("Eve", "Stone"), "eve@x.test")
    };
    desk.run(&[eve]).await;
    let old = lines(
        &mut desk.w.app.database.connect(),
        "SELECT key AS line FROM pair_keys WHERE key LIKE '%moss%'",
    );
    assert_eq!(old, [""; 0]);
}

#[actix_web::test]
async fn the_comparison_looks_nobody_through() {
    let desk = desk(JoinerPolicy::List).await;
    let mut conn = desk.w.app.database.connect();
    let query = rosterd::storage::pairs::shared_keys("t", 5);
    let found = plan(&mut conn, &query);
    assert_eq!(walks(&found), [""; 0], "{found}");
    let whole = ["SCAN f", "SCAN k", "SCAN o", "Seq Scan on pair_keys"];
    assert!(!whole.iter().any(|walk| found.contains(walk)), "{found}");
}

#[actix_web::test]
async fn a_pair_that_is_answered_before_the_first_plan_is_applied_counts_when_it_is() {
    let desk = desk(JoinerPolicy::List).await;
    let app = app_only(
        &desk.w.app,
        &[
            someone(("Ann", "Lee"), "ann@app.test"),
            someone(("Eve", "Moss"), "eve@app.test"),
            someone(("Kim", "Stone"), "kim@app.test"),
        ],
    )
    .await;
    let records = [
        employee("1", ("Ann", "Lee"), "ann.lee@hr.test"),
        employee("2", ("Eve", "Moss"), "eve.moss@hr.test"),
        employee("3", ("Kim", "Stone"), "kim.stone@hr.test"),
    ];
    let plan: Vec<(String, serde_json::Map<String, Value>)> = records
        .iter()
        .map(|r| (r.source_id.clone(), r.user.clone()))
        .collect();
    let (service, caller) = (&desk.w.app.service, desk.caller());
    let find = || service.find_pairs_of_plan(&caller, &desk.hr.source.id, "look", &plan);
    assert_eq!((find().await.unwrap(), find().await.unwrap()), (3, 0));
    let open = desk.open().await;
    let of = |record: &str| open.iter().find(|p| p.row.record == record).unwrap();
    assert_eq!(
        (&of("1").row.user_id, &of("1").row.other_id),
        (&app[0], &None)
    );
    desk.answer(of("1"), "link").await.expect(200);
    desk.answer(of("2"), "keep-apart").await.expect(200);
    let done = desk.run(&records).await;
    assert_eq!(
        (done[0].step, done[0].user_id.as_ref()),
        (Step::Return, Some(&app[0]))
    );
    assert_eq!((done[1].step, done[2].step), (Step::Create, Step::Create));
    assert_eq!(desk.w.access(&app[0]).await, "granted/granted-by-policy");
    assert_eq!(
        desk.w.effective(&app[0]).await["emails"][0]["value"],
        "ann@app.test"
    );
    // The third is asked about still, now with a person on the other side.
    let open = desk.open().await;
    let records: Vec<&str> = open.iter().map(|p| p.row.record.as_str()).collect();
    assert_eq!(
        (records, &open[0].row.other_id),
        (vec!["3"], &done[2].user_id)
    );
    desk.w.check().await;
}

#[actix_web::test]
async fn a_link_ahead_of_a_record_that_left_takes_access_with_the_run_and_not_by_itself() {
    let desk = desk(JoinerPolicy::List).await;
    let app = app_only(&desk.w.app, &[someone(("Ann", "Lee"), "ann@app.test")]).await;
    let ann = employee("1", ("Ann", "Lee"), "ann.lee@hr.test");
    let plan = [(ann.source_id.clone(), ann.user.clone())];
    let (service, caller) = (&desk.w.app.service, desk.caller());
    let found = service.find_pairs_of_plan(&caller, &desk.hr.source.id, "look", &plan);
    assert_eq!(found.await.unwrap(), 1);
    desk.answer(&desk.open().await[0], "link").await.expect(200);
    assert_eq!(desk.w.access(&app[0]).await, "granted/granted-by-policy");
    let left = PullPerson {
        employment: EmploymentState::Left,
        ..ann
    };
    // The plan says so before it is done, so that the guard can hold it.
    let planned = service
        .preview_people(&desk.w.app.tenant.tenant, &desk.hr, vec![left.clone()])
        .await
        .unwrap();
    assert!(planned[0].as_ref().unwrap().takes_access());
    desk.run(&[left]).await;
    assert_eq!(desk.w.access(&app[0]).await, "revoked/left");
    desk.w.check().await;
}
