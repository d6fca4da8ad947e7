output "shipper_arn" {
  description = "ARN of the shipper, for the `destination_arn` of further policies. Known once CloudWatch Logs may invoke the function and undelivered events are stored."
  value       = module.shipper.function_arn
}

output "shipper_name" {
  description = "Name of the shipper."
  value       = module.shipper.function_name
}

output "shipper_role_arn" {
  description = "ARN of the shipper's role, for resource policies of destinations."
  value       = module.shipper.role_arn
}

output "shipper_role_name" {
  description = "Name of the shipper's role."
  value       = module.shipper.role_name
}

output "shipper_log_group_name" {
  description = "Log group with the shipper's summary lines."
  value       = module.shipper.log_group_name
}

output "enforcer_arn" {
  description = "ARN of the enforcer, or null."
  value       = one(module.enforcer[*].function_arn)
}

output "enforcer_role_name" {
  description = "Name of the enforcer's role, or null."
  value       = one(module.enforcer[*].role_name)
}

output "enforcer_dead_letter_queue_url" {
  description = "Queue with events of log groups that could not be subscribed in all attempts, or null."
  value       = one(module.enforcer[*].dead_letter_queue_url)
}

output "undelivered_bucket" {
  description = "Bucket with undelivered events and dead letters."
  value       = module.shipper.undelivered_bucket
}

output "undelivered_queue_url" {
  description = "Queue with pointers to undelivered events."
  value       = module.shipper.undelivered_queue_url
}

output "undelivered_dead_letter_queue_url" {
  description = "Queue with pointers to events that were not delivered in all attempts."
  value       = module.shipper.undelivered_dead_letter_queue_url
}

output "backfill_function_name" {
  description = "Name of the function that backfills, with `create_backfill`."
  value       = module.shipper.backfill_function_name
}

output "backfill_dead_letter_queue_url" {
  description = "Queue of slices that were not finished in all attempts, with `create_backfill`."
  value       = module.shipper.backfill_dead_letter_queue_url
}

output "log_groups" {
  description = "The selected log groups, by name, with their retention and subscription."
  value       = one(logagg_policy.this[*].log_groups)
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = one(logagg_policy.this[*].skipped)
}

output "policy_document" {
  description = "The policy as JSON, as the enforcer applies it, or null."
  value       = one(logagg_policy.this[*].document)
}

output "iam_policies" {
  description = "IAM policies as JSON for credentials that `plan` or `apply` the policy alone, or null."
  value = one([
    for policy in logagg_policy.this : {
      # A mocked provider has no document that can be read.
      for phase in ["plan", "apply"] : phase => try(provider::logagg::iam_policy(policy.document, phase), null)
    }
  ])
}

output "alarm_arns" {
  description = "ARNs of the alarms, by name."
  value = merge(
    module.shipper.alarm_arns,
    merge(module.enforcer[*].alarm_arns...),
    { for alarm in aws_cloudwatch_metric_alarm.delivery_errors : alarm.alarm_name => alarm.arn },
  )
}
