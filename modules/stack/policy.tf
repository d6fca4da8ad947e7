resource "logagg_policy" "this" {
  count = var.create_policy ? 1 : 0

  name                           = var.name
  region                         = local.region
  destination_arn                = module.shipper.function_arn
  filter_pattern                 = var.filter_pattern
  emit_system_fields             = var.emit_system_fields
  retention_in_days              = var.retention_in_days
  retention_mode                 = var.retention_mode
  retention_on_destroy           = var.retention_on_destroy
  deletion_protection            = var.deletion_protection
  deletion_protection_on_destroy = var.deletion_protection_on_destroy
  on_conflict                    = var.on_conflict
  replace_destination_arns       = var.replace_destination_arns
  max_changes                    = var.max_changes
  min_matches                    = var.min_matches

  dynamic "select" {
    for_each = var.select

    content {
      log_group_classes = select.value.log_group_classes
      name_prefixes     = select.value.name_prefixes
      name_regex        = select.value.name_regex
      names             = select.value.names
      tags              = select.value.tags
    }
  }
  dynamic "exclude" {
    for_each = var.exclude

    content {
      log_group_classes = exclude.value.log_group_classes
      name_prefixes     = exclude.value.name_prefixes
      name_regex        = exclude.value.name_regex
      names             = exclude.value.names
      tags              = exclude.value.tags
    }
  }

  lifecycle {
    postcondition {
      condition     = self.account_id == data.aws_caller_identity.current.account_id
      error_message = "The providers logagg and aws have credentials of different accounts."
    }
    postcondition {
      condition     = self.pending == 0
      error_message = "Some log groups are not yet as the policy says: plan again to see which."
    }
  }
}

# The policy is destroyed before the functions, whose log groups a destroy could not delete then.
check "own_log_groups_can_be_destroyed" {
  assert {
    condition = local.protects ? !anytrue([
      for function in concat(["shipper"], var.create_enforcer ? ["enforcer"] : [], var.create_backfill ? ["backfill"] : []) :
      # A mocked provider has no document that can be read.
      try(provider::logagg::selects(logagg_policy.this[0].document, "/aws/lambda/${var.name}-${function}"), false)
    ]) : true
    error_message = "The policy protects the log groups of this module's own functions, so a destroy of the module stops at them. Set deletion_protection_on_destroy = \"restore\", or exclude them."
  }
}

# Where CloudWatch Logs may not invoke the shipper, or the shipper is throttled for too long, its events are not
# forwarded: CloudWatch Logs alone knows. docs/guides/failures.md says who acts.
resource "aws_cloudwatch_metric_alarm" "delivery_errors" {
  count = var.create_policy && var.create_alarms && var.alarm_on_delivery_errors ? 1 : 0

  region              = var.region
  alarm_name          = "${var.name}-delivery-errors"
  alarm_description   = "CloudWatch Logs could not deliver log events to the shipper: restore its permission to invoke the function."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags

  metric_query {
    id          = "errors"
    period      = 300
    return_data = true
    expression  = "SELECT SUM(DeliveryErrors) FROM SCHEMA(\"AWS/Logs\", DestinationType, FilterName, LogGroupName) WHERE FilterName = '${var.name}'"
  }
}
