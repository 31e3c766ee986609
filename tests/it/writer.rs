//! The writer: races, panics, neighbours, refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use rosterd::domain::audit::Entry;
use rosterd::scim::rules::Preset;
use rosterd::storage::{Error, JobMeta, Lane, Outcome};
use serde_json::json;

use crate::support::{TestApp, lines, person};

fn meta(app: &TestApp) -> JobMeta {
    let caller = app.tenant.clone();
    JobMeta {
        tenant: caller.tenant,
        lane: Lane::Scim,
        actor: caller.actor,
        cause: caller.cause,
    }
}

// checklist: 32
#[actix_web::test]
async fn twenty_creators_of_one_user_name_make_one() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let each = (0..20).map(|_| {
        let okta = okta.clone();
        async move { okta.post("/Users", person("ann@x.test")).await.status }
    });
    let mut statuses = futures_util::future::join_all(each).await;
    statuses.sort_unstable();
    let mut want = vec![409; 20];
    want[0] = 201;
    assert_eq!(statuses, want);
    assert_eq!(okta.get("/Users").await.total(), 1);
}

#[actix_web::test]
async fn a_panic_or_failure_harms_no_neighbour() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let before = app.verify().await.entries;
    let runs = Arc::new(AtomicUsize::new(0));
    let panics = (0..12).map(|i| {
        app.service.store.write(meta(&app), move |tx| {
            tx.record(Entry::new("test.never", "tenant", "x"));
            tx.totals().users += 1_000;
            if i >= 0 {
                panic!("planted");
            }
            Ok::<_, Error>(Outcome::Done(()))
        })
    });
    let fails = (0..3).map(|_| {
        let runs = Arc::clone(&runs);
        app.service.store.write(meta(&app), move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            tx.record(Entry::new("test.never", "tenant", "x"));
            tx.totals().users += 1_000;
            Err::<Outcome<(), Error>, _>(Error::Other("planted".to_owned()))
        })
    });
    let good = (0..10).map(|i| {
        let okta = okta.clone();
        async move { okta.create_user(&format!("n{i}@x.test")).await.status }
    });
    let (panicked, failed, made) = futures_util::future::join3(
        futures_util::future::join_all(panics),
        futures_util::future::join_all(fails),
        futures_util::future::join_all(good),
    )
    .await;
    assert!(panicked.iter().all(Result::is_err) && failed.iter().all(Result::is_err));
    assert_eq!(made, vec![201; 10]);
    assert!(runs.load(Ordering::SeqCst) >= 3);
    assert_eq!(okta.get("/Users").await.total(), 10);
    let done = app.verify().await;
    assert_eq!((done.faults, done.entries), (vec![], before + 20));
}

#[actix_web::test]
async fn a_refused_operation_keeps_what_it_recorded() {
    let app = TestApp::start().await;
    let before = app.verify().await.entries;
    let refused = app.service.store.write(meta(&app), |tx| {
        tx.record(Entry::new("test.refused", "tenant", "x"));
        Ok::<Outcome<(), Error>, _>(Outcome::Refused(Error::Other("no".to_owned())))
    });
    assert!(refused.await.is_err());
    assert_eq!(app.verify().await.entries, before + 1);
}

#[actix_web::test]
async fn writes_for_tenants_that_are_not_there_fail_alone() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let lost = (0..12).map(|i| {
        let mut nobody = meta(&app);
        nobody.tenant = rosterd::domain::ids::TenantId::new(format!("nobody-{i}"));
        app.service
            .store
            .write(nobody, |_| Ok::<_, Error>(Outcome::Done(())))
    });
    let lost = futures_util::future::join_all(lost);
    let (lost, made) = futures_util::future::join(lost, okta.create_user("ann@x.test")).await;
    assert!(lost.iter().all(Result::is_err));
    assert_eq!(made.status, 201);
}

#[actix_web::test]
async fn a_tenants_full_lane_is_refused_and_its_neighbour_is_not() {
    let app = TestApp::start().await;
    let other = app.tenant("other").await;
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let store = Arc::clone(&app.service.store);
    let wait = {
        let meta = meta(&app);
        let store = Arc::clone(&store);
        actix_web::rt::spawn(async move {
            let job = store.write(meta, move |_| {
                // Until the gate's other end is dropped.
                let _ = gate.lock().unwrap().recv();
                Ok::<_, Error>(Outcome::Done(()))
            });
            job.await
        })
    };
    let mut queued = Vec::new();
    let nothing = |meta: JobMeta| {
        let store = Arc::clone(&store);
        actix_web::rt::spawn(async move {
            store
                .write(meta, |_| Ok::<_, Error>(Outcome::Done(())))
                .await
        })
    };
    for _ in 0..1_300 {
        queued.push(nothing(meta(&app)));
    }
    let mut theirs = meta(&app);
    theirs.tenant = other.tenant.clone();
    let theirs = nothing(theirs);
    actix_web::rt::time::sleep(std::time::Duration::from_millis(200)).await;
    drop(open);
    assert!(wait.await.unwrap().is_ok() && theirs.await.unwrap().is_ok());
    let mut refused = 0;
    for job in queued {
        if let Err(error) = job.await.unwrap() {
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
            refused += 1;
        }
    }
    // A lane holds 1,024; up to 128 more may be in the batch with the job that waits.
    assert!((140..=280).contains(&refused), "{refused} were refused");
}

#[actix_web::test]
async fn several_processes_may_write() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    // A second store on the same database is what another process would have.
    let options = rosterd::storage::store::Options::new(app.database.url.clone());
    let clock = Arc::new(rosterd::domain::clock::SystemClock);
    let chance = Arc::new(rosterd::domain::chance::SystemChance);
    let other = rosterd::storage::Store::open(&options, clock, chance).unwrap();
    let theirs = (0..30).map(|_| {
        other.write(meta(&app), |tx| {
            tx.record(Entry::new("test.other", "tenant", "x"));
            Ok::<_, Error>(Outcome::Done(()))
        })
    });
    let ours = (0..30).map(|i| {
        let okta = okta.clone();
        async move { okta.create_user(&format!("n{i}@x.test")).await }
    });
    let (theirs, _) = futures_util::future::join(
        futures_util::future::join_all(theirs),
        futures_util::future::join_all(ours),
    )
    .await;
    assert!(theirs.iter().all(Result::is_ok), "{theirs:?}");
    assert_eq!(app.verify().await.faults, []);
    assert_eq!(okta.get("/Users").await.total(), 30);
}

#[actix_web::test]
async fn a_stopped_writer_finishes_what_waits_and_refuses_the_rest() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    okta.create_user("ann@x.test").await;
    app.service.store.stop();
    let refused = okta.post("/Users", person("bob@x.test")).await.expect(503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(
        refused.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
    );
    okta.get("/Users").await.expect(200);
}

#[actix_web::test]
async fn what_comes_while_a_batch_runs_shares_its_commit() {
    let app = TestApp::start().await;
    let mut outside = app.database.connect();
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let store = Arc::clone(&app.service.store);
    let running = Arc::new(AtomicUsize::new(0));
    let first = {
        let (meta, store) = (meta(&app), Arc::clone(&store));
        let running = Arc::clone(&running);
        actix_web::rt::spawn(async move {
            let job = store.write(meta, move |tx| {
                running.fetch_add(1, Ordering::SeqCst);
                let _ = gate.lock().unwrap().recv();
                tx.record(Entry::new("test.first", "tenant", "x"));
                Ok::<_, Error>(Outcome::Done(()))
            });
            job.await
        })
    };
    while running.load(Ordering::SeqCst) == 0 {
        actix_web::rt::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let second = store.write(meta(&app), move |_| {
        let sql = "SELECT hash AS line FROM journal WHERE action = 'test.first'";
        Ok::<_, Error>(Outcome::Done(lines(&mut outside, sql).len()))
    });
    let mut second = Box::pin(second);
    assert!((&mut second).now_or_never().is_none());
    drop(open);
    assert_eq!(second.await.unwrap(), 0, "the first was not committed yet");
    assert!(first.await.unwrap().is_ok());
    assert_eq!(app.verify().await.faults, vec![]);
}
