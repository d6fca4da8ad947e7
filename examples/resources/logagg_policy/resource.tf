variable "shipper_arn" {
  description = "The Lambda function that receives the logs."
  type        = string
}

resource "logagg_policy" "lambda" {
  name              = "lambda-to-search"
  destination_arn   = var.shipper_arn
  retention_in_days = 30

  select {
    name_prefixes = ["/aws/lambda/"]
  }
  exclude {
    name_regex = "-canary$"
  }

  lifecycle {
    postcondition {
      condition     = self.pending == 0
      error_message = "Some log groups are not yet as the policy says: plan again to see which."
    }
  }
}
