data "logagg_log_groups" "lambda" {
  include_subscription_filters = true

  select {
    name_prefixes = ["/aws/lambda/"]
  }
}

output "unlimited_bytes" {
  description = "What is stored in log groups whose events never expire."
  value = sum(concat([0], [
    for group in data.logagg_log_groups.lambda.log_groups : group.stored_bytes
    if group.retention_in_days == 0
  ]))
}

check "every_function_is_shipped" {
  assert {
    condition = alltrue([
      for group in data.logagg_log_groups.lambda.log_groups : length(group.subscription_filters) > 0
    ])
    error_message = "Some functions' log groups have no subscription filter."
  }
}
