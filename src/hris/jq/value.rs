//! The values that programs work on. Every text, list and object is made here and reported to the meter, so no program
//! can make more than it may. Numbers are exact integers or finite fractions: there is no NaN and no infinity.
//!
//! `Display` names the type and never shows the value, because the interpreter puts values into its error texts.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Number, Value};

use super::meter;

/// Deepest result.
const DEEPEST: usize = 64;

pub(super) type Error = jaq_core::Error<V>;
pub(super) type ValR = jaq_core::ValR<V>;
pub(super) type Object = BTreeMap<Arc<str>, V>;

/// A value.
#[derive(Clone, Default)]
pub(super) enum V {
    #[default]
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    Arr(Arc<Vec<V>>),
    Obj(Arc<Object>),
}

impl V {
    pub(super) fn text(text: &str) -> Self {
        meter::made(text.len());
        Self::Str(text.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        meter::made(items.len() * size_of::<Self>());
        Self::Arr(Arc::new(items))
    }

    pub(super) fn object(members: Object) -> Self {
        meter::made(members.len() * 2 * size_of::<Self>());
        Self::Obj(Arc::new(members))
    }

    /// A fraction; what is no finite number is null.
    pub(super) fn float(number: f64) -> Self {
        if number.is_finite() {
            Self::Float(number)
        } else {
            Self::Null
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number as a fraction.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                reason = "jq's numbers are fractions where they are mixed"
            )]
            Self::Int(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a text",
            Self::Arr(_) => "a list",
            Self::Obj(_) => "an object",
        }
    }

    /// JSON text.
    pub(super) fn to_json_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Copies a record in.
    pub(super) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => from_number(n),
            Value::String(text) => Self::Str(text.as_str().into()),
            Value::Array(items) => Self::Arr(Arc::new(items.iter().map(Self::from_json).collect())),
            Value::Object(members) => Self::Obj(Arc::new(
                members
                    .iter()
                    .map(|(k, v)| (k.as_str().into(), Self::from_json(v)))
                    .collect(),
            )),
        }
    }

    /// Copies a result out, no more than so many bytes and no deeper than a document may be.
    pub(super) fn to_json(&self, room: &mut usize) -> Result<Value, meter::Stop> {
        self.copy_out(room, DEEPEST)
    }

    fn copy_out(&self, room: &mut usize, depth: usize) -> Result<Value, meter::Stop> {
        let depth = depth.checked_sub(1).ok_or(meter::Stop::Depth)?;
        let own = 8 + self.as_text().map_or(0, str::len);
        *room = room.checked_sub(own).ok_or(meter::Stop::Size)?;
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(_) | Self::Float(_) => to_number(self).map_or(Value::Null, Value::Number),
            Self::Str(text) => Value::String(text.to_string()),
            Self::Arr(items) => Value::Array(
                items
                    .iter()
                    .map(|v| v.copy_out(room, depth))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Obj(members) => Value::Object(
                members
                    .iter()
                    .map(|(k, v)| {
                        *room = room.checked_sub(k.len()).ok_or(meter::Stop::Size)?;
                        Ok((k.to_string(), v.copy_out(room, depth)?))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        })
    }
}

fn from_number(n: &Number) -> V {
    let whole = n
        .as_i64()
        .map(i128::from)
        .or_else(|| n.as_u64().map(i128::from));
    whole.map_or_else(|| V::float(n.as_f64().unwrap_or(f64::NAN)), V::Int)
}

fn to_number(v: &V) -> Option<Number> {
    if let V::Int(n) = v {
        if let Ok(n) = i64::try_from(*n) {
            return Some(n.into());
        }
        if let Ok(n) = u64::try_from(*n) {
            return Some(n.into());
        }
    }
    v.number().and_then(Number::from_f64)
}

impl Serialize for V {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        meter::step();
        meter::made(8 + self.as_text().map_or(0, str::len));
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(b) => to.serialize_bool(*b),
            Self::Int(_) | Self::Float(_) => to_number(self).serialize(to),
            Self::Str(text) => to.serialize_str(text),
            Self::Arr(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Obj(members) => {
                let mut map = to.serialize_map(Some(members.len()))?;
                for (key, value) in members.iter() {
                    map.serialize_entry(&**key, value)?;
                }
                map.end()
            }
        }
    }
}

impl fmt::Display for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for V {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// jq's order: null, false, true, numbers, texts, lists, objects.
impl Ord for V {
    fn cmp(&self, other: &Self) -> Ordering {
        meter::step();
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::Arr(a), Self::Arr(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
            (Self::Arr(a), Self::Arr(b)) => a.iter().cmp(b.iter()),
            (Self::Obj(a), Self::Obj(b)) if Arc::ptr_eq(a, b) => Ordering::Equal,
            (Self::Obj(a), Self::Obj(b)) => a
                .keys()
                .cmp(b.keys())
                .then_with(|| a.values().cmp(b.values())),
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }
}

impl V {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Float(_) => 2,
            Self::Str(_) => 3,
            Self::Arr(_) => 4,
            Self::Obj(_) => 5,
        }
    }
}

impl PartialOrd for V {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for V {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for V {}

impl From<bool> for V {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<isize> for V {
    fn from(n: isize) -> Self {
        Self::Int(n as i128)
    }
}

impl From<usize> for V {
    fn from(n: usize) -> Self {
        Self::Int(n as i128)
    }
}

impl From<f64> for V {
    fn from(n: f64) -> Self {
        Self::float(n)
    }
}

impl From<String> for V {
    fn from(text: String) -> Self {
        Self::text(&text)
    }
}

impl From<jaq_core::val::Range<V>> for V {
    fn from(range: jaq_core::val::Range<V>) -> Self {
        let start = range.start.map(|v| ("start".into(), v));
        let end = range.end.map(|v| ("end".into(), v));
        Self::object(start.into_iter().chain(end).collect())
    }
}

impl FromIterator<V> for V {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        // Reported one by one: the end may never come.
        let items = items.into_iter().inspect(|_| meter::made(size_of::<V>()));
        Self::Arr(Arc::new(items.collect()))
    }
}
