terraform {
  required_version = ">= 1.5"

  required_providers {
    logagg = {
      source = "logagg/logagg"
    }
  }
}

variable "places" {
  description = "The accounts and regions to govern, by names of your own."
  type = map(object({
    region      = string
    role_arn    = string
    shipper_arn = string
  }))
}

variable "retention_in_days" {
  description = "How long CloudWatch Logs keeps events, everywhere."
  type        = number
  default     = 30
}

# One provider block for all: where a policy is at work is said by the policy.
provider "logagg" {
  region = "eu-central-1"
}

resource "logagg_policy" "lambda" {
  for_each = var.places

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
  description = "How many log groups are governed in each place."
  value       = { for name, policy in logagg_policy.lambda : name => length(policy.log_groups) }
}

output "skipped" {
  description = "Log groups that are chosen but not subscribed, each with the reason."
  value       = { for name, policy in logagg_policy.lambda : name => policy.skipped }
}
