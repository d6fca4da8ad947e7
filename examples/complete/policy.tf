# Every function's log group: shipped, and kept for so long.
resource "logagg_policy" "lambda" {
  name              = var.name
  destination_arn   = aws_lambda_function.shipper.arn
  retention_in_days = var.retention_in_days

  select {
    name_prefixes = ["/aws/lambda/"]
  }

  # A plan that goes further than anybody thought possible fails.
  max_changes = 500

  lifecycle {
    postcondition {
      condition     = self.pending == 0
      error_message = "Some log groups are not yet as the policy says: plan again to see which."
    }
  }

  # CloudWatch Logs tries a destination before it takes a filter.
  depends_on = [aws_lambda_permission.cloudwatch_logs]
}
