output "skipped" {
  description = "Log groups that are chosen but not subscribed, each with the reason."
  value       = logagg_policy.lambda.skipped
}

output "shipper_arn" {
  description = "The shipper, for other policies."
  value       = aws_lambda_function.shipper.arn
}

output "dead_queue_url" {
  description = "Where to look for what failed again and again."
  value       = aws_sqs_queue.dead.url
}
