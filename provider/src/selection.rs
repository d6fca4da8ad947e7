//! The `select` and `exclude` blocks, which the policy and the data source have in common.

use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{InvalidRegex, InvalidTags, Rule, Selection, TagFilter};
use tfplugin::{Attr, Attribute, AttributePath, Block, Diagnostics, NestedBlock, Type};

use crate::{checks, diagnostics};

tfplugin::object! {
    /// A `select` or `exclude` block.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub(crate) struct RuleBlock {
        pub(crate) names: Attr<Vec<Attr<String>>>,
        pub(crate) name_prefixes: Attr<Vec<Attr<String>>>,
        pub(crate) name_regex: Attr<String>,
        pub(crate) tags: Attr<BTreeMap<String, Attr<String>>>,
        pub(crate) log_group_classes: Attr<Vec<Attr<String>>>,
    }
}

/// With the blocks that select log groups.
pub(crate) fn blocks(block: Block) -> Block {
    block
        .block(
            "select",
            NestedBlock::list(rule(
                "Selects log groups. All conditions of one block must match; a log group is \
                 selected if any `select` block matches and no `exclude` block does.",
            )),
        )
        .block(
            "exclude",
            NestedBlock::list(rule(
                "Excludes log groups that `select` matches. All conditions of one block must match.",
            )),
        )
}

/// Reports empty blocks.
pub(crate) fn validate(
    name: &'static str,
    blocks: &Attr<Vec<RuleBlock>>,
    diagnostics: &mut Diagnostics,
) {
    for (index, block) in blocks.known().into_iter().flatten().enumerate() {
        if block.is_empty() {
            diagnostics.push(diagnostics::empty_rule(name, AttributePath::root(name).index(index)));
        }
    }
}

/// The rules of known blocks.
///
/// # Errors
/// When a regex does not compile or no log group can have the tags, which the checks of the
/// attributes have reported before.
pub(crate) fn selection(
    select: &Attr<Vec<RuleBlock>>,
    exclude: &Attr<Vec<RuleBlock>>,
) -> Result<Selection, InvalidRule> {
    let rules = |blocks: &Attr<Vec<RuleBlock>>| {
        blocks.known().into_iter().flatten().map(RuleBlock::rule).collect::<Result<_, _>>()
    };
    Ok(Selection { select: rules(select)?, exclude: rules(exclude)? })
}

/// An invalid block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRule {
    #[error(transparent)]
    Regex(#[from] InvalidRegex),
    #[error(transparent)]
    Tags(#[from] InvalidTags),
}

impl RuleBlock {
    fn is_empty(&self) -> bool {
        self.names.is_null()
            && self.name_prefixes.is_null()
            && self.name_regex.is_null()
            && self.tags.is_null()
            && self.log_group_classes.is_null()
    }

    fn rule(&self) -> Result<Rule, InvalidRule> {
        Ok(Rule {
            names: texts(&self.names),
            name_prefixes: texts(&self.name_prefixes),
            name_regex: self.name_regex.known().map(|pattern| pattern.parse()).transpose()?,
            tags: known_tags(&self.tags).map(TagFilter::parse).transpose()?,
            log_group_classes: texts(&self.log_group_classes),
        })
    }
}

/// The known texts of a known list.
pub(crate) fn texts(list: &Attr<Vec<Attr<String>>>) -> Option<BTreeSet<String>> {
    list.known().map(|texts| texts.iter().filter_map(Attr::known).cloned().collect())
}

/// The tags, if each of them is known.
fn known_tags(tags: &Attr<BTreeMap<String, Attr<String>>>) -> Option<BTreeMap<String, String>> {
    let known =
        |(key, value): (&String, &Attr<String>)| Some((key.clone(), value.known()?.clone()));
    tags.known()?.iter().map(known).collect()
}

fn rule(description: &str) -> Block {
    let names = || Attribute::optional(Type::set(Type::String));
    Block::new()
        .describe(description)
        .attribute(
            "names",
            names()
                .describe("Exact names.")
                .check_each(|name: &String| checks::log_group_name(name)),
        )
        .attribute(
            "name_prefixes",
            names()
                .describe("Name prefixes, for example `/aws/lambda/`: one of them must match.")
                .check_each(|prefix: &String| checks::name_prefix(prefix)),
        )
        .attribute(
            "name_regex",
            Attribute::optional(Type::String)
                .describe(
                    "Regular expression that must match somewhere in the name, in the syntax of \
                     Rust's `regex` crate: RE2's, without look-around and back-references.",
                )
                .check(|pattern: &String| checks::name_regex(pattern)),
        )
        .attribute(
            "tags",
            Attribute::optional(Type::map(Type::String))
                .describe(
                    "Tags that the log group must have, all of them. `*` in a value matches any \
                     string, so `\"*\"` matches any value; case-sensitive.",
                )
                .check(|tags: &BTreeMap<String, Attr<String>>| checks::tags(tags)),
        )
        .attribute(
            "log_group_classes",
            names()
                .describe("Classes: `STANDARD`, `INFREQUENT_ACCESS`, `ESSENTIALS` or `DELIVERY`.")
                .check_each(|class: &String| checks::log_group_class(class)),
        )
}
