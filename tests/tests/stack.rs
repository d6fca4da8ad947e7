//! A folder of Terraform files, read without Terraform: what is declared in it, what is referred to,
//! what its roles may do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hcl_edit::expr::{Expression, Traversal, TraversalOperator};
use hcl_edit::parser::{parse_body, parse_expr};
use hcl_edit::structure::{Block, BlockLabel, Body};
use hcl_edit::template::Element;
use hcl_edit::visit::{Visit, visit_block, visit_traversal};
use hcl_edit::visit_mut::{VisitMut, visit_expr_mut};
use logagg_e2e::workspace;
use serde_json::{Value, json};

const REQUIRED: &str = "terraform {\n  required_providers {\n    \
                        logagg = { source = \"logagg/logagg\" }\n  }\n}\n";

const TOP_LEVEL: [&str; 12] = [
    "check",
    "data",
    "import",
    "locals",
    "module",
    "moved",
    "output",
    "provider",
    "removed",
    "resource",
    "terraform",
    "variable",
];

/// All files of a module or an example, as one.
pub(crate) struct Stack {
    body: Body,
}

impl Stack {
    /// Those of a folder of the checkout.
    pub(crate) fn of(folder: &str) -> Self {
        let mut body = Body::new();
        for file in terraform_files(&workspace::root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let read =
                parse_body(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            for structure in read {
                body.push(structure);
            }
        }
        Self { body }
    }

    /// The contents of a block of a page.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        Ok(Self { body: parse_body(text).map_err(|error| error.to_string())? })
    }

    /// Whether it is a complete file; else it is an excerpt of some block.
    pub(crate) fn is_whole(&self) -> bool {
        self.body.iter().all(|structure| {
            structure.as_block().is_some_and(|block| TOP_LEVEL.contains(&block.ident.as_str()))
        })
    }

    /// Everything that can be referred to, as in `var.region` and `aws_sqs_queue.failed`.
    pub(crate) fn declared(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for block in self.body.blocks() {
            let labels: Vec<_> = block.labels.iter().map(BlockLabel::as_str).collect();
            match (block.ident.as_str(), &labels[..]) {
                ("variable", [name]) => names.insert(format!("var.{name}")),
                ("resource", [kind, name]) => names.insert(format!("{kind}.{name}")),
                ("data", [kind, name]) => names.insert(format!("data.{kind}.{name}")),
                ("locals", []) => {
                    let locals = block.body.attributes();
                    names.extend(locals.map(|local| format!("local.{}", local.key.as_str())));
                    continue;
                }
                _ => continue,
            };
        }
        names
    }

    /// Everything that is referred to, in the same form.
    pub(crate) fn referred(&self) -> BTreeSet<String> {
        let mut references = References(BTreeSet::new());
        references.visit_body(&self.body);
        references.0
    }

    /// What this local value refers to.
    pub(crate) fn referred_in(&self, local: &str) -> BTreeSet<String> {
        let mut references = References(BTreeSet::new());
        for locals in self.body.get_blocks("locals") {
            if let Some(local) = locals.body.get_attribute(local) {
                references.visit_attr(local);
            }
        }
        references.0
    }

    /// What this output refers to.
    pub(crate) fn referred_by_output(&self, name: &str) -> BTreeSet<String> {
        let mut references = References(BTreeSet::new());
        for output in self.body.get_blocks("output") {
            if output.has_exact_labels(&[name]) {
                references.visit_block(output);
            }
        }
        references.0
    }

    /// Every action that a statement of this `aws_iam_policy_document` allows.
    pub(crate) fn actions(&self, document: &str) -> BTreeSet<String> {
        let mut actions = Actions(BTreeSet::new());
        actions.visit_block(self.document(document));
        actions.0
    }

    /// This `aws_iam_policy_document` as IAM takes it, without its dynamic statements; `values` has what
    /// it refers to, by how it is written there.
    pub(crate) fn policy(&self, document: &str, values: &BTreeMap<&str, &str>) -> Value {
        let statements = self.document(document).body.get_blocks("statement");
        let statements: Vec<_> =
            statements.map(|statement| statement_of(&statement.body, values)).collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn document(&self, name: &str) -> &Block {
        let wanted = |block: &&Block| {
            block.has_ident("data") && block.has_exact_labels(&["aws_iam_policy_document", name])
        };
        self.body.blocks().find(wanted).expect(name)
    }

    /// Every block at the top, such as a resource.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.body.blocks()
    }

    /// What is left without the AWS provider: what refers to it refers to a variable. A `removed` block
    /// is about its resources, too.
    pub(crate) fn without_aws(&self) -> String {
        let mut left: Body =
            self.body.blocks().filter(|block| !is_left_out(block)).cloned().collect();
        for block in left.blocks_mut() {
            for providers in block.body.get_blocks_mut("required_providers") {
                providers.body.remove_attribute("aws");
            }
        }
        Elsewhere.visit_body_mut(&mut left);
        format!("{left}\n{}", variable("elsewhere"))
    }

    /// A configuration with this in it: the provider is named, and every variable declared.
    pub(crate) fn completed(&self) -> String {
        let mut text = self.without_aws();
        if !self.body.has_blocks("terraform") {
            text.push_str(REQUIRED);
        }
        for name in self.referred().difference(&self.declared()) {
            if let Some(name) = name.strip_prefix("var.") {
                text.push_str(&variable(name));
            }
        }
        text
    }
}

fn statement_of(body: &Body, values: &BTreeMap<&str, &str>) -> Value {
    let list = |body: &Body, name: &str| {
        let list = &body.get_attribute(name).expect(name).value;
        let list = list.as_array().expect("a list").iter();
        Value::from(list.map(|one| text(one, values)).collect::<Vec<_>>())
    };
    let one = |body: &Body, name: &str| text(&body.get_attribute(name).expect(name).value, values);
    let mut statement = json!({
        "Sid": one(body, "sid"), "Effect": "Allow",
        "Action": list(body, "actions"), "Resource": list(body, "resources"),
    });
    if body.has_attribute("effect") {
        statement["Effect"] = one(body, "effect").into();
    }
    for principals in body.get_blocks("principals") {
        statement["Principal"][one(&principals.body, "type")] =
            list(&principals.body, "identifiers");
    }
    for condition in body.get_blocks("condition") {
        let (test, variable) = (one(&condition.body, "test"), one(&condition.body, "variable"));
        statement["Condition"][test][variable] = list(&condition.body, "values");
    }
    statement
}

/// The text of an expression.
fn text(expression: &Expression, values: &BTreeMap<&str, &str>) -> String {
    let refers = |expression: &Expression| {
        let written = expression.to_string();
        let value = values.get(written.trim());
        (*value.unwrap_or_else(|| panic!("nothing is given for {written}"))).to_owned()
    };
    match expression {
        Expression::String(text) => text.to_string(),
        Expression::StringTemplate(template) => template
            .iter()
            .map(|element| match element {
                Element::Literal(text) => text.to_string(),
                Element::Interpolation(part) => refers(&part.expr),
                Element::Directive(_) => panic!("a directive in {expression}"),
            })
            .collect(),
        other => refers(other),
    }
}

/// Every file of Terraform's in a folder, without those in folders of it.
pub(crate) fn terraform_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tf"))
        .collect();
    files.sort();
    files
}

fn variable(name: &str) -> String {
    format!("variable \"{name}\" {{\n  type = any\n}}\n")
}

fn is_left_out(block: &Block) -> bool {
    let kind = block.labels.first().map_or("", |label| label.as_str());
    match block.ident.as_str() {
        "resource" | "data" => kind.starts_with("aws_"),
        "provider" => kind == "aws",
        "removed" => true,
        // Terraform has it from 1.12 on, and the tests work with older ones.
        "import" => block.body.has_attribute("identity"),
        _ => false,
    }
}

/// The name that a traversal leads to, if it is one that a configuration declares.
fn name(traversal: &Traversal) -> Option<String> {
    let Expression::Variable(root) = &traversal.expr else { return None };
    let mut way = traversal.operators.iter().map_while(|operator| match operator.value() {
        TraversalOperator::GetAttr(name) => Some(name.as_str()),
        _ => None,
    });
    match root.as_str() {
        "var" | "local" => Some(format!("{}.{}", root.as_str(), way.next()?)),
        "data" => Some(format!("data.{}.{}", way.next()?, way.next()?)),
        kind if kind.starts_with("aws_") || kind.starts_with("logagg_") => {
            Some(format!("{kind}.{}", way.next()?))
        }
        _ => None,
    }
}

struct References(BTreeSet<String>);

impl Visit for References {
    fn visit_traversal(&mut self, traversal: &Traversal) {
        self.0.extend(name(traversal));
        visit_traversal(self, traversal);
    }
}

struct Actions(BTreeSet<String>);

impl Visit for Actions {
    fn visit_block(&mut self, block: &Block) {
        // What a module's caller adds is no list here.
        let actions = block.body.get_attribute("actions");
        let list = actions.and_then(|actions| actions.value.as_array()).into_iter().flatten();
        self.0.extend(list.map(|action| action.as_str().unwrap().to_owned()));
        visit_block(self, block);
    }
}

/// Replaces every reference to AWS resources with a variable.
struct Elsewhere;

impl VisitMut for Elsewhere {
    fn visit_expr_mut(&mut self, expression: &mut Expression) {
        let of_aws = |name: String| name.starts_with("aws_") || name.starts_with("data.aws_");
        if let Expression::Traversal(traversal) = expression
            && name(traversal).is_some_and(of_aws)
        {
            *expression = parse_expr("var.elsewhere").unwrap();
        }
        visit_expr_mut(self, expression);
    }
}
