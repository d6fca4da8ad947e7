use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{Document, Retention, Rule};
use tfplugin::Attr;

use super::model::Policy;
use crate::connection::RoleBlock;
use crate::selection::RuleBlock;

impl Policy {
    /// The resource that a document is of. What a document does not say is left out, and what is
    /// computed has yet to be read.
    pub(super) fn of(document: &Document, role: Option<RoleBlock>) -> Self {
        let Document { name, region, account_id, wanted, replaced, desired, selection } = document;
        let wanted = wanted.as_ref();
        let text = |text: &str| Attr::Known(text.to_owned());
        let blocks = |rules: &[Rule]| Attr::Known(rules.iter().map(RuleBlock::of).collect());
        Self {
            id: Attr::Known(format!("{name}@{region}")),
            account_id: text(account_id),
            region: text(region),
            assume_role: Attr::Known(role.into_iter().collect()),
            name: text(name),
            destination_arn: wanted.map(|wanted| wanted.destination_arn.clone()).into(),
            filter_name: wanted.map(|wanted| wanted.name.clone()).into(),
            filter_pattern: wanted.map(|wanted| wanted.pattern.clone()).into(),
            role_arn: wanted.and_then(|wanted| wanted.role_arn.clone()).into(),
            distribution: wanted.map(|wanted| wanted.distribution.to_string()).into(),
            apply_on_transformed_logs: wanted.map(|wanted| wanted.apply_on_transformed_logs).into(),
            field_selection_criteria: wanted
                .and_then(|wanted| wanted.field_selection_criteria.clone())
                .into(),
            emit_system_fields: wanted.map_or(Attr::Null, |it| texts(&it.emit_system_fields)),
            replace_destination_arns: texts(replaced),
            on_conflict: text(&desired.on_conflict.to_string()),
            grant_invoke: Attr::Null,
            retention_in_days: desired.retention.map(Retention::in_days).into(),
            retention_mode: text(&desired.mode.to_string()),
            retention_on_destroy: Attr::Null,
            deletion_protection: desired.deletion_protection.into(),
            deletion_protection_on_destroy: Attr::Null,
            refresh: Attr::Null,
            full_refresh_after_hours: Attr::Null,
            max_changes: Attr::Null,
            min_matches: Attr::Null,
            select: blocks(&selection.select),
            exclude: blocks(&selection.exclude),
            log_groups: Attr::Null,
            skipped: Attr::Null,
            pending: Attr::Null,
            document: Attr::Null,
            invoke_permission: Attr::Null,
        }
    }
}

impl RuleBlock {
    fn of(rule: &Rule) -> Self {
        let given = |list: &Option<BTreeSet<String>>| list.as_ref().map_or(Attr::Null, texts);
        let known =
            |(key, pattern): (&String, &String)| (key.clone(), Attr::Known(pattern.clone()));
        let tags = rule.tags.as_ref();
        Self {
            names: given(&rule.names),
            name_prefixes: given(&rule.name_prefixes),
            name_regex: rule.name_regex.as_ref().map(|regex| regex.as_str().to_owned()).into(),
            tags: tags.map(|tags| tags.patterns().map(known).collect::<BTreeMap<_, _>>()).into(),
            log_group_classes: given(&rule.log_group_classes),
        }
    }
}

fn texts(texts: &BTreeSet<String>) -> Attr<Vec<Attr<String>>> {
    Attr::Known(texts.iter().cloned().map(Attr::Known).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let document: Document = text.parse().unwrap();
        assert_eq!(Policy::of(&document, None).document(), Attr::Known(document.to_string()));
    }

    #[test]
    fn a_policy_of_a_document_has_that_document() {
        let place = "\"version\":1,\"name\":\"logs\",\"region\":\"eu-west-1\",\
                     \"account_id\":\"123456789012\"";
        let select = "\"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]";
        check(&format!("{{{place},\"retention_in_days\":0,{select}}}"));
        let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/logs";
        check(&format!(
            "{{{place},\"destination_arn\":\"{stream}\",\"filter_name\":\"other\",\
             \"filter_pattern\":\"ERROR\",\"role_arn\":\"arn:aws:iam::123456789012:role/logs\",\
             \"distribution\":\"Random\",\"apply_on_transformed_logs\":true,\
             \"field_selection_criteria\":\"@logStream LIKE 'a'\",\
             \"emit_system_fields\":[\"@aws.account\"],\
             \"replace_destination_arns\":[\"{stream}-old\"],\"on_conflict\":\"skip\",\
             \"retention_in_days\":30,\"retention_mode\":\"at_least\",\
             \"deletion_protection\":true,\
             \"select\":[{{\"names\":[\"/a\"]}},{{\"tags\":{{\"team\":\"*\"}}}}],\
             \"exclude\":[{{\"name_regex\":\"-canary$\",\"log_group_classes\":[\"STANDARD\"]}}]}}"
        ));
    }
}
