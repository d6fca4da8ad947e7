terraform {
  required_version = ">= 1.5"

  required_providers {
    logagg = {
      source = "logagg/logagg"
    }
  }
}

variable "region" {
  description = "The region whose log groups are governed."
  type        = string
  default     = "eu-central-1"
}

variable "shipper_arn" {
  description = "The Lambda function that receives the logs, such as the shipper of this project."
  type        = string
}

provider "logagg" {
  region = var.region
}

# Every Lambda function's log group: shipped to one place, and kept for 30 days.
resource "logagg_policy" "lambda" {
  name              = "ship-lambda-logs"
  destination_arn   = var.shipper_arn
  retention_in_days = 30

  select {
    name_prefixes = ["/aws/lambda/"]
  }

  lifecycle {
    postcondition {
      condition     = self.pending == 0
      error_message = "Some log groups are not yet as the policy says: plan again to see which."
    }
  }
}

output "skipped" {
  description = "Log groups that are chosen but not subscribed, each with the reason."
  value       = logagg_policy.lambda.skipped
}

output "document" {
  description = "The policy as a text, for the enforcer."
  value       = logagg_policy.lambda.document
}
