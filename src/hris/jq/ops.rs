//! What the interpreter does with values: arithmetic, indexing, updates.

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::sync::Arc;

use jaq_core::Exn;
use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::ops::Math;
use jaq_core::path::Opt;
use jaq_core::val::{Range, ValX};

use super::meter;
use super::value::{Error, Object, V, ValR};

fn arithmetic(
    l: V,
    op: Math,
    r: V,
    whole: fn(i128, i128) -> Option<i128>,
    fraction: fn(f64, f64) -> f64,
) -> ValR {
    if let (V::Int(a), V::Int(b)) = (&l, &r)
        && let Some(n) = whole(*a, *b)
    {
        return Ok(V::Int(n));
    }
    match (l.number(), r.number()) {
        (Some(a), Some(b)) => Ok(V::float(fraction(a, b))),
        _ => Err(Error::math(l, op, r)),
    }
}

impl Add for V {
    type Output = ValR;

    fn add(self, other: Self) -> ValR {
        match (self, other) {
            (Self::Null, v) | (v, Self::Null) => Ok(v),
            (Self::Str(a), Self::Str(b)) => {
                meter::made(a.len() + b.len());
                Ok(Self::Str([&*a, &*b].concat().into()))
            }
            (Self::Arr(mut a), Self::Arr(b)) => {
                meter::made(b.len() * size_of::<Self>());
                extend(&mut a, b.iter().cloned());
                Ok(Self::Arr(a))
            }
            (Self::Obj(mut a), Self::Obj(b)) => {
                meter::made(b.len() * 2 * size_of::<Self>());
                let all = own(&mut a);
                all.extend(b.iter().map(|(k, v)| (Arc::clone(k), v.clone())));
                Ok(Self::Obj(a))
            }
            (a, b) => arithmetic(a, Math::Add, b, i128::checked_add, |a, b| a + b),
        }
    }
}

/// The members, copied first if somebody else holds them too; the copy counts.
fn own(members: &mut Arc<Object>) -> &mut Object {
    if Arc::get_mut(members).is_none() {
        meter::made(members.len() * 2 * size_of::<V>());
    }
    Arc::make_mut(members)
}

fn own_list(items: &mut Arc<Vec<V>>) -> &mut Vec<V> {
    if Arc::get_mut(items).is_none() {
        meter::made(items.len() * size_of::<V>());
    }
    Arc::make_mut(items)
}

fn extend(items: &mut Arc<Vec<V>>, more: impl Iterator<Item = V>) {
    own_list(items).extend(more);
}

impl Sub for V {
    type Output = ValR;

    fn sub(self, other: Self) -> ValR {
        match (self, other) {
            (Self::Arr(a), Self::Arr(b)) => Ok(Self::list(
                a.iter().filter(|v| !b.contains(v)).cloned().collect(),
            )),
            (a, b) => arithmetic(a, Math::Sub, b, i128::checked_sub, |a, b| a - b),
        }
    }
}

impl Mul for V {
    type Output = ValR;

    fn mul(self, other: Self) -> ValR {
        match (self, other) {
            (Self::Str(text), times @ (Self::Int(_) | Self::Float(_)))
            | (times @ (Self::Int(_) | Self::Float(_)), Self::Str(text)) => {
                let times = times.number().unwrap_or_default();
                if times <= 0.0 {
                    return Ok(Self::Null);
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "positive; a cast saturates"
                )]
                let times = times.ceil() as usize;
                meter::made(text.len().saturating_mul(times));
                Ok(Self::Str(text.repeat(times).into()))
            }
            (Self::Obj(a), Self::Obj(b)) => merge(a, &b),
            (a, b) => arithmetic(a, Math::Mul, b, i128::checked_mul, |a, b| a * b),
        }
    }
}

/// `a * b` of objects: members that are objects on both sides are merged.
fn merge(mut a: Arc<Object>, b: &Arc<Object>) -> ValR {
    let all = own(&mut a);
    for (key, value) in b.iter() {
        meter::step();
        let merged = match (all.remove(key), value) {
            (Some(V::Obj(l)), V::Obj(r)) => merge(l, r)?,
            _ => value.clone(),
        };
        meter::made(2 * size_of::<V>());
        all.insert(Arc::clone(key), merged);
    }
    Ok(V::Obj(a))
}

impl Div for V {
    type Output = ValR;

    fn div(self, other: Self) -> ValR {
        if let (Self::Str(text), Self::Str(by)) = (&self, &other) {
            let part = |p: &str| Self::text(p);
            return Ok(if by.is_empty() {
                text.chars()
                    .map(|c| part(c.encode_utf8(&mut [0; 4])))
                    .collect()
            } else {
                text.split(&**by).map(part).collect()
            });
        }
        if other.number() == Some(0.0) {
            return Err(Error::math(self, Math::Div, other));
        }
        arithmetic(self, Math::Div, other, divide_exactly, |a, b| a / b)
    }
}

impl Rem for V {
    type Output = ValR;

    fn rem(self, other: Self) -> ValR {
        if other.number() == Some(0.0) {
            return Err(Error::math(self, Math::Rem, other));
        }
        arithmetic(self, Math::Rem, other, i128::checked_rem, |a, b| a % b)
    }
}

impl Neg for V {
    type Output = ValR;

    fn neg(self) -> ValR {
        match self {
            Self::Int(n) => Ok(Self::Int(n.saturating_neg())),
            Self::Float(n) => Ok(Self::Float(-n)),
            other => Err(Error::typ(other, "number")),
        }
    }
}

/// Where `.[n]` of so many items is.
fn place(n: i128, len: usize) -> Option<usize> {
    let at = if n < 0 {
        n.checked_add(i128::try_from(len).ok()?)?
    } else {
        n
    };
    usize::try_from(at).ok().filter(|at| *at < len)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast saturates, as an index may"
)]
fn whole(v: &V) -> Option<i128> {
    match v {
        V::Int(n) => Some(*n),
        V::Float(n) => Some(n.floor() as i128),
        _ => None,
    }
}

/// Start and end of `.[a:b]` of so many items.
fn bounds(range: &Range<&V>, len: usize) -> Result<(usize, usize), Error> {
    let bound = |v: Option<&V>, default: usize| match v {
        None | Some(V::Null) => Ok(default),
        Some(v) => {
            let n = whole(v).ok_or_else(|| Error::typ(v.clone(), "integer"))?;
            let all = i128::try_from(len).unwrap_or(i128::MAX);
            let at = if n < 0 {
                n.saturating_add(all).max(0)
            } else {
                n.min(all)
            };
            Ok(usize::try_from(at).unwrap_or(len))
        }
    };
    let (start, end) = (bound(range.start, 0)?, bound(range.end, len)?);
    Ok((start, end.max(start)))
}

impl jaq_core::ValT for V {
    fn from_num(text: &str) -> ValR {
        if let Ok(n) = text.parse::<i128>() {
            return Ok(Self::Int(n));
        }
        match text.parse::<f64>() {
            Ok(n) => Ok(Self::float(n)),
            Err(_) => Err(Error::typ(Self::text(text), "number")),
        }
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(members: I) -> ValR {
        let mut all = Object::new();
        for (key, value) in members {
            let Self::Str(key) = key else {
                return Err(Error::typ(key, "text as the name of a member"));
            };
            meter::made(2 * size_of::<Self>());
            all.insert(key, value);
        }
        Ok(Self::Obj(Arc::new(all)))
    }

    fn key_values(self) -> BoxIter<'static, Result<(Self, Self), Error>> {
        meter::step();
        match self {
            Self::Arr(a) => Box::new((0..a.len()).map(move |i| {
                meter::step();
                Ok((Self::from(i), a.get(i).cloned().unwrap_or_default()))
            })),
            Self::Obj(o) => {
                meter::made(o.len() * 2 * size_of::<Self>());
                let all: Vec<_> = o
                    .iter()
                    .map(|(k, v)| Ok((Self::Str(Arc::clone(k)), v.clone())))
                    .collect();
                Box::new(all.into_iter().inspect(|_| meter::step()))
            }
            other => box_once(Err(Error::typ(other, "list or object"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR>> {
        Box::new(self.key_values().map(|kv| kv.map(|(_, v)| v)))
    }

    fn index(self, index: &Self) -> ValR {
        match (&self, index) {
            (Self::Null, Self::Null | Self::Str(_) | Self::Int(_) | Self::Float(_)) => {
                Ok(Self::Null)
            }
            (Self::Obj(o), Self::Str(key)) => Ok(o.get(key).cloned().unwrap_or_default()),
            (Self::Arr(a), Self::Int(_) | Self::Float(_)) => {
                let at = whole(index).and_then(|n| place(n, a.len()));
                Ok(at.and_then(|at| a.get(at)).cloned().unwrap_or_default())
            }
            (Self::Null | Self::Str(_) | Self::Arr(_), Self::Obj(o)) => {
                let (start, end) = (o.get("start").cloned(), o.get("end").cloned());
                self.range(start.as_ref()..end.as_ref())
            }
            _ => Err(Error::index(self, index.clone())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR {
        match &self {
            Self::Null => Ok(Self::Null),
            Self::Str(text) => {
                let (start, end) = bounds(&range, text.chars().count())?;
                Ok(Self::text(
                    &text
                        .chars()
                        .skip(start)
                        .take(end - start)
                        .collect::<String>(),
                ))
            }
            Self::Arr(items) => {
                let (start, end) = bounds(&range, items.len())?;
                Ok(Self::list(
                    items.get(start..end).unwrap_or_default().to_vec(),
                ))
            }
            _ => Err(Error::typ(self, "list or text")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self {
            Self::Arr(items) => {
                let mapped = items.iter().flat_map(|v| f(v.clone()));
                mapped.collect()
            }
            Self::Obj(members) => {
                let mut all = Object::new();
                for (key, value) in members.iter() {
                    if let Some(value) = f(value.clone()).next() {
                        meter::made(2 * size_of::<Self>());
                        all.insert(Arc::clone(key), value?);
                    }
                }
                Ok(Self::Obj(Arc::new(all)))
            }
            other => opt.fail(other, |v| Exn::from(Error::typ(v, "list or object"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match (self, index) {
            (Self::Null, Self::Str(_)) => Self::Obj(Arc::default()).map_index(index, opt, f),
            (Self::Obj(mut members), Self::Str(key)) => {
                let all = own(&mut members);
                let old = all.remove(key).unwrap_or_default();
                if let Some(new) = f(old).next().transpose()? {
                    meter::made(2 * size_of::<Self>());
                    all.insert(Arc::clone(key), new);
                }
                Ok(Self::Obj(members))
            }
            (list @ Self::Arr(_), Self::Obj(o)) => {
                let (start, end) = (o.get("start").cloned(), o.get("end").cloned());
                list.map_range(start.as_ref()..end.as_ref(), opt, f)
            }
            (Self::Arr(mut items), Self::Int(n)) => {
                let Some(at) = place(*n, items.len()) else {
                    let why = |v| Exn::from(Error::index(v, index.clone()));
                    return opt.fail(Self::Arr(items), why);
                };
                let all = own_list(&mut items);
                let old = all.get(at).cloned().unwrap_or_default();
                match f(old).next().transpose()? {
                    Some(new) => all[at] = new,
                    None => drop(all.remove(at)),
                }
                Ok(Self::Arr(items))
            }
            (other, _) => opt.fail(other, |v| Exn::from(Error::index(v, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        let Self::Arr(mut items) = self else {
            return opt.fail(self, |v| Exn::from(Error::typ(v, "list")));
        };
        let (start, end) = match bounds(&range, items.len()) {
            Ok(bounds) => bounds,
            Err(e) => return opt.fail(Self::Arr(items), |_| Exn::from(e)),
        };
        let part = Self::list(items.get(start..end).unwrap_or_default().to_vec());
        let new = match f(part).next().transpose()? {
            None => Arc::default(),
            Some(Self::Arr(new)) => new,
            Some(other) => return Err(Exn::from(Error::typ(other, "list"))),
        };
        meter::made(new.len() * size_of::<Self>());
        own_list(&mut items).splice(start..end, new.iter().cloned());
        Ok(Self::Arr(items))
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    fn into_string(self) -> Self {
        match self {
            text @ Self::Str(_) => text,
            other => Self::text(&other.to_json_text()),
        }
    }
}

impl jaq_std::ValT for V {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self {
            Self::Arr(items) => {
                meter::made(items.len() * size_of::<Self>());
                Ok(items.iter().cloned().collect())
            }
            other => Err(other),
        }
    }

    fn is_int(&self) -> bool {
        matches!(self, Self::Int(_))
    }

    fn as_isize(&self) -> Option<isize> {
        match self {
            Self::Int(n) => isize::try_from(*n).ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        self.number()
    }

    fn is_utf8_str(&self) -> bool {
        matches!(self, Self::Str(_))
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.as_text().map(str::as_bytes)
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Self::text(&String::from_utf8_lossy(sub))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self::text(&String::from_utf8_lossy(bytes.as_ref()))
    }
}

/// The quotient, if it is whole.
fn divide_exactly(a: i128, b: i128) -> Option<i128> {
    (a.checked_rem(b) == Some(0)).then_some(a / b)
}
