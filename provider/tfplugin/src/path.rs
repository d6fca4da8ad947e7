//! Where in a configuration or state something is.

use std::fmt;

/// The path from a block to one of its attributes, or to an element inside one. Empty for the whole
/// block.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributePath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To an attribute or a block.
    Attribute(String),
    /// To an element of a list.
    Index(usize),
    /// To an element of a map.
    Key(String),
}

impl AttributePath {
    /// To an attribute or block at the top.
    pub fn root(name: impl Into<String>) -> Self {
        Self::default().attribute(name)
    }

    /// One step further, to an attribute or block.
    #[must_use]
    pub fn attribute(self, name: impl Into<String>) -> Self {
        self.step(Step::Attribute(name.into()))
    }

    /// One step further, to an element of a list.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// One step further, to an element of a map.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// One step further.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the path of the whole block.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn prepend(&mut self, step: Step) {
        self.steps.insert(0, step);
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.steps.truncate(length);
    }
}

impl FromIterator<Step> for AttributePath {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self { steps: steps.into_iter().collect() }
    }
}

/// As in Terraform's language: `select[0].names["a"]`.
impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.steps.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_in_a_configuration() {
        let path = AttributePath::root("select").index(0).attribute("tags").key("a b");
        assert_eq!(path.to_string(), r#"select[0].tags["a b"]"#);
        assert_eq!(AttributePath::default().to_string(), "");
    }
}
