//! From records to people: what is skipped, refused, unknown; coverage; formats other than JSON.

use serde_json::json;

use super::server::{Reply, Server};
use super::{OPEN, PLAIN, connector, pull};

#[actix_web::test]
async fn records_are_mapped_skipped_or_refused_one_by_one() {
    let server = Server::start(|_, _| {
        Reply::json(&json!({"people": [
            {"id": 1, "email": "ANN@Example.com", "first": "Ann", "last": "Lee", "manager": 2, "start": "2020-01-01"},
            {"id": 2, "email": null, "first": "Bo", "last": "", "status": "gone", "end": "2024-01-31"},
            {"id": 3, "skip": true},
            {"id": null, "email": "x@example.com"},
            {"id": 5, "start": "next week"},
            {"id": 6, "status": "on the moon"},
            {"id": 7, "start": "2027-01-01"},
        ]}))
    })
    .await;
    let pulled = pull(&connector(OPEN, PLAIN, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "6", "7"]);
    assert_eq!(
        pulled.rejected,
        [(4, "person.no_id"), (5, "person.bad_date")]
    );
    let states: Vec<&str> = pulled
        .people
        .iter()
        .map(|p| p.employment.as_str())
        .collect();
    assert_eq!(states, ["employed", "left", "unknown", "prehire"]);
    let evidence = pulled.evidence();
    assert_eq!(
        (evidence.rows, evidence.skipped, evidence.rejected),
        (7, 1, 2)
    );
    assert_eq!(evidence.unknown_words.get("on the moon"), Some(&1));
    assert_eq!(evidence.coverage["emails"], 1);
    assert_eq!(evidence.coverage["name.givenName"], 2);
    assert_eq!(evidence.coverage["name.familyName"], 1);
    assert_eq!(evidence.coverage["employment"], 3);
    assert_eq!(evidence.coverage["end_date"], 1);
    let manager = format!("{}:manager.value", rosterd::hris::ENTERPRISE);
    assert_eq!(evidence.coverage[&manager], 1);
    assert_eq!(pulled.people[0].user["userName"], "ann@example.com");
    assert_eq!(pulled.people[1].user.get("userName"), None);
}

#[actix_web::test]
async fn xml_ndjson_and_csv_are_read_too() {
    let cases = [
        (
            "{ xml: { lists: [person] } }",
            "people.person",
            "<people><person><id>1</id><email>a@example.com</email></person></people>",
        ),
        (
            "ndjson",
            "$",
            "{\"id\": 1, \"email\": \"a@example.com\"}\n\n",
        ),
        ("csv", "$", "id;email\n1;a@example.com\n"),
    ];
    for (format, records, body) in cases {
        let list = format!(
            "  request: {{ url: 'https://api.vendor.test/people', format: {format} }}\n  records: {records}\n  id: id"
        );
        let server = Server::start(move |_, _| Reply::text(200, "text/plain", body)).await;
        let pulled = pull(&connector(OPEN, &list, ""), &server).await;
        assert_eq!(pulled.ids(), ["1"], "{format}: {:?}", pulled.outcome);
        assert_eq!(pulled.people[0].user["userName"], "a@example.com");
    }
}
