terraform {
  required_version = ">= 1.5"

  required_providers {
    logagg = {
      source  = "logagg/logagg"
      version = "~> 0.1"
    }
  }
}

variable "region" {
  description = "Region of the log groups."
  type        = string
  default     = "eu-central-1"
}

variable "shipper_arn" {
  description = "ARN of the Lambda function that receives log events, such as the shipper of this project."
  type        = string
}

provider "logagg" {
  region = var.region
}

# The log groups of all Lambda functions: forwarded to one function, which CloudWatch Logs may invoke, and kept for
# 30 days.
resource "logagg_policy" "lambda" {
  name              = "ship-lambda-logs"
  destination_arn   = var.shipper_arn
  grant_invoke      = true
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
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = logagg_policy.lambda.skipped
}

output "document" {
  description = "The policy as JSON, for the enforcer."
  value       = logagg_policy.lambda.document
}
