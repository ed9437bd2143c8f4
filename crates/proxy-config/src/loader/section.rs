//! A section as a type of the program, with serde.
//!
//! The deserializer is our own, over a [`Node`], so that errors are like all others: with the keys
//! and the source, and without the value. Those of `config` show the value, and have no source.

use std::fmt;
use std::str::FromStr;
use std::vec;

use config::Value;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::loader::node::Node;
use crate::loader::references::mark_of;
use crate::loader::section_fault::Fault;

/// The value as a `T`. Errors are reported.
pub(crate) fn deserialize<T: DeserializeOwned>(node: &Node<'_>) -> Option<T> {
    T::deserialize(Section(node.clone()))
        .map_err(|fault| fault.tell(node))
        .ok()
}

/// A value. Its scalars are texts, which are parsed as the type that serde asks for.
struct Section<'a>(Node<'a>);

impl<'a> Section<'a> {
    /// A key of the table that contains `node`, as a value.
    fn key(key: &str, node: &Node<'_>) -> Value {
        Value::new(mark_of(node.value()).map(str::to_owned).as_ref(), key)
    }

    fn number<T: FromStr>(&self, expected: impl fmt::Display) -> Result<T, Fault> {
        let text = self.0.text().ok_or(Fault::Told)?;
        // `FromStr` takes a leading plus.
        let text = Some(text).filter(|text| !text.starts_with('+'));
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Fault::wrong(format_args!("expected {expected}")))
    }

    fn float(&self) -> Result<f64, Fault> {
        let number: f64 = self.number("a number")?;
        match number.is_finite() {
            true => Ok(number),
            false => Err(Fault::wrong("expected a number")),
        }
    }

    fn items(&self) -> Result<Items<'a>, Fault> {
        let items = self.0.list().ok_or(Fault::Told)?;
        Ok(Items(items.into_iter()))
    }

    /// The items of a list of this length.
    fn items_of(&self, count: usize) -> Result<Items<'a>, Fault> {
        let items = self.items()?;
        match items.0.len() == count {
            true => Ok(items),
            false => Err(Fault::wrong(format_args!("expected a list of {count}"))),
        }
    }

    fn entries(&self) -> Result<Entries<'a>, Fault> {
        Ok(Entries::new(self.0.entries().ok_or(Fault::Told)?))
    }

    /// The fields of a table with the keys `known`. Other keys are reported.
    fn fields(&self, known: &'static [&'static str]) -> Result<Entries<'a>, Fault> {
        let table = self.0.table(known).ok_or(Fault::Told)?;
        let fields = known
            .iter()
            .filter_map(|key| Some((*key, table.field(key)?)));
        Ok(Entries::new(fields.collect()))
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let (least, most) = (<$type>::MIN, <$type>::MAX);
            visitor.$visit(self.number(format_args!("a whole number from {least} to {most}"))?)
        })*
    };
}

impl<'de> Deserializer<'de> for Section<'_> {
    type Error = Fault;

    whole_numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let node = &self.0;
        if let Some(text) = node.as_text() {
            visitor.visit_str(text)
        } else if node.is_nothing() {
            visitor.visit_unit()
        } else if node.is_list() {
            visitor.visit_seq(self.items()?)
        } else {
            visitor.visit_map(self.entries()?)
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bool(self.0.boolean().ok_or(Fault::Told)?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0.text().ok_or(Fault::Told)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_bytes(self.0.text().ok_or(Fault::Told)?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0.is_nothing() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(self.items()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(self.items_of(count)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(count, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_map(self.fields(known)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Some(text) = self.0.as_text() {
            let unit: StrDeserializer<'_, Fault> = text.into_deserializer();
            return visitor.visit_enum(unit);
        }
        let mut entries = self.0.entries().ok_or(Fault::Told)?;
        match (entries.pop(), entries.pop()) {
            (Some((name, content)), None) => visitor.visit_enum(Variant { name, content }),
            _ => Err(Fault::wrong("expected a table of one key")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char unit unit_struct identifier
    }
}

/// The items of a list.
struct Items<'a>(vec::IntoIter<Node<'a>>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.0.next() else {
            return Ok(None);
        };
        let item = seed.deserialize(Section(node.clone()));
        item.map(Some).map_err(|fault| fault.told(&node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a table.
struct Entries<'a> {
    rest: vec::IntoIter<(&'a str, Node<'a>)>,
    /// The value of the key that was read last.
    value: Option<Node<'a>>,
}

impl<'a> Entries<'a> {
    fn new(entries: Vec<(&'a str, Node<'a>)>) -> Self {
        Self {
            rest: entries.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.rest.next() else {
            return Ok(None);
        };
        let value = Section::key(key, &node);
        let key = node.with_value(&value);
        let result = seed.deserialize(Section(key.clone()));
        let result = result.map(Some).map_err(|fault| fault.told(&key));
        self.value = Some(node);
        result
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self.value.take();
        let node = value.ok_or_else(|| Fault::wrong("a value is asked for before its key"))?;
        let result = seed.deserialize(Section(node.clone()));
        result.map_err(|fault| fault.told(&node))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A variant with content, as a table of its name and the content.
struct Variant<'a> {
    name: &'a str,
    content: Node<'a>,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), Fault> {
        let key = Section::key(self.name, &self.content);
        let key = self.content.with_value(&key);
        let name = seed.deserialize(Section(key.clone()));
        let name = name.map_err(|fault| fault.told(&key))?;
        Ok((name, Content(self.content)))
    }
}

/// The content of a variant.
struct Content<'a>(Node<'a>);

impl Content<'_> {
    fn read<T>(self, read: impl FnOnce(Section<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        read(Section(self.0.clone())).map_err(|fault| fault.told(&self.0))
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.read(|_| Err(Fault::wrong("expected its name alone, as text")))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.read(|section| seed.deserialize(section))
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Fault> {
        self.read(|section| section.deserialize_tuple(count, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.read(|section| section.deserialize_struct("", known, visitor))
    }
}
