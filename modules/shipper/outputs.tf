output "function_arn" {
  description = "ARN of the shipper, for a policy's `destination_arn`. Known once CloudWatch Logs may invoke the function and undelivered events are stored."
  value       = aws_lambda_function.shipper.arn

  # CloudWatch Logs tests a destination before it accepts a filter, and delivers at once.
  depends_on = [
    aws_lambda_permission.cloudwatch_logs,
    aws_lambda_function_event_invoke_config.shipper,
    aws_s3_bucket_notification.undelivered,
  ]
}

output "function_name" {
  description = "Name of the shipper."
  value       = aws_lambda_function.shipper.function_name
}

output "role_arn" {
  description = "ARN of the shipper's role, for resource policies of destinations."
  value       = aws_iam_role.shipper.arn
}

output "role_name" {
  description = "Name of the shipper's role."
  value       = aws_iam_role.shipper.name
}

output "log_group_name" {
  description = "Log group with the shipper's summary lines."
  value       = aws_cloudwatch_log_group.shipper.name
}

output "parameter_name" {
  description = "Parameter with the shipper's configuration."
  value       = aws_ssm_parameter.shipper.name
}

output "undelivered_bucket" {
  description = "Bucket with undelivered events and dead letters."
  value       = aws_s3_bucket.undelivered.bucket
}

output "undelivered_queue_url" {
  description = "Queue with pointers to undelivered events."
  value       = aws_sqs_queue.undelivered.url
}

output "undelivered_dead_letter_queue_url" {
  description = "Queue with pointers to events that were not delivered in all attempts."
  value       = aws_sqs_queue.undelivered_dead.url
}

output "backfill_function_name" {
  description = "Name of the function that backfills, with `create_backfill`."
  value       = one(aws_lambda_function.backfill[*].function_name)
}

output "backfill_queue" {
  description = "Queue of the slices of a backfill, with `create_backfill`: its `url` and `arn`."
  value       = one([for queue in aws_sqs_queue.backfill : { url = queue.url, arn = queue.arn }])
}

output "backfill_dead_letter_queue_url" {
  description = "Queue of slices that were not finished in all attempts, with `create_backfill`."
  value       = one(aws_sqs_queue.backfill_dead[*].url)
}

output "alarm_arns" {
  description = "ARNs of the alarms, by name."
  value       = { for alarm in local.alarms : alarm.alarm_name => alarm.arn }
}
