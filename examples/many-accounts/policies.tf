# One policy with for_each: region and role are arguments of the policy, so one provider block covers all accounts.
provider "logagg" {
  region = "eu-central-1"
}

resource "logagg_policy" "lambda" {
  for_each = local.targets

  name              = "lambda-to-search"
  region            = each.value.region
  destination_arn   = each.value.shipper_arn
  retention_in_days = var.retention_in_days

  assume_role {
    role_arn     = each.value.role_arn
    session_name = "logagg-${each.key}"
  }
  select {
    name_prefixes = ["/aws/lambda/"]
  }

  lifecycle {
    postcondition {
      condition     = self.pending == 0
      error_message = "In ${each.key} some log groups are not yet as the policy says: plan again to see which."
    }
  }
}

output "log_groups" {
  description = "Number of selected log groups of each target."
  value       = { for name, policy in logagg_policy.lambda : name => length(policy.log_groups) }
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = { for name, policy in logagg_policy.lambda : name => policy.skipped }
}
