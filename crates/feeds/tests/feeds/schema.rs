//! The JSON Schema of events.

use boon::{Compiler, SchemaIndex, Schemas};
use feeds::{EVENT_SCHEMA, FeedEvent};
use serde_json::{Value, json};

thread_local! {
    static SCHEMA: (Schemas, SchemaIndex) = compile();
}

fn compile() -> (Schemas, SchemaIndex) {
    let mut compiler = Compiler::new();
    let schema = serde_json::from_str(EVENT_SCHEMA).unwrap();
    compiler.add_resource("events.json", schema).unwrap();
    let mut schemas = Schemas::new();
    let index = compiler.compile("events.json", &mut schemas).unwrap();
    (schemas, index)
}

fn problem(json: &Value) -> Option<String> {
    SCHEMA.with(|(schemas, index)| {
        let checked = schemas.validate(json, *index);
        checked.err().map(|error| error.to_string())
    })
}

/// Fails unless the event is what the schema says, and its JSON is read as the same event.
pub(crate) fn check(event: &FeedEvent) {
    let json = serde_json::to_value(event).unwrap();
    if let Some(problem) = problem(&json) {
        panic!("{json}: {problem}");
    }
    assert_eq!(json["type"], event.kind.name());
    let read: FeedEvent = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), json);
}

#[test]
fn what_is_no_event_is_found() {
    let event = json!({
        "v": 1, "sequence": 7, "exchange": "binance", "connection": 3, "received_ns": 5,
        "type": "trade", "symbol": "BTC-USDT", "id": "109116693", "count": 1, "side": "buy",
        "price": "1.50", "amount": "2", "backfilled": false, "timestamp_ns": null, "new": [],
    });
    assert_eq!(problem(&event), None);
    for (key, wrong) in [
        ("v", json!(2)),
        ("sequence", json!(null)),
        ("connection", json!("3")),
        ("id", json!(109_116_693)),
        ("price", json!(1.5)),
        ("price", json!("1e5")),
        ("side", json!("sold")),
        ("timestamp_ns", json!("5")),
        ("type", json!("new")),
    ] {
        let mut event = event.clone();
        event[key] = wrong;
        assert!(problem(&event).is_some(), "{event}");
    }
    for key in event
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| *key != "new")
    {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove(key);
        assert!(problem(&event).is_some(), "without {key}");
    }
}
