use std::collections::BTreeMap;
use std::time::SystemTime;

use super::super::input::{Input, Text};
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::world::Scope;
use super::filter::Filter;
use super::{GROUP_NAME, no_such_group, nothing, tags};

/// A log group, as it is or as it is to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its class, which never changes.
    pub class: Class,
    /// Its retention in days; `None` if events never expire.
    pub retention_in_days: Option<u16>,
    /// Whether it cannot be deleted.
    pub deletion_protection: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How much it holds.
    pub stored_bytes: u64,
    /// When it took in how many bytes, as the metric `IncomingBytes` has them.
    pub ingested: Vec<(SystemTime, u64)>,
    /// When it was created; when none, at the moment it is added.
    pub created: Option<SystemTime>,
    /// Its encryption key.
    pub kms_key_id: Option<String>,
    /// Its subscription filters by name.
    pub filters: BTreeMap<String, Filter>,
}

/// A log group's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The one that can do everything.
    Standard,
    /// Cheaper, and without subscription filters.
    InfrequentAccess,
    /// Keeps lines for a day, for delivery elsewhere.
    Delivery,
    /// Cheaper, with fewer features.
    Essentials,
}

impl Class {
    pub(super) const NAMES: [&str; 4] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub(super) fn of(name: Option<&str>) -> Option<Self> {
        let all = [Self::Standard, Self::InfrequentAccess, Self::Delivery, Self::Essentials];
        all.into_iter().find(|class| Some(class.name()) == name)
    }
}

impl Group {
    /// An empty log group of class `STANDARD` that never expires.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            class: Class::Standard,
            retention_in_days: None,
            deletion_protection: false,
            tags: BTreeMap::new(),
            stored_bytes: 0,
            ingested: Vec::new(),
            created: None,
            kms_key_id: None,
            filters: BTreeMap::new(),
        }
    }

    /// Of another class.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// With lines kept for so many days.
    #[must_use]
    pub fn retention(mut self, days: u16) -> Self {
        self.retention_in_days = Some(days);
        self
    }

    /// Protected from deletion.
    #[must_use]
    pub fn protected(mut self) -> Self {
        self.deletion_protection = true;
        self
    }

    /// With a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Holding so much.
    #[must_use]
    pub fn stored_bytes(mut self, bytes: u64) -> Self {
        self.stored_bytes = bytes;
        self
    }

    /// Having taken in so much at a time.
    #[must_use]
    pub fn ingested(mut self, at: SystemTime, bytes: u64) -> Self {
        self.ingested.push((at, bytes));
        self
    }

    /// With a subscription filter.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.insert(filter.name.clone(), filter);
        self
    }

    /// Its ARN, without `:*`.
    pub fn arn(&self, place: &Place) -> String {
        place.arn("logs", format_args!("log-group:{}", self.name))
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
pub(super) fn create(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("logGroupName", GROUP_NAME);
    let class = input.choice("logGroupClass", &Class::NAMES);
    let kms_key_id = input.text("kmsKeyId", Text::of(0, 256));
    let protected = input.flag("deletionProtectionEnabled");
    let tags = input.map("tags", (1, 50), (tags::KEY, tags::VALUE));
    input.finish()?;
    let now = scope.now;
    let groups = &mut scope.here().logs.groups;
    if groups.contains_key(&name) {
        let message = "The specified log group already exists";
        return Err(Refusal::bad("ResourceAlreadyExistsException", message));
    }
    let class = Class::of(class.as_deref()).unwrap_or(Class::Standard);
    let group = Group {
        class,
        // A log group of this class has a fixed retention of a day.
        retention_in_days: (class == Class::Delivery).then_some(1),
        deletion_protection: protected.unwrap_or_default(),
        tags: tags.unwrap_or_default(),
        created: Some(now),
        kms_key_id,
        ..Group::named(name.clone())
    };
    groups.insert(name, group);
    Ok(nothing())
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html>
pub(super) fn delete(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("logGroupName", GROUP_NAME);
    input.finish()?;
    let groups = &mut scope.here().logs.groups;
    let group = groups.get(&name).ok_or_else(no_such_group)?;
    if group.deletion_protection {
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protecting-log-groups-from-deletion.html>
        let message = "Cannot delete log group with deletion protection enabled. Disable deletion \
                       protection first.";
        return Err(Refusal::bad("ValidationException", message));
    }
    groups.remove(&name);
    Ok(nothing())
}

/// The page of the call says that the identifier is a name or an ARN, and in another place that it
/// matches what names and ARNs match. The AWS provider's authors found that it takes the ARN only.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogGroupDeletionProtection.html>,
/// <https://github.com/hashicorp/terraform-provider-aws/pull/45298>
pub(super) fn protect(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let identifier = input.required("logGroupIdentifier", tags::ARN);
    let protected = input.flag("deletionProtectionEnabled");
    input.finish()?;
    let Some(protected) = protected else {
        return Err(Refusal::invalid(
            "1 validation error detected: Value null at 'deletionProtectionEnabled' failed to \
             satisfy constraint: Member must not be null",
        ));
    };
    let group = tags::named(scope, &identifier)?;
    if group.class == Class::Delivery {
        // No page says whether this class takes it: the inconvenient of the two.
        let message = "This operation is not supported on the Delivery log class.";
        return Err(Refusal::bad("InvalidOperationException", message));
    }
    group.deletion_protection = protected;
    Ok(nothing())
}
