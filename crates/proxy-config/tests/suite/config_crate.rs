//! What `config` does and does not do. `docs/decisions/0013-config-crate.md` is built on it.

use config::{Config, Environment, Map, Source, Value, ValueKind};

#[derive(Debug, Clone)]
struct Fields(Map<String, Value>);

impl Source for Fields {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn table<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.map(|(key, value)| (key.to_owned(), value));
    Value::new(None, Map::from(fields))
}

fn via(value: impl Into<ValueKind>) -> Fields {
    Fields(Map::from([("via".to_owned(), Value::new(None, value))]))
}

fn text(text: &str) -> Value {
    Value::new(None, text)
}

#[test]
fn a_list_is_replaced_by_a_table_of_some_of_its_items() {
    let merged = Config::builder()
        .add_source(via(vec![text("a"), text("b")]))
        .add_source(via(table([("0", text("c"))]).kind))
        .build();
    let merged = merged.unwrap().get_table("via").unwrap();
    assert_eq!(merged, Map::from([("0".to_owned(), text("c"))]));
}

#[test]
fn a_path_sets_an_item_and_splits_keys_with_a_dot() {
    let merged = Config::builder()
        .add_source(via(vec![text("a"), text("b")]))
        .set_override("via[0]", "c")
        .and_then(|builder| builder.set_override("exchanges.okx.eu", "direct"));
    let merged = merged.unwrap().build().unwrap();
    assert_eq!(merged.get_array("via").unwrap(), [text("c"), text("b")]);
    let exchanges = merged.get_table("exchanges").unwrap();
    assert_eq!(exchanges.keys().collect::<Vec<_>>(), ["okx"]);
}

#[test]
fn the_environment_does_not_say_which_variable_it_was() {
    let variables = Map::from([("CRYPTOFEED_STRICT".to_owned(), "true".to_owned())]);
    let environment = Environment::with_prefix("CRYPTOFEED").source(Some(variables));
    let fields = environment.collect().unwrap();
    assert_eq!(fields["strict"].origin(), Some("the environment"));
}

#[test]
fn an_error_of_deserialization_prints_the_value() {
    let error = text("socks5://u:s3cret@h:1").try_deserialize::<u64>();
    assert!(error.unwrap_err().to_string().contains("s3cret"));
}
