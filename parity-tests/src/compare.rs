//! Compares two values leaf by leaf.

use serde_json::Value;

use crate::value::{Step, pointer, same_number};

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Stands in the oracle's value only.
    Missing,
    /// Stands in ours only.
    Extra,
    /// Stands in both, with different values.
    Changed,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Changed => "changed",
        }
    }
}

/// One leaf, or one whole branch, that differs.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    pub(crate) path: Vec<Step>,
    pub(crate) kind: Kind,
    pub(crate) ours: Option<Value>,
    pub(crate) oracle: Option<Value>,
}

impl Difference {
    /// The path with array indices as `*`, for grouping.
    pub(crate) fn pattern(&self) -> String {
        pointer(&self.path, true)
    }
}

/// All differences between `ours` and `oracle`; none means that they are the same JSON value.
pub(crate) fn differences(ours: &Value, oracle: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(Some(ours), Some(oracle), &mut Vec::new(), &mut found);
    found
}

fn compare(ours: Option<&Value>, oracle: Option<&Value>, path: &mut Vec<Step>, found: &mut Vec<Difference>) {
    match (ours, oracle) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            for (key, value) in left {
                path.push(Step::Key(key.clone()));
                compare(Some(value), right.get(key), path, found);
                path.pop();
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                path.push(Step::Key(key.clone()));
                compare(None, Some(value), path, found);
                path.pop();
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for index in 0..left.len().max(right.len()) {
                path.push(Step::Index(index));
                compare(left.get(index), right.get(index), path, found);
                path.pop();
            }
        }
        (Some(Value::Number(left)), Some(Value::Number(right))) if same_number(left, right) => {}
        (Some(left), Some(right)) if left == right => {}
        (ours, oracle) => {
            let kind = match (ours, oracle) {
                (None, _) => Kind::Missing,
                (_, None) => Kind::Extra,
                _ => Kind::Changed,
            };
            found.push(Difference { path: path.clone(), kind, ours: ours.cloned(), oracle: oracle.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::{at, walk};

    #[test]
    fn equal_values_have_no_difference() {
        let value = json!({"a": [1, {"b": null}], "c": "x"});
        assert!(differences(&value, &value).is_empty());
    }

    #[test]
    fn key_order_does_not_count_but_array_order_does() {
        assert!(differences(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})).is_empty());
        assert_eq!(differences(&json!([1, 2]), &json!([2, 1])).len(), 2);
    }

    #[test]
    fn null_is_not_absent() {
        let found = differences(&json!({"a": null}), &json!({}));
        assert_eq!((found[0].kind, found[0].pattern().as_str()), (Kind::Extra, "/a"));
    }

    #[test]
    fn every_dropped_leaf_is_found() {
        let whole = json!({"m": [{"role": "user", "content": [{"type": "text", "text": ""}, {"n": null}]}], "t": 1.5});
        let mut paths = Vec::new();
        walk(&whole, &mut |path, _| {
            if !path.is_empty() {
                paths.push(path.to_vec());
            }
        });
        for path in paths {
            let mut cut = whole.clone();
            let (last, parents) = path.split_last().unwrap();
            match (at(&mut cut, parents).unwrap(), last) {
                (Value::Object(members), Step::Key(key)) => drop(members.remove(key)),
                (Value::Array(items), Step::Index(index)) => drop(items.remove(*index)),
                _ => panic!("a path leads into a container"),
            }
            assert!(!differences(&cut, &whole).is_empty(), "{path:?}");
        }
    }
}
