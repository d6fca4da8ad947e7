output "skipped" {
  description = "Log groups that are chosen but not subscribed, each with the reason."
  value       = logagg_policy.lambda.skipped
}

output "shipper_arn" {
  description = "The shipper, for other policies."
  value       = aws_lambda_function.shipper.arn
}

output "undelivered_bucket" {
  description = "Where undelivered events and dead letters are."
  value       = aws_s3_bucket.undelivered.bucket
}

output "undelivered_dead_letter_queue_url" {
  description = "Pointers to events that could not be delivered in all attempts."
  value       = aws_sqs_queue.undelivered_dead.url
}
