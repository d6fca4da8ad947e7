output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = module.logagg.skipped
}

output "shipper_arn" {
  description = "ARN of the shipper, for further policies."
  value       = module.logagg.shipper_arn
}

output "undelivered_bucket" {
  description = "Bucket with undelivered events and dead letters."
  value       = module.logagg.undelivered_bucket
}

output "undelivered_dead_letter_queue_url" {
  description = "Queue with pointers to events that were not delivered in all attempts."
  value       = module.logagg.undelivered_dead_letter_queue_url
}

output "alarm_arns" {
  description = "ARNs of the alarms, by name."
  value       = module.logagg.alarm_arns
}
