# The enforcer: applies policies to a log group when it is created, before the next plan. The event comes through
# CloudTrail: the account needs a trail that logs management events.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {
  region = var.region
}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  given = merge({ policies = var.policies }, var.configuration)
  # A list, since the types of objects differ.
  configuration = merge(local.given, {
    metrics = merge(concat(
      [{ namespace = var.metrics_namespace }],
      [for name, fields in local.given : fields if name == "metrics"],
    )...)
    }, {
    for section, defaults in merge(local.tag_table, local.gap_fill) :
    section => merge(concat([defaults], [for name, fields in local.given : fields if name == section])...)
  })
  document = jsonencode(local.configuration)
  # What an error shows instead of the document.
  size              = length(local.document)
  metrics_namespace = local.configuration.metrics.namespace
  # Without a region, the bucket is in the function's.
  tag_table = {
    for name, table in { tag_table = var.tag_table } : name => merge({
      keys         = table.keys
      bucket       = table.bucket
      bucket_owner = coalesce(table.bucket_owner, local.account_id)
      prefix       = "logagg/"
    }, { for argument, region in { region = table.region } : argument => region if region != null }) if table != null
  }
  gap_fill = {
    for name, gap_fill in { gap_fill = var.gap_fill } : name => {
      queue_url                      = gap_fill.queue.url
      destination_arn                = gap_fill.destination_arn
    } if gap_fill != null
  }

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

resource "aws_lambda_function" "enforcer" {
  #checkov:skip=CKV_AWS_116:Its events come from a queue that has a dead-letter queue.

  region            = var.region
  function_name     = "${var.name}-enforcer"
  description       = "Applies policies to new log groups"
  filename          = var.archive.path
  s3_bucket         = var.archive.bucket
  s3_key            = var.archive.key
  s3_object_version = var.archive.version
  source_code_hash  = local.archive_hash
  runtime           = "provided.al2023"
  handler           = "bootstrap"
  architectures     = [var.architecture]
  role              = aws_iam_role.enforcer.arn
  memory_size       = var.memory_size
  timeout           = var.timeout
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags

  reserved_concurrent_executions = var.concurrency
  code_signing_config_arn        = var.code_signing_config_arn

  environment {
    variables = merge(var.environment, { LOGAGG_CONFIG_SSM = aws_ssm_parameter.enforcer.name })
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.enforcer.name
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
      error_message = "The enforcer's archive does not have the given sha256."
    }
  }

  depends_on = [aws_iam_role_policy.enforcer]
}

# The policies as Terraform applies them. The enforcer reads the parameter again when a minute has passed.
resource "aws_ssm_parameter" "enforcer" {
  region = var.region
  name   = "/${var.name}/enforcer"
  type   = "SecureString"
  key_id = var.kms_key_arn
  tier   = "Intelligent-Tiering"
  value  = local.document
  tags   = var.tags

  lifecycle {
    precondition {
      condition     = local.size <= 8192
      error_message = "The enforcer's configuration does not fit into a parameter of Systems Manager, which holds 8,192 characters of JSON: shorten the policies, or split them between two enforcers."
    }
  }
}

resource "aws_cloudwatch_log_group" "enforcer" {
  #checkov:skip=CKV_AWS_338:It has summary lines and no log events; log_retention_in_days keeps them longer.

  region            = var.region
  name              = "/aws/lambda/${var.name}-enforcer"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}
