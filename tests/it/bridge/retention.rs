//! Runs are kept for a while; what they did stays in the journal.

use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::sync::Kind;

use super::MINUTES;
use super::world::World;

const DAY: i64 = 24 * 60 * MINUTES;
const KEPT: Duration = Duration::from_secs(90 * 86_400);

#[actix_web::test]
async fn old_runs_are_forgotten_with_their_items_and_nothing_else() {
    let world = World::of("bamboohr", 60, 1, JoinerPolicy::Grant).await;
    let first = world.pull().await;
    world.later(2 * DAY);
    let look = world.run(Kind::Dry).await;
    world.play("mover").await;
    world.later(DAY);
    let moved = world.pull().await;
    let service = &world.app.service;
    let people = world.people().await;
    assert_eq!(service.forget_runs(KEPT).await.unwrap(), 0);
    // The first two are past the end, the third is not.
    world.later(89 * DAY + 12 * 60 * MINUTES);
    assert_eq!(service.forget_runs(KEPT).await.unwrap(), 2);
    assert_eq!(service.forget_runs(KEPT).await.unwrap(), 0);
    let tenant = &world.app.tenant.tenant;
    for gone in [&first.run.id, &look.run.id] {
        assert!(service.find_run(tenant, gone).await.is_err());
        let items = service.list_items(tenant, gone, 0, 10).await.unwrap();
        assert!(items.is_empty());
    }
    let kept = service.list_items(tenant, &moved.run.id, 0, 10).await;
    assert!(!kept.unwrap().is_empty());
    assert_eq!(world.people().await, people);
    world.app.verify().await;
}
