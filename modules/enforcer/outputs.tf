output "function_arn" {
  description = "ARN of the enforcer."
  value       = aws_lambda_function.enforcer.arn
}

output "function_name" {
  description = "Name of the enforcer."
  value       = aws_lambda_function.enforcer.function_name
}

output "role_arn" {
  description = "ARN of the enforcer's role."
  value       = aws_iam_role.enforcer.arn
}

output "role_name" {
  description = "Name of the enforcer's role."
  value       = aws_iam_role.enforcer.name
}

output "log_group_name" {
  description = "Log group with the enforcer's summary lines."
  value       = aws_cloudwatch_log_group.enforcer.name
}

output "queue_url" {
  description = "Queue with events of new log groups."
  value       = aws_sqs_queue.created.url
}

output "dead_letter_queue_url" {
  description = "Queue with events of log groups that could not be subscribed in all attempts."
  value       = aws_sqs_queue.dead.url
}

output "alarm_arns" {
  description = "ARNs of the alarms, by name."
  value       = { for alarm in local.alarms : alarm.alarm_name => alarm.arn }
}
