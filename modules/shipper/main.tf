# The shipper: CloudWatch Logs invokes it; it forwards log events and stores those that it cannot deliver.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {
  region = var.region
}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # What the configuration has unless these fields are given.
  defaults = merge({
    undelivered = {
      bucket       = aws_s3_bucket.undelivered.bucket
      bucket_owner = local.account_id
      prefix       = "logagg/"
      queue_url    = aws_sqs_queue.undelivered.url
    }
    metrics = { namespace = var.metrics_namespace }
    }, { for name, tables in { tags = var.tag_tables } : name => merge({
      accounts     = sort(tables.accounts)
      bucket       = coalesce(tables.bucket, aws_s3_bucket.undelivered.bucket)
      bucket_owner = coalesce(tables.bucket_owner, local.account_id)
      prefix       = "logagg/"
  }, { for argument, region in { region = tables.region } : argument => region if region != null }) if tables != null })
  # Lists, since the types of objects differ, and splats, since a condition on a value that is known after apply would
  # hide the fields from a plan.
  given = merge(concat(
    [for destinations in var.destinations[*] : { destinations = destinations }],
    var.configuration[*],
  )...)
  configuration = merge({ for name, value in local.given : name => value if name != "backfill" }, {
    for section, defaults in local.defaults :
    section => merge(concat([defaults], [for name, fields in local.given : fields if name == section])...)
  })
  document = jsonencode(local.configuration)
  # Sizes that an error shows instead of the document. A first plan knows only that of what is given: the bucket and the
  # queue have no names yet.
  sizes = [length(jsonencode(local.given)), length(local.document)]

  metrics_namespace = local.configuration.metrics.namespace
  # The names alone are not secret.
  destinations = nonsensitive(keys(local.configuration.destinations))

  # Lambda has hashes in base64, releases in hexadecimal: three digits are two characters of base64.
  base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  digits = var.archive.sha256 == null ? "" : "${var.archive.sha256}00"
  characters = [
    for group in regexall("...", local.digits) : join("", [
      substr(local.base64, floor(parseint(group, 16) / 64), 1),
      substr(local.base64, parseint(group, 16) % 64, 1),
    ])
  ]
  archive_hash = (
    var.archive.path != null
    ? filebase64sha256(var.archive.path)
    : "${substr(join("", local.characters), 0, 43)}="
  )
}

resource "aws_lambda_function" "shipper" {
  #checkov:skip=CKV_AWS_116:Lambda records failed events in the bucket: see aws_lambda_function_event_invoke_config.shipper.

  region            = var.region
  function_name     = "${var.name}-shipper"
  description       = "Forwards log events of CloudWatch Logs, ${substr(sha256(local.document), 0, 8)}"
  filename          = var.archive.path
  s3_bucket         = var.archive.bucket
  s3_key            = var.archive.key
  s3_object_version = var.archive.version
  source_code_hash  = local.archive_hash
  runtime           = "provided.al2023"
  handler           = "bootstrap"
  architectures     = [var.architecture]
  layers            = var.layers
  role              = aws_iam_role.shipper.arn
  memory_size       = var.memory_size
  timeout           = var.timeout
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags

  reserved_concurrent_executions = var.concurrency
  code_signing_config_arn        = var.code_signing_config_arn

  environment {
    variables = merge(var.environment, { LOGAGG_CONFIG_SSM = aws_ssm_parameter.shipper.name })
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.shipper.name
  }

  tracing_config {
    mode = var.tracing_mode
  }

  dynamic "vpc_config" {
    for_each = var.vpc_config[*]

    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6_allowed_for_dual_stack
    }
  }

  lifecycle {
    precondition {
      condition     = try(filesha256(var.archive.path) == coalesce(var.archive.sha256, filesha256(var.archive.path)), true)
      error_message = "The shipper's archive does not have the given sha256."
    }
  }

  depends_on = [aws_iam_role_policy.shipper]
}

# Its hash is in the function's description: a change has Lambda start new instances, which read it again.
resource "aws_ssm_parameter" "shipper" {
  region = var.region
  name   = "/${var.name}/shipper"
  type   = "SecureString"
  key_id = var.kms_key_arn
  tier   = "Intelligent-Tiering"
  value  = local.document
  tags   = var.tags

  lifecycle {
    precondition {
      condition     = alltrue([for size in local.sizes : size <= 8192])
      error_message = "The shipper's configuration does not fit into a parameter of Systems Manager, which holds 8,192 characters of JSON: shorten it, or split its destinations between two shippers."
    }
  }
}

resource "aws_cloudwatch_log_group" "shipper" {
  #checkov:skip=CKV_AWS_338:It has summary lines and no log events; log_retention_in_days keeps them longer.

  region            = var.region
  name              = "/aws/lambda/${var.name}-shipper"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_permission" "cloudwatch_logs" {
  count = var.allow_cloudwatch_logs ? 1 : 0

  region         = var.region
  function_name  = aws_lambda_function.shipper.function_name
  statement_id   = "cloudwatch-logs"
  action         = "lambda:InvokeFunction"
  principal      = local.partition == "aws-cn" ? "logs.amazonaws.com.cn" : "logs.amazonaws.com"
  source_account = local.account_id
  source_arn     = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*:*"
}
