data "aws_partition" "current" {}

# One account and one region with everything that teams set: see modules/stack for what each argument means.
module "logagg" {
  source = "../../modules/stack"

  name         = var.name
  architecture = "arm64"
  # From the bucket that the release was copied to, checked against its SHA256SUMS.
  shipper_archive  = merge({ bucket = var.archive_bucket }, var.shipper_archive)
  enforcer_archive = merge({ bucket = var.archive_bucket }, var.enforcer_archive)

  # What is selected, and for how long log events are kept.
  select = [
    { name_prefixes = ["/aws/lambda/", "/ecs/"] },
    { tags = { forward = "true" } },
  ]
  exclude              = [{ name_regex = "-canary$" }]
  retention_in_days    = var.retention_in_days
  retention_mode       = "at_least"
  retention_on_destroy = "keep"
  max_changes          = var.max_changes

  # Where log events go, and what is done to them first.
  shipper_configuration = {
    destinations = {
      search = {
        type  = "elasticsearch"
        url   = var.search_url
        index = "logs-lambda"
        auth  = { type = "api_key", api_key = "${var.search_secret_arn}:api_key" }
      }
      archive = {
        type   = "s3"
        bucket = var.bucket
        prefix = "lambda/{yyyy}/{MM}/{dd}/{HH}/"
      }
    }
    processing = {
      exclude = [{ name = "debug", levels = ["trace", "debug"] }]
      redact  = ["email", "card_number"]
    }
  }
  secret_arns = [var.search_secret_arn]
  extra_policy_statements = [{
    sid       = "Archive"
    actions   = ["s3:PutObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket}/lambda/*"]
  }]

  # How the functions run.
  shipper_memory_size  = 256
  shipper_timeout      = 60
  shipper_concurrency  = var.shipper_concurrency
  replay_concurrency   = 10
  tracing_mode         = "PassThrough"
  permissions_boundary = var.permissions_boundary
  kms_key_arn          = var.kms_key_arn
  secret_kms_key_arns  = [var.kms_key_arn]
  vpc_config = {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }

  # Who is told, and what destroying the stack deletes.
  alarm_topic_arns              = [var.alarm_topic_arn]
  undelivered_retention_in_days = 90
  force_destroy                 = false
  tags                          = var.tags
}
