use super::super::input::Input;
use super::super::refusal::Refusal;
use super::super::world::Scope;
use super::group::{Class, Group};
use super::{GROUP_NAME, no_such_group, nothing};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const DAYS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

pub(super) fn put(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("logGroupName", GROUP_NAME);
    let days = input.number("retentionInDays", i64::MIN, i64::MAX);
    input.finish()?;
    let Some(days) = days else {
        return Err(Refusal::invalid(
            "1 validation error detected: Value null at 'retentionInDays' failed to satisfy \
             constraint: Member must not be null",
        ));
    };
    let known = DAYS.into_iter().find(|known| i64::from(*known) == days);
    let days = known.ok_or_else(|| {
        let known = DAYS.map(|days| days.to_string()).join(", ");
        Refusal::invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy \
             constraint: Member must satisfy enum value set: [{known}]"
        ))
    })?;
    changeable(scope, &name)?.retention_in_days = Some(days);
    Ok(nothing())
}

pub(super) fn delete(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("logGroupName", GROUP_NAME);
    input.finish()?;
    changeable(scope, &name)?.retention_in_days = None;
    Ok(nothing())
}

fn changeable<'a>(scope: &'a mut Scope<'_>, name: &str) -> Result<&'a mut Group, Refusal> {
    let group = scope.here().logs.groups.get_mut(name).ok_or_else(no_such_group)?;
    if group.class == Class::Delivery {
        let message = "This operation is not supported on the Delivery log class.";
        return Err(Refusal::bad("ValidationException", message));
    }
    Ok(group)
}
